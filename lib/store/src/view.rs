//! What a statement sees: the definitions and rows of one moment, and on top of them what its own transaction wrote.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use qx_formats::delta_log::Op;
use qx_formats::{Error, Kind, Result};
use qx_log::{End, Reader};
use uuid::Uuid;

use crate::catalog::{Catalog, Define, FILE};
use crate::cold::Cold;
use crate::database::{Store, decode_define};
use crate::names::ObjectName;
use crate::retain::{check_taken_over, pruned_lsn};
use crate::rows::{Hot, decode_keys, decode_rows};
use crate::table_def::TableDef;

/// How often a reader starts over because the writer moved on under it.
const MAX_RESTARTS: u32 = 8;

/// One table as a statement sees it.
#[derive(Debug)]
pub struct Table {
    pub name: ObjectName,
    /// With the names that the columns have in these files.
    pub def: Arc<TableDef>,
    /// As the catalog has it.
    pub defined: Arc<TableDef>,
    /// The table's folder.
    pub dir: PathBuf,
    pub cold: Arc<Cold>,
    hot: RwLock<Hot>,
}

impl Table {
    /// The rows that stand in the log alone.
    pub fn hot(&self) -> RwLockReadGuard<'_, Hot> {
        self.hot.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether its rows in the log are to be flushed by now: too many of them, or too old ones. `rows` is the number for
    /// tables whose options say nothing.
    pub fn is_due(&self, now_us: u64, rows: u64) -> bool {
        let options = &self.def.options;
        let (have, first) = {
            let hot = self.hot();
            (hot.ops_rows(), hot.first_us)
        };
        let most = match (options.flush_rows, options.flush_interval_ms) {
            (Some(n), _) => n,
            (None, Some(_)) => u64::MAX,
            (None, None) => rows,
        };
        let age = first.map_or(0, |us| now_us.saturating_sub(us));
        let old = options.flush_interval_ms.is_some_and(|ms| first.is_some() && age >= ms.saturating_mul(1000));
        have >= most || old
    }

    pub fn hot_mut(&self) -> RwLockWriteGuard<'_, Hot> {
        self.hot.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One moment of a database. Readers take no lock: what they hold stays true, whatever a writer does meanwhile, until
/// files that it names are removed.
#[derive(Debug)]
pub struct View {
    store: Arc<Store>,
    inner: RwLock<Inner>,
    /// Where the log ended when it was looked at last.
    end: Mutex<Option<End>>,
    tables: tokio::sync::Mutex<HashMap<Uuid, Arc<Table>>>,
}

#[derive(Debug)]
struct Inner {
    catalog: Arc<Catalog>,
    /// The last commit that counts.
    lsn: u64,
    /// Operations of the open transaction.
    pending: Vec<Op>,
    /// How often operations of a transaction were taken back.
    rewinds: u64,
}

impl View {
    /// The database as it is now.
    ///
    /// # Errors
    /// `Corrupt`, `Io`, with the path.
    pub fn open(store: &Arc<Store>) -> Result<Arc<View>> {
        let (catalog, last) = definitions(store)?;
        let view = Self::new(store, catalog, last.lsn);
        *view.end.lock().unwrap_or_else(PoisonError::into_inner) = last.end;
        Ok(view)
    }

    pub(crate) fn new(store: &Arc<Store>, catalog: Catalog, lsn: u64) -> Arc<View> {
        let inner = Inner { catalog: Arc::new(catalog), lsn, pending: Vec::new(), rewinds: 0 };
        let (store, inner) = (Arc::clone(store), RwLock::new(inner));
        Arc::new(View { store, inner, end: Mutex::default(), tables: tokio::sync::Mutex::default() })
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// What is defined, the open transaction included.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.read().catalog)
    }

    /// The last commit that counts.
    pub fn lsn(&self) -> u64 {
        self.read().lsn
    }

    /// The operations that the open transaction of this session wrote so far, in order.
    pub fn pending(&self) -> Vec<Op> {
        self.read().pending.clone()
    }

