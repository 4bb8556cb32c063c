//! The one writer of a database: collects the operations of a transaction, commits them as one transaction of the log,
//! or forgets them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use qx_formats::delta_log::{Op, layout};
use qx_formats::{Error, Kind, Result};
use qx_io::{Lock, Publish};
use qx_log::{Ack, Log, Options, PruneOptions, SyncPolicy};
use uuid::Uuid;

use crate::catalog::{Catalog, Define, FILE, IndexDef, StoreDef};
use crate::cold::{self, Change};
use crate::database::{Store, make_dir};
use crate::names::{ObjectName, check_name};
use crate::rows::{encode_keys, encode_rows};
use crate::table_def::TableDef;
use crate::view::{Table, View, define_op, definitions, lost_end};
use crate::{bulk_row_id, publish_manifest, retain, sync, vectors};

/// Rows of one log operation; also the room that row ids leave below the number of an operation.
pub const MAX_OP_ROWS: usize = 1 << 16;
/// Tables whose options say nothing are flushed above so many rows in the log.
pub const DEFAULT_FLUSH_ROWS: u64 = 200_000;
/// All tables are flushed once the log has grown by so many bytes.
pub const DEFAULT_LOG_BYTES: u64 = 64 << 20;

/// The one writer of a database. Holds its lock until dropped, so that what it read stays true until it commits.
/// Operations that were handed in and not committed are forgotten with it.
pub struct Writer {
    store: Arc<Store>,
    log: Log,
    view: Arc<View>,
    /// The catalog before the open transaction.
    base: Arc<Catalog>,
    /// Policy of the open transaction, the strictest that was asked for.
    asked: Option<SyncPolicy>,
    /// Policy of transactions that ask for none.
    pub sync: SyncPolicy,
    /// The log may grow by so many bytes before everything is flushed.
    pub log_bytes_max: u64,
    /// Rows in the log at which a table is flushed whose options say nothing.
    pub flush_rows: u64,
    unsynced: u64,
    /// Something was acknowledged that no sync was waited for.
    lazy: bool,
    grown: u64,
    /// Everything up to this number was let go from the log, or is about to be.
    pruned: u64,
    /// See [`Catalog::snapshots`].
    snapshots: BTreeMap<Uuid, u64>,
    /// See [`Catalog::taken_over`].
    taken_over: BTreeMap<Uuid, u64>,
    _lock: Lock,
}

/// A place in the open transaction to go back to.
#[derive(Debug, Clone)]
pub struct Mark {
    ops: usize,
    catalog: Arc<Catalog>,
}

