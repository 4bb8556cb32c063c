//! SQLite with a write-ahead log. It has one writer at a time, so threads take turns at one connection: waiting for one
//! another's locks costs them more.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use qx_formats::{Error, Result};
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::peers::{Crashed, Numbers, Peer, TOGETHER, copy, theirs};

pub struct Sqlite {
    connection: Mutex<Connection>,
    value: Vec<u8>,
    numbers: Numbers,
}

impl Sqlite {
    pub fn open(path: &Path, synced: bool, value: &[u8]) -> Result<Sqlite> {
        let connection = Connection::open(path).map_err(theirs)?;
        let synchronous = if synced { "FULL" } else { "OFF" };
        connection
            .execute_batch(&format!(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous};
                 CREATE TABLE records (n INTEGER PRIMARY KEY, value BLOB NOT NULL);"
            ))
            .map_err(theirs)?;
        Ok(Sqlite { connection: Mutex::new(connection), value: value.to_vec(), numbers: Numbers::default() })
    }

    fn insert(&self, connection: &Connection, first: u64, records: u64) -> rusqlite::Result<()> {
        let mut insert = connection.prepare_cached("INSERT INTO records VALUES (?1, ?2)")?;
        (first..first + records).try_for_each(|n| insert.execute((n as i64, self.value.as_slice())).map(drop))
    }
}

impl Peer for Sqlite {
    fn name(&self) -> &'static str {
        "SQLite WAL"
    }

    fn commit(&self, thread: usize, records: u64) -> Result<()> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let first = self.numbers.take_unique(thread, records);
        if records == 1 {
            return self.insert(&connection, first, 1).map_err(theirs);
        }
        let tx = connection.transaction().map_err(theirs)?;
        self.insert(&tx, first, records).map_err(theirs)?;
        tx.commit().map_err(theirs)
    }
}

pub struct CrashedSqlite(PathBuf);

impl CrashedSqlite {
    pub fn make(path: &Path, value: &[u8], records: u64) -> Result<CrashedSqlite> {
        let live = path.with_extension("live");
        let store = Sqlite::open(&live, false, value)?;
        // Nothing moves from the log into the database.
        let stay = "PRAGMA wal_autocheckpoint = 0; PRAGMA wal_checkpoint(TRUNCATE);";
        store.connection.lock().unwrap_or_else(PoisonError::into_inner).execute_batch(stay).map_err(theirs)?;
        for _ in 0..records / TOGETHER {
            store.commit(0, TOGETHER)?;
        }
        copy(&live, path)?;
        copy(&with(&live, "-wal"), &with(path, "-wal"))?;
        Ok(CrashedSqlite(path.to_path_buf()))
    }
}

/// The path of a file beside the database.
fn with(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

impl Crashed for CrashedSqlite {
    fn name(&self) -> &'static str {
        "SQLite WAL"
    }

    fn rewind(&self) -> Result<()> {
        let index = with(&self.0, "-shm");
        match std::fs::remove_file(&index) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", e).path(index)),
            _ => Ok(()),
        }
    }

    fn open(&self) -> Result<()> {
        let open = || {
            let connection = Connection::open(&self.0)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            // The log is read at the first look into the database.
            connection.query_row("SELECT n FROM records LIMIT 1", (), |row| row.get::<_, i64>(0))
        };
        open().map(drop).map_err(theirs)
    }
}