    /// Whether nothing was committed since, so that this is still what a new view would show.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn is_current(&self) -> Result<bool> {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        if end.as_ref().is_some_and(End::is_still) {
            return Ok(true);
        }
        let last = last_commit(&self.store, self.lsn())?;
        *end = last.end;
        Ok(last.lsn == self.lsn())
    }

    /// A table, opened when it is first asked for; `None` when it is not defined.
    ///
    /// # Errors
    /// `Engine`, `Corrupt`, `Io`.
    pub async fn table(&self, name: &ObjectName) -> Result<Option<Arc<Table>>> {
        let (catalog, lsn) = (self.catalog(), self.lsn());
        let Some(def) = catalog.table(name) else { return Ok(None) };
        let mut tables = self.tables.lock().await;
        if let Some(table) = tables.get(&def.uuid)
            && *table.defined == *def
            && table.name == *name
        {
            return Ok(Some(Arc::clone(table)));
        }
        let table = Arc::new(self.load(name, def, lsn).await?);
        tables.insert(def.uuid, Arc::clone(&table));
        Ok(Some(table))
    }

    async fn load(&self, name: &ObjectName, def: &TableDef, lsn: u64) -> Result<Table> {
        let (catalog, dir) = (self.catalog(), self.store.layout().table_folder(name, def));
        let mut cold = Cold::load(&dir, def.uuid).await?;
        let mut gone = None;
        for _ in 0..MAX_RESTARTS {
            if cold.lsn > lsn {
                // Rows that this view does not have yet are in Parquet already.
                let end = last_commit(&self.store, lsn)?.lsn;
                return Err(if end < cold.lsn { lost_end(&self.store, cold.lsn, end) } else { moved() });
            }
            let hot = match self.hot_rows(&def.at(cold.lsn), cold.lsn, lsn) {
                Ok((hot, false)) => Some(hot),
                // Segments went, perhaps because a flush brought their rows to Parquet after that was read: look there
                // again. If it says what it said before, they held nothing of this table.
                Ok((hot, true)) => {
                    let again = Cold::load(&dir, def.uuid).await?;
                    let same = again.lsn == cold.lsn;
                    cold = again;
                    same.then_some(hot)
                }
                Err(e) if is_gone(&e) => {
                    gone = Some(e);
                    cold = Cold::load(&dir, def.uuid).await?;
                    None
                }
                Err(e) => return Err(e),
            };
            if let Some(hot) = hot {
                check_taken_over(&catalog, def.uuid, "table", &dir, cold.lsn)?;
                return Ok(Table {
                    name: name.clone(),
                    def: Arc::new(def.at(cold.lsn)),
                    defined: Arc::new(def.clone()),
                    dir,
                    cold: Arc::new(cold),
                    hot: RwLock::new(hot),
                });
            }
        }
        // What is gone every time was not let go of by a writer.
        Err(gone.unwrap_or_else(moved))
    }

    /// The rows of a table in the log above `after`, up to `lsn`, and those of the open transaction.
    /// And whether the log begins later than that.
    fn hot_rows(&self, def: &TableDef, after: u64, lsn: u64) -> Result<(Hot, bool)> {
        let mut hot = Hot::new(def)?;
        let gap = after < lsn && replay_table(&self.store, def, after, lsn, &mut hot)?;
        for op in &self.read().pending {
            apply(&mut hot, def, op, None)?;
        }
        Ok((hot, gap))
    }

    /// Takes an operation of the open transaction in, so that what follows sees it.
    pub(crate) fn add(&self, op: Op) -> Result<()> {
        match &op {
            Op::RowUpsert { table, .. } | Op::RowDelete { table, .. } => {
                if let Some(table) = self.opened(*table) {
                    apply(&mut table.hot_mut(), &table.def, &op, Some(qx_log::now_us()))?;
                }
            }
            Op::Define { json } => {
                let define = decode_define(json, 0)?;
                let mut inner = self.write();
                let mut catalog = inner.catalog.as_ref().clone();
                catalog.change(define);
                inner.catalog = Arc::new(catalog);
            }
            _ => {}
        }
        self.write().pending.push(op);
        Ok(())
    }

    /// [`View::add`] of rows that are decoded already.
    pub(crate) fn add_rows(&self, op: Op, rows: &datafusion::arrow::array::RecordBatch, new: bool) -> Result<()> {
        if let Op::RowUpsert { table, .. } = &op
            && let Some(table) = self.opened(*table)
        {
            let mut hot = table.hot_mut();
            hot.upsert(rows, new)?;
            hot.first_us.get_or_insert_with(qx_log::now_us);
        }
        self.write().pending.push(op);
        Ok(())
    }

    /// A table that was opened before.
    pub fn opened(&self, uuid: Uuid) -> Option<Arc<Table>> {
        // Only the session's own thread of work opens tables, so the lock is free but for a moment.
        loop {
            if let Ok(tables) = self.tables.try_lock() {
                return tables.get(&uuid).cloned();
            }
            std::thread::yield_now();
        }
    }

    /// The tables that were opened.
    pub(crate) fn all_opened(&self) -> Vec<Arc<Table>> {
        loop {
            if let Ok(tables) = self.tables.try_lock() {
                return tables.values().cloned().collect();
            }
            std::thread::yield_now();
        }
    }

    /// Forgets an opened table: it is read again when it is next asked for.
    pub(crate) fn forget(&self, uuid: Uuid) {
        loop {
            if let Ok(mut tables) = self.tables.try_lock() {
                tables.remove(&uuid);
                return;
            }
            std::thread::yield_now();
        }
    }

    /// The operations of the open transaction are committed, as `lsn`.
    pub(crate) fn committed(&self, lsn: u64) {
        let mut inner = self.write();
        inner.pending.clear();
        inner.lsn = lsn;
    }

    /// Drops the operations behind the first `keep`.
    pub(crate) fn rewind(&self, keep: usize, catalog: Arc<Catalog>) {
        let dropped = {
            let mut inner = self.write();
            let keep = keep.min(inner.pending.len());
            let dropped = inner.pending.split_off(keep);
            inner.rewinds += u64::from(!dropped.is_empty());
            inner.catalog = catalog;
            dropped
        };
        let touched: BTreeSet<Uuid> = dropped.iter().filter_map(table_of).collect();
        for uuid in touched {
            self.forget(uuid);
        }
    }

    /// What became of the rows of an opened table above the number `after`, up to this moment.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn hot_since(&self, def: &TableDef, after: u64) -> Result<Hot> {
        // What the log no longer holds was of no use to this table, or `after` would be higher.
        Ok(self.hot_rows(def, after, self.lsn())?.0)
    }

    /// The tables that the open transaction of this session wrote to.
    pub fn pending_tables(&self) -> BTreeSet<Uuid> {
        self.read().pending.iter().filter_map(table_of).collect()
    }

    /// The operations of the open transaction behind the first `from`.
    pub fn pending_from(&self, from: usize) -> Vec<Op> {
        self.read().pending.get(from..).map(<[Op]>::to_vec).unwrap_or_default()
    }

    /// How often operations of a transaction were taken back: what was derived from them before is void then.
    pub fn rewinds(&self) -> u64 {
        self.read().rewinds
    }

    /// How many operations the open transaction has so far.
    pub fn pending_len(&self) -> usize {
        self.read().pending.len()
    }

    /// Takes the place of an opened table after a flush.
    pub(crate) fn replace_table(&self, table: &Table, cold: Cold) -> Result<()> {
        let Some(defined) = self.catalog().table(&table.name).cloned() else { return Ok(()) };
        let def = defined.at(cold.lsn);
        let (hot, _) = self.hot_rows(&def, cold.lsn, self.lsn())?;
        let new = Table {
            name: table.name.clone(),
            def: Arc::new(def),
            defined: Arc::new(defined),
            dir: table.dir.clone(),
            cold: Arc::new(cold),
            hot: RwLock::new(hot),
        };
        loop {
            if let Ok(mut tables) = self.tables.try_lock() {
                tables.insert(table.def.uuid, Arc::new(new));
                return Ok(());
            }
            std::thread::yield_now();
        }
    }
}