impl Writer {
    pub(crate) fn open(store: &Store, wait: Duration) -> Result<Writer> {
        let lock = Lock::acquire(&store.root().join("LOCK"), wait)?;
        let wal = store.layout().wal();
        make_dir(&wal)?;
        // This writer syncs itself, by the policy of each transaction. The log makes its space ready for syncs all the same:
        // in space that was kept and not written, each of them would have the file system's own records to write.
        let (log, report) = Log::open(&wal, Options { sync: SyncPolicy::Always, ..Options::default() })?;
        if report.dropped_bytes > 0 {
            tracing::warn!(
                target: "qx::store", path = %wal.display(), bytes = report.dropped_bytes,
                records = report.dropped_records, "the log ended in what was never acknowledged; it was cut"
            );
        }
        let store = Arc::new(store.clone());
        let (catalog, _) = definitions(&store)?;
        if catalog.lsn >= log.next_lsn() {
            return Err(lost_end(&store, catalog.lsn, log.next_lsn() - 1));
        }
        let view = View::new(&store, catalog, log.next_lsn() - 1);
        let base = view.catalog();
        let grown = folder_bytes(&wal);
        let mut writer = Writer {
            store,
            log,
            view,
            base,
            asked: None,
            sync: SyncPolicy::Always,
            log_bytes_max: DEFAULT_LOG_BYTES,
            flush_rows: DEFAULT_FLUSH_ROWS,
            unsynced: 0,
            lazy: false,
            grown,
            pruned: 0,
            snapshots: BTreeMap::new(),
            taken_over: BTreeMap::new(),
            _lock: lock,
        };
        writer.publish_catalog(false)?;
        Ok(writer)
    }

    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// What is defined, the open transaction included.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.view.catalog()
    }

    /// What this writer sees: its own uncommitted work included.
    pub fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// Adds an operation to the open transaction; what follows sees it.
    ///
    /// # Errors
    /// `Limit`, `Invalid` for an operation that breaks a rule of the log.
    pub fn op(&mut self, op: Op) -> Result<()> {
        op.check()?;
        self.view.add(op)
    }

    /// Adds a change of definitions to the open transaction.
    ///
    /// # Errors
    /// As [`Writer::op`].
    pub fn change(&mut self, define: &Define) -> Result<()> {
        self.op(define_op(define)?)
    }

    /// Adds rows in [`TableDef::row_schema`] to the open transaction: those with a key that is there replace it. `new`
    /// promises that no row with such a key is there.
    ///
    /// # Errors
    /// As [`Writer::op`].
    pub fn upsert(&mut self, def: &TableDef, rows: &RecordBatch, new: bool) -> Result<()> {
        for (at, len) in chunks(rows) {
            let part = rows.slice(at, len);
            let op = Op::RowUpsert { table: def.uuid, ipc: encode_rows(def, &part, new)? };
            op.check()?;
            self.view.add_rows(op, &part, new)?;
        }
        self.ask(def)
    }

    /// Adds deletions to the open transaction, by the columns of [`TableDef::key_names`].
    ///
    /// # Errors
    /// As [`Writer::op`].
    pub fn delete(&mut self, def: &TableDef, keys: &RecordBatch) -> Result<()> {
        for (at, len) in chunks(keys) {
            self.op(Op::RowDelete { table: def.uuid, ipc: encode_keys(def, &keys.slice(at, len))? })?;
        }
        self.ask(def)
    }

    fn ask(&mut self, def: &TableDef) -> Result<()> {
        if let Some(policy) = &def.options.sync {
            self.ask_sync(sync::parse(policy)?);
        }
        Ok(())
    }

    /// Asks for a sync policy for the open transaction; the strictest that is asked for counts.
    pub fn ask_sync(&mut self, policy: SyncPolicy) {
        self.asked = Some(self.asked.map_or(policy, |p| sync::stricter(p, policy)));
    }

    /// The lowest row id for the next operation: ids below it were given, those above are free.
    pub fn next_row_id(&self) -> Result<i64> {
        let lsn = self.log.next_lsn() + self.view.pending_len() as u64;
        let id = lsn.checked_mul(MAX_OP_ROWS as u64).and_then(|id| i64::try_from(id).ok());
        id.ok_or_else(|| Error::limit("log sequence number for row ids", i64::MAX as u64 >> 16, lsn))
    }

    /// Whether operations wait for a commit.
    pub fn is_open(&self) -> bool {
        self.view.pending_len() > 0
    }

    /// A place to go back to when a statement of the open transaction fails.
    pub fn mark(&self) -> Mark {
        Mark { ops: self.view.pending_len(), catalog: self.view.catalog() }
    }

    /// Forgets what came behind a mark.
    pub fn rewind(&mut self, mark: Mark) {
        self.view.rewind(mark.ops, mark.catalog);
    }

    /// Forgets the open transaction.
    pub fn rollback(&mut self) {
        self.asked = None;
        self.view.rewind(0, Arc::clone(&self.base));
    }

    /// Commits the open transaction: when this returns, it is as durable as its sync policy says. `None` when it holds
    /// nothing.
    ///
    /// # Errors
    /// Those of the log; nothing is committed then.
    pub fn commit(&mut self) -> Result<Option<Ack>> {
        let ops = self.view.pending();
        let policy = self.asked.take().unwrap_or(self.sync);
        if ops.is_empty() {
            return Ok(None);
        }
        let before = self.log.stats().bytes;
        let ack = match self.log.submit(&ops).and_then(|ack| self.settle(ack, policy).map(|()| ack)) {
            Ok(ack) => ack,
            Err(e) => {
                self.rollback();
                return Err(e);
            }
        };
        let written = self.log.stats().bytes.saturating_sub(before);
        self.grown += written;
        self.view.committed(ack.lsn);
        let defined = ops.iter().any(|op| matches!(op, Op::Define { .. }));
        self.base = self.view.catalog();
        // What is committed is committed: readers have it from the log, and the next writer publishes it.
        if defined && let Err(e) = self.publish_catalog(false) {
            tracing::warn!(target: "qx::store", error = %e, "the catalog was not published; the log holds what it lacks");
        }
        Ok(Some(ack))
    }

    fn settle(&mut self, ack: Ack, policy: SyncPolicy) -> Result<()> {
        self.lazy |= policy != SyncPolicy::Always;
        match policy {
            SyncPolicy::Always => {
                self.unsynced = 0;
                self.log.wait(ack.lsn)
            }
            SyncPolicy::Bytes(most) => {
                let before = self.log.stats().bytes;
                self.log.write(ack.lsn)?;
                self.unsynced += self.log.stats().bytes.saturating_sub(before);
                if self.unsynced >= most {
                    self.unsynced = 0;
                    self.log.wait(ack.lsn)?;
                }
                Ok(())
            }
            SyncPolicy::Interval(time) => self.log.settle_within(ack.lsn, time),
            SyncPolicy::None => self.log.write(ack.lsn),
        }
    }

    /// Commits definitions: durable in the log, then published in the catalog. Returns the commit's number.
    ///
    /// # Errors
    /// Those of the log.
    pub fn define(&mut self, defines: Vec<Define>) -> Result<u64> {
        for define in &defines {
            self.change(define)?;
        }
        self.ask_sync(SyncPolicy::Always);
        let ack = self.commit()?;
        Ok(ack.map_or_else(|| self.view.lsn(), |a| a.lsn))
    }

    /// Writes one JSON document, and defines its store if need be, in one transaction.
    ///
    /// # Errors
    /// Those of the log.
    pub fn put_document(&mut self, store: &str, key: &str, value: Vec<u8>) -> Result<u64> {
        check_name("store", store)?;
        if !self.catalog().stores.contains_key(store) {
            self.change(&Define::Store { name: store.to_owned(), def: StoreDef { uuid: Uuid::now_v7() } })?;
        }
        let (store, key) = (store.to_owned(), key.to_owned());
        self.op(Op::KvPut { store, key, kind: layout::VALUE_JSON, value, expires_at_us: None })?;
        let ack = self.commit()?;
        Ok(ack.map_or_else(|| self.view.lsn(), |a| a.lsn))
    }

    /// Publishes the catalog if it defines more than the published one, or only newer numbers and `always`.
    fn publish_catalog(&mut self, always: bool) -> Result<()> {
        let home = &self.store.layout().home;
        let catalog = self.view.catalog();
        let published = qx_io::read_generation(home, FILE, Catalog::decode)?;
        let same = published.as_ref().is_some_and(|old| old.same_definitions(&catalog));
        if same && !always {
            return Ok(());
        }
        self.log.wait(self.view.lsn())?;
        let mut catalog = catalog.as_ref().clone();
        let published = published.unwrap_or_default();
        catalog.generation = published.generation + 1;
        catalog.pruned_lsn = self.pruned.max(published.pruned_lsn);
        catalog.snapshots = published.snapshots;
        catalog.snapshots.extend(self.snapshots.iter());
        catalog.snapshots.retain(|uuid, _| catalog.stores.values().any(|def| def.uuid == *uuid));
        catalog.taken_over = published.taken_over;
        catalog.taken_over.extend(self.taken_over.iter());
        let tables = catalog.tables.values().map(|def| def.uuid);
        let alive: BTreeSet<Uuid> = tables.chain(catalog.graphs.values().map(|def| def.uuid)).collect();
        catalog.taken_over.retain(|uuid, _| alive.contains(uuid));
        catalog.lsn = self.view.lsn();
        let bytes = catalog.encode()?;
        qx_io::publish_generation(home, FILE, &bytes, |old| Catalog::decode(old).map(drop))
    }

    /// Writes down that files hold what the log never did, or holds no longer, up to `lsn`: without them a table or a graph
    /// would look as if nothing had been written to it.
    ///
    /// # Errors
    /// `Io`.
    pub fn take_over(&mut self, uuid: Uuid, lsn: u64) -> Result<()> {
        self.taken_over.insert(uuid, lsn);
        self.publish_catalog(true)
    }

    /// Brings the rows of a table from the log to Parquet, in one Delta commit. Returns whether there was anything to do.
    ///
    /// # Errors
    /// `Usage` inside a transaction; `Engine`, `Io`: the rows stay in the log then, and the next flush asks Delta first
    /// how far it came.
    pub async fn flush(&mut self, name: &ObjectName) -> Result<bool> {
        if self.is_open() {
            return Err(Error::usage("a flush inside a transaction").hint("COMMIT first"));
        }
        let Some(table) = self.view.table(name).await? else {
            return Err(Error::new(Kind::NotFound, format!("there is no table {}", name.key())));
        };
        if table.defined.must_rewrite(table.cold.lsn) && !table.cold.files.is_empty() {
            return self.rewrite(name).await.map(|()| true);
        }
        let change = {
            let mut hot = table.hot_mut();
            if hot.is_empty() {
                return Ok(false);
            }
            Change { over: hot.over()?, rows: hot.live()? }
        };
        let lsn = self.view.lsn();
        // Parquet must never hold what a crash takes from the log: its number would be given again.
        self.log.wait(lsn)?;
        self.take_up(&table);
        let rows: usize = change.rows.iter().map(RecordBatch::num_rows).sum();
        let cold = cold::commit(&table.dir, &table.def, &table.cold, change, lsn).await?;
        tracing::info!(target: "qx::store", table = %name.key(), rows, lsn, version = cold.version, "table flushed");
        self.publish_table(&table, &cold)?;
        self.view.replace_table(&table, cold)?;
        Ok(true)
    }

    /// Writes the Parquet files of a table anew, under its present names and types, with the rows of the log.
    ///
    /// # Errors
    /// As [`Writer::flush`].
    pub async fn rewrite(&mut self, name: &ObjectName) -> Result<()> {
        if self.is_open() {
            return Err(Error::usage("a rewrite inside a transaction").hint("COMMIT first"));
        }
        let Some(table) = self.view.table(name).await? else {
            return Err(Error::new(Kind::NotFound, format!("there is no table {}", name.key())));
        };
        // Before the definition calls for it: until a damaged file is repaired, the table goes on as it is.
        cold::check_files(&table.dir, &table.cold.files)?;
        let change = {
            let mut hot = table.hot_mut();
            Change { over: hot.over()?, rows: hot.live()? }
        };
        // The definition says from which number on the files look another way; Delta carries that number, so either both
        // are the new ones for a reader, or both the old ones. A crash in between leaves the rewrite to the next flush.
        let lsn = self.log.next_lsn() + 1;
        let mut new = TableDef { layouts: table.defined.layouts.clone(), ..table.def.as_ref().clone() }.rewritten(lsn);
        // Rows of a pipeline's table cannot be told apart until they get ids.
        let first_id = if new.is_keyed() || new.row_ids { None } else { Some(bulk_row_id(lsn)?) };
        new.row_ids |= first_id.is_some();
        let done = self.define(vec![Define::Table { name: name.key(), def: new.clone() }])?;
        if done != lsn {
            return Err(Error::corrupt("the log gave another number than it said").expected(lsn).got(done));
        }
        self.take_up(&table);
        let cold = cold::rewrite(&table.dir, &table.def, &new, &table.cold, change, lsn, first_id).await?;
        tracing::info!(target: "qx::store", table = %name.key(), lsn, version = cold.version, "table written anew");
        self.publish_table(&table, &cold)?;
        self.view.replace_table(&table, cold)
    }

    /// Brings the vector indexes of a table up to the last commit, before its rows leave the log. Where that fails, the
    /// index stays behind, and searches read the table until it is built anew.
    fn take_up(&self, table: &Table) {
        for (key, index) in self.catalog().indexes_on(&table.name.key()) {
            let done = ObjectName::parse("vector index", key)
                .and_then(|name| vectors::take_up(&self.view, table, &name, index));
            if let Err(e) = done {
                left_behind(key, &e);
            }
        }
    }

    /// Brings one vector index up to the last commit, by what the log holds; `None` where it takes reading the whole
    /// table.
    ///
    /// # Errors
    /// `Usage` inside a transaction; those of [`vectors::take_up`].
    pub async fn sync_index(&mut self, name: &ObjectName, index: &IndexDef) -> Result<Option<vectors::Done>> {
        if self.is_open() {
            return Err(Error::usage("a vector index is brought up outside of a transaction").hint("COMMIT first"));
        }
        let catalog = self.catalog();
        let table = catalog.tables.iter().find(|(table, def)| index.column_in(table, def).is_some());
        let Some((table, _)) = table else { return Ok(None) };
        let Some(table) = self.view.table(&ObjectName::parse("table", table)?).await? else { return Ok(None) };
        self.log.wait(self.view.lsn())?;
        vectors::take_up(&self.view, &table, name, index)
    }

    /// Removes rows from Parquet whose time to live is over, in one Delta commit; with `due`, only where it is worth it.
    /// Returns whether there were any. Nobody saw them any more, so the log says nothing of it.
    ///
    /// # Errors
    /// As [`Writer::flush`].
    pub async fn expire(&mut self, name: &ObjectName, due: bool) -> Result<bool> {
        if self.is_open() {
            return Err(Error::usage("removing expired rows inside a transaction").hint("COMMIT first"));
        }
        let Some(table) = self.view.table(name).await? else {
            return Err(Error::new(Kind::NotFound, format!("there is no table {}", name.key())));
        };
        let Some(expiry) = cold::Expiry::of(&table.def, qx_log::now_us())? else { return Ok(false) };
        let files = expiry.files(&table.cold, due);
        if files.is_empty() {
            return Ok(false);
        }
        let cold = cold::remove_expired(&table.dir, &table.def, &table.cold, &expiry, &files).await?;
        tracing::info!(target: "qx::store", table = %name.key(), files = files.len(), version = cold.version, "expired rows removed");
        self.publish_table(&table, &cold)?;
        self.view.replace_table(&table, cold)?;
        Ok(true)
    }

    /// Publishes the manifest of a table for what its Parquet files hold now.
    ///
    /// # Errors
    /// `Io`, `Engine`.
    pub fn publish_table(&self, table: &Table, cold: &cold::Cold) -> Result<()> {
        match &cold.table {
            Some(delta) => publish_manifest(&table.dir, &table.name.key(), &table.def, delta, cold.lsn),
            None => Ok(()),
        }
    }

    /// Flushes every table that has rows in the log, then lets go of what the log holds no longer for anybody. Returns
    /// the tables that were flushed.
    ///
    /// # Errors
    /// As [`Writer::flush`].
    pub async fn flush_all(&mut self) -> Result<Vec<String>> {
        let names = self.catalog().tables.keys().map(|key| ObjectName::parse("table", key)).collect::<Result<_>>()?;
        let flushed = self.flush_each(names).await?;
        self.prune().await?;
        Ok(flushed)
    }

    /// Flushes tables one after the other; one that cannot be flushed, as with a damaged file, keeps none of the others
    /// from it.
    async fn flush_each(&mut self, names: Vec<ObjectName>) -> Result<Vec<String>> {
        let (mut flushed, mut failed) = (Vec::new(), None);
        for name in names {
            match self.flush(&name).await {
                Ok(true) => flushed.push(name.key()),
                Ok(false) => {}
                Err(e) => {
                    failed.get_or_insert(e);
                }
            }
        }
        failed.map_or(Ok(flushed), Err)
    }

    /// Flushes what its options say is due: too many rows, or too old ones, or too much log.
    ///
    /// # Errors
    /// As [`Writer::flush`].
    pub async fn flush_due(&mut self) -> Result<Vec<String>> {
        if self.is_open() {
            return Ok(Vec::new());
        }
        if self.grown > self.log_bytes_max {
            return self.flush_all().await;
        }
        let now = qx_log::now_us();
        let mut due = self.view.all_opened();
        due.retain(|table| table.is_due(now, self.flush_rows));
        let flushed = self.flush_each(due.iter().map(|table| table.name.clone()).collect()).await?;
        if !flushed.is_empty() {
            self.prune().await?;
        }
        Ok(flushed)
    }

    /// Unlinks segments of the log that nothing needs any more.
    ///
    /// # Errors
    /// `Io`, `Engine`.
    pub async fn prune(&mut self) -> Result<()> {
        // Graphs take over only what is on disk.
        self.log.wait(self.view.lsn())?;
        retain::graphs(&self.view)?;
        let needed = retain::needed_lsn(&self.view, self.view.lsn()).await?;
        // What is let go is written down before it goes, so that fsck can tell it from what was lost.
        self.pruned = self.pruned.max(needed.saturating_sub(1));
        self.snapshots = retain::snapshots(&self.view, self.pruned)?;
        self.taken_over.extend(retain::taken_over(&self.view)?);
        self.publish_catalog(true)?;
        self.double_catalog(needed)?;
        self.log.rotate()?;
        self.log.prune(&PruneOptions { before_lsn: needed, ..PruneOptions::default() })?;
        self.grown = folder_bytes(&self.store.layout().wal());
        Ok(())
    }

    /// Makes the generation before of the catalog the same as the newest one, before the log is let go of up to `needed`: it
    /// would no longer lead from an older one to what is defined now.
    fn double_catalog(&self, needed: u64) -> Result<()> {
        let home = &self.store.layout().home;
        let before = qx_io::read_previous_generation(home, FILE, Catalog::decode).ok().flatten();
        if before.is_some_and(|before| before.lsn.saturating_add(1) >= needed) {
            return Ok(());
        }
        let path = home.join(FILE);
        let bytes = std::fs::read(&path).map_err(|e| Error::io("read", e).path(&path))?;
        qx_io::write_atomic(&qx_io::previous_path(home, FILE), Publish::Replace, &bytes)
    }

    /// Writes a snapshot of a key-value store as of the last commit, so that readers and the log need not go back further.
    ///
    /// # Errors
    /// `Usage` inside a transaction; `NotFound`; `Io`; those of reading the store.
    pub fn snapshot_store(&mut self, store: &str) -> Result<crate::kv::SnapshotReport> {
        if self.is_open() {
            return Err(Error::usage("a snapshot inside a transaction").hint("COMMIT first"));
        }
        // A snapshot must never hold what a crash takes from the log: its number would be given again.
        self.log.wait(self.view.lsn())?;
        crate::kv::snapshot(&self.view, store)
    }

    /// The log, for what has to be written behind it.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Closes the log, which records how far it is durable.
    ///
    /// # Errors
    /// Those of the log, where something was acknowledged before it was on disk. Else the next writer closes it.
    pub fn close(mut self) -> Result<()> {
        self.rollback();
        match self.log.close() {
            Err(e) if !self.lazy => {
                tracing::warn!(target: "qx::store", error = %e, "the log was not closed; what was committed is on disk");
                Ok(())
            }
            done => done,
        }
    }
}

pub(crate) fn left_behind(index: &str, e: &Error) {
    tracing::warn!(target: "qx::store", index, error = %e, "a vector index was not brought up; searches read its table");
}

fn chunks(rows: &RecordBatch) -> impl Iterator<Item = (usize, usize)> + use<> {
    let total = rows.num_rows();
    (0..total).step_by(MAX_OP_ROWS).map(move |at| (at, MAX_OP_ROWS.min(total - at)))
}

fn folder_bytes(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    // Blocks that were taken, not the zeros written ahead of them.
    entries.filter_map(|e| e.metadata().ok()).map(|m| m.len()).sum()
}