/// The reader's moment has passed: what it would need is gone or newer. It starts over.
pub fn moved() -> Error {
    Error::new(Kind::Locked, MOVED).hint("the writer moved on while this statement began; run it again")
}

const MOVED: &str = "the database changed while it was being opened";

/// Whether the error is [`moved`].
pub fn is_moved(e: &Error) -> bool {
    e.kind() == Kind::Locked && e.message() == MOVED
}

fn is_gone(e: &Error) -> bool {
    e.io_kind() == Some(std::io::ErrorKind::NotFound)
}

/// The table that a row operation belongs to.
pub fn table_of(op: &Op) -> Option<Uuid> {
    match op {
        Op::RowUpsert { table, .. } | Op::RowDelete { table, .. } => Some(*table),
        _ => None,
    }
}

fn apply(hot: &mut Hot, def: &TableDef, op: &Op, time_us: Option<u64>) -> Result<()> {
    match op {
        Op::RowUpsert { table, ipc } if *table == def.uuid => {
            let (rows, new) = decode_rows(def, ipc)?;
            hot.upsert(&rows, new)?;
        }
        Op::RowDelete { table, ipc } if *table == def.uuid => hot.delete(&decode_keys(def, ipc)?)?,
        _ => return Ok(()),
    }
    if hot.first_us.is_none() {
        hot.first_us = time_us;
    }
    Ok(())
}

fn replay_table(store: &Store, def: &TableDef, after: u64, lsn: u64, hot: &mut Hot) -> Result<bool> {
    let wal = store.layout().wal();
    let Some(reader) = log(store)? else { return Ok(false) };
    let gap = gap(store, &reader, after)?;
    for transaction in reader.transactions_of(after + 1, |t| t.tables.may_hold(&def.uuid)) {
        let transaction = transaction?;
        if transaction.commit_lsn <= after {
            continue;
        }
        if transaction.commit_lsn > lsn {
            break;
        }
        for (_, _, op) in &transaction.ops {
            apply(hot, def, op, Some(transaction.time_us)).map_err(|e| e.path(&wal))?;
        }
    }
    Ok(gap)
}

/// The database's log; `None` before the first write.
///
/// # Errors
/// `Corrupt` when it is gone; those of [`Reader::open`].
pub(crate) fn log(store: &Store) -> Result<Option<Reader>> {
    let wal = store.layout().wal();
    match Reader::open(&wal) {
        Ok(reader) => Ok(Some(reader)),
        // The folder is made before the first segment in it, and the catalog comes after both.
        Err(e) if e.kind() == Kind::NotFound || is_gone(&e) => {
            if store.layout().home.join(FILE).exists() {
                return Err(Error::corrupt("the log of the database is missing")
                    .path(wal)
                    .hint("`qx restore` brings it back; `qx repair --finding db.log` goes on without it"));
            }
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

/// Something holds the log up to `least`, and the log ends before that: what is written now would take its numbers again.
pub(crate) fn lost_end(store: &Store, least: u64, end: u64) -> Error {
    Error::corrupt("the log of the database lost its end")
        .path(store.layout().wal())
        .expected(format!("LSN {least} or later"))
        .got(format!("LSN {end}"))
        .hint(
            "`qx fsck` tells what holds more of it; `qx restore` brings the whole database back, `qx repair --finding \
             db.watermark` goes on without what is gone",
        )
}

/// Whether the log begins later than `after`, because what stood there was let go of: someone holds it elsewhere.
///
/// # Errors
/// `Corrupt` when nobody said that it was: it was lost.
pub(crate) fn gap(store: &Store, reader: &Reader, after: u64) -> Result<bool> {
    let (first, _) = reader.first();
    if first <= after + 1 {
        return Ok(false);
    }
    // A writer says so before it lets go, and this is read after the segments were listed.
    let pruned = pruned_lsn(store)?;
    if first > pruned + 1 {
        return Err(Error::corrupt("segments at the beginning of the log are missing")
            .path(store.layout().wal())
            .expected(format!("LSN {} or earlier", pruned + 1))
            .got(format!("LSN {first}"))
            .hint("`qx fsck` tells what is gone; `qx restore` brings it back, `qx repair` goes on without it"));
    }
    Ok(true)
}

/// The last commit of a log, and where the next one would stand.
#[derive(Debug)]
pub(crate) struct Last {
    pub lsn: u64,
    pub end: Option<End>,
}

/// The published catalog with the definitions that the log holds above it, and the last commit.
pub(crate) fn definitions(store: &Store) -> Result<(Catalog, Last)> {
    let home = &store.layout().home;
    let mut catalog = qx_io::read_generation(home, FILE, Catalog::decode)?.unwrap_or_default();
    let mut reader = None;
    for _ in 0..MAX_RESTARTS {
        reader = log(store)?;
        let Some(log) = &reader else { break };
        if !gap(store, log, catalog.lsn)? {
            break;
        }
        // A newer catalog was published in between, and the log behind it let go.
        catalog = qx_io::read_generation(home, FILE, Catalog::decode)?.unwrap_or_default();
    }
    let mut last = Last { lsn: catalog.lsn, end: None };
    if let Some(reader) = reader {
        let mut transactions = reader.transactions_of(catalog.lsn + 1, |t| t.defines > 0);
        for transaction in transactions.by_ref() {
            let transaction = transaction?;
            for (_, _, op) in transaction.ops {
                if let Op::Define { json } = op {
                    catalog.apply(decode_define(&json, transaction.commit_lsn)?, transaction.commit_lsn);
                }
            }
        }
        if transactions.reached() < last.lsn {
            return Err(lost_end(store, last.lsn, transactions.reached()));
        }
        last = Last { lsn: transactions.reached(), end: transactions.end() };
    }
    Ok((catalog, last))
}

/// The last commit of the log, looked for from `from` on.
fn last_commit(store: &Store, from: u64) -> Result<Last> {
    let Some(reader) = log(store)? else { return Ok(Last { lsn: from, end: None }) };
    let mut transactions = reader.transactions_of(from + 1, |_| false);
    for transaction in transactions.by_ref() {
        transaction?;
    }
    Ok(Last { lsn: transactions.reached().max(from), end: transactions.end() })
}

/// A definition as an operation of the log.
///
/// # Errors
/// `Usage` for what JSON cannot hold.
pub fn define_op(define: &Define) -> Result<Op> {
    let json = serde_json::to_vec(define);
    Ok(Op::Define { json: json.map_err(|e| Error::usage(format!("a definition that cannot be written: {e}")))? })
}
