//! Every knob in one place: its name, what it takes, its default, and where its value comes from.
//!
//! The first of these that says something decides: a flag, SET, the environment, the database, the default. A table's
//! option stands between SET and the environment; it is looked at where the table is known.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use qx_formats::{Error, Result};
use qx_store::units::{parse_duration, parse_size};

/// What a knob takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Takes {
    /// A whole number within bounds.
    Count(u64, u64),
    /// A whole number of at least 1, or `all`.
    CountOrAll,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A duration with its unit.
    Duration,
    /// A size with its unit.
    Size,
    /// `always`, `none`, `interval:MS` or `bytes:N`.
    Sync,
}

/// One knob.
#[derive(Debug, Clone, Copy)]
pub struct Knob {
    pub name: &'static str,
    pub takes: Takes,
    pub default: &'static str,
    /// `rows`, `ms` and the like; empty where it has none.
    pub unit: &'static str,
    pub about: &'static str,
}

const fn knob(
    name: &'static str,
    takes: Takes,
    default: &'static str,
    unit: &'static str,
    about: &'static str,
) -> Knob {
    Knob { name, takes, default, unit, about }
}

/// All of them, by name.
pub const KNOBS: &[Knob] = &[
    knob("graph.commit_window_ms", Takes::Count(0, 60_000), "3", "ms", "how long commits of a graph are gathered"),
    knob("graph.gc_max_delta_age_ms", Takes::Count(0, u64::MAX), "300000", "ms", "age of deltas at which they are due"),
    knob("graph.gc_max_delta_records", Takes::Count(1, u64::MAX), "10000", "records", "deltas at which they are due"),
    knob(
        "graph.gc_tombstone_ratio_ppm",
        Takes::Count(0, 1_000_000),
        "300000",
        "ppm",
        "share of deletions among deltas at which they are due",
    ),
    knob(
        "json.drift",
        Takes::Word(&["widen", "rescue", "null", "error"]),
        "widen",
        "",
        "what becomes of a value that does not fit its column's type",
    ),
    knob("json.sample_rows", Takes::CountOrAll, "1024", "rows", "records that fix the types of a document's columns"),
    knob("lock.wait", Takes::Duration, "0s", "", "how long a statement that writes waits for another process"),
    knob("log.bytes_max", Takes::Size, "64MiB", "", "log above which everything is flushed"),
    knob("log.sync", Takes::Sync, "always", "", "when a commit is on disk"),
    knob(
        "table.flush_rows",
        Takes::Count(1, u64::MAX),
        "200000",
        "rows",
        "rows in the log at which a table is flushed",
    ),
    knob(
        "vector.hnsw.ef_build",
        Takes::Count(1, 65_536),
        "200",
        "",
        "candidates looked at while a new index is linked",
    ),
    knob("vector.hnsw.M", Takes::Count(2, 256), "32", "", "neighbours of a row in the graph of a new index"),
    knob(
        "vector.preselect_alpha",
        Takes::Count(1, 1000),
        "8",
        "",
        "candidates of an ORDER BY by index for each row that is wanted",
    ),
    knob(
        "vector.query_dim",
        Takes::Word(&["error", "warn", "exact"]),
        "error",
        "",
        "what becomes of a query of another dimension than the index",
    ),
    knob("vector.search.ef_search", Takes::Count(1, 100_000), "64", "", "candidates looked at by a search"),
];

/// Where a value comes from, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    Flag,
    Set,
    /// An option of the table in question.
    Table,
    Environment,
    Database,
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::Flag => "flag",
            Origin::Set => "set",
            Origin::Table => "table option",
            Origin::Environment => "environment",
            Origin::Database => "database",
            Origin::Default => "default",
        })
    }
}

/// The knob of a name, capitals or not.
pub fn find(name: &str) -> Option<&'static Knob> {
    KNOBS.iter().find(|k| k.name.eq_ignore_ascii_case(name))
}

/// The environment variable of a knob: `QX_VECTOR_SEARCH_EF_SEARCH`.
pub fn variable(knob: &Knob) -> String {
    format!("QX_{}", knob.name.replace('.', "_").to_uppercase())
}

impl Knob {
    /// Whether a session may have its own value. Upkeep of a graph falls due for whoever writes next, so it is the
    /// database's.
    pub fn of_sessions(&self) -> bool {
        !self.name.starts_with("graph.")
    }

    /// Checks a value and gives it in the form that it is kept in.
    ///
    /// # Errors
    /// `Usage` with what the knob takes.
    pub fn check(&self, value: &str) -> Result<String> {
        let value = value.trim();
        let wrong =
            |expected: String| Err(Error::usage(format!("{} cannot be `{value}`", self.name)).expected(expected));
        match self.takes {
            Takes::Count(min, max) => match value.parse::<u64>() {
                Ok(n) if (min..=max).contains(&n) => Ok(n.to_string()),
                _ if max == u64::MAX => wrong(format!("a whole number from {min}")),
                _ => wrong(format!("a whole number from {min} to {max}")),
            },
            Takes::CountOrAll => match value.parse::<u64>() {
                Ok(n) if n > 0 => Ok(n.to_string()),
                _ if value.eq_ignore_ascii_case("all") => Ok("all".to_owned()),
                _ => wrong("a whole number from 1, or all".to_owned()),
            },
            Takes::Word(words) => match words.iter().find(|w| w.eq_ignore_ascii_case(value)) {
                Some(word) => Ok((*word).to_owned()),
                None => wrong(words.join(", ")),
            },
            Takes::Duration => parse_duration(value).map(|_| value.to_owned()),
            Takes::Size => parse_size(value).map(|_| value.to_owned()),
            Takes::Sync => qx_store::sync::parse(value).map(|_| value.to_lowercase()),
        }
    }
}

/// Values by name, from where they came.
type Values = BTreeMap<&'static str, String>;

/// The values of a session.
#[derive(Debug, Default)]
pub struct Settings {
    flags: Values,
    environment: Values,
    set: RwLock<Values>,
    changes: AtomicU64,
}

impl Settings {
    /// With what the command line and the environment say, by name of the knob and of the variable.
    ///
    /// # Errors
    /// `Usage` for a flag of no knob, and for a value that its knob does not take.
    pub fn new(flags: &[(String, String)], environment: &[(String, String)]) -> Result<Settings> {
        let mut settings = Settings::default();
        for (name, value) in flags {
            let knob = find(name).ok_or_else(|| unknown(name))?;
            of_a_session(knob)?;
            settings.flags.insert(knob.name, knob.check(value)?);
        }
        for (name, value) in environment {
            if let Some(knob) = KNOBS.iter().find(|k| variable(k) == *name) {
                of_a_session(knob)?;
                let value = knob.check(value).map_err(|e| e.hint(format!("{name} is set in the environment")))?;
                settings.environment.insert(knob.name, value);
            }
        }
        Ok(settings)
    }

    /// SET.
    ///
    /// # Errors
    /// `Usage`.
    pub fn set(&self, knob: &'static Knob, value: &str) -> Result<()> {
        of_a_session(knob)?;
        let value = knob.check(value)?;
        self.set.write().unwrap_or_else(PoisonError::into_inner).insert(knob.name, value);
        self.changes.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// RESET: whatever else says something decides again.
    pub fn reset(&self, knob: &Knob) {
        self.set.write().unwrap_or_else(PoisonError::into_inner).remove(knob.name);
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// How often a value was set or reset.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// The value of a knob and where it comes from. `database` holds what the database's catalog says.
    pub fn get(&self, knob: &Knob, database: &BTreeMap<String, String>) -> (String, Origin) {
        let set = self.set.read().unwrap_or_else(PoisonError::into_inner);
        let found = [
            (self.flags.get(knob.name), Origin::Flag),
            (set.get(knob.name), Origin::Set),
            (self.environment.get(knob.name), Origin::Environment),
            (database.get(knob.name), Origin::Database),
        ];
        let found = found.into_iter().find_map(|(value, origin)| Some((value?.clone(), origin)));
        found.unwrap_or_else(|| (knob.default.to_owned(), Origin::Default))
    }
}

/// # Errors
/// `Unsupported` for a knob that sessions have no say in.
fn of_a_session(knob: &Knob) -> Result<()> {
    if knob.of_sessions() {
        return Ok(());
    }
    Err(Error::unsupported(format!("{} holds for a whole database, not for a session", knob.name))
        .hint(format!("ALTER DATABASE SET {} = ..., or WITH of CREATE GRAPH", knob.name)))
}

/// # Errors
/// The error of a name that is no knob.
pub fn unknown(name: &str) -> Error {
    let area = name.split('.').next().unwrap_or_default();
    let near: Vec<&str> = KNOBS.iter().map(|k| k.name).filter(|n| n.split('.').next() == Some(area)).collect();
    let near = if near.is_empty() { KNOBS.iter().map(|k| k.name).collect() } else { near };
    Error::usage(format!("there is no setting {name}")).expected(near.join(", ")).hint("system.settings lists them all")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_origin_decides() {
        let knob = find("vector.search.EF_SEARCH").unwrap();
        let mut database = BTreeMap::new();
        let plain = Settings::default();
        assert_eq!(plain.get(knob, &database), ("64".into(), Origin::Default));
        database.insert(knob.name.to_owned(), "70".to_owned());
        assert_eq!(plain.get(knob, &database), ("70".into(), Origin::Database));
        let variable = (variable(knob), "80".to_owned());
        assert_eq!(variable.0, "QX_VECTOR_SEARCH_EF_SEARCH");
        let s = Settings::new(&[], std::slice::from_ref(&variable)).unwrap();
        assert_eq!(s.get(knob, &database), ("80".into(), Origin::Environment));
        s.set(knob, "90").unwrap();
        assert_eq!(s.get(knob, &database), ("90".into(), Origin::Set));
        s.reset(knob);
        assert_eq!(s.get(knob, &database).1, Origin::Environment);
        let s = Settings::new(&[(knob.name.to_owned(), "100".to_owned())], &[variable]).unwrap();
        s.set(knob, "90").unwrap();
        assert_eq!(s.get(knob, &database), ("100".into(), Origin::Flag));
    }

    #[test]
    fn names_are_sorted_and_defaults_are_values() {
        assert!(KNOBS.is_sorted_by(|a, b| a.name.to_lowercase() < b.name.to_lowercase()));
        for knob in KNOBS {
            assert_eq!(knob.check(knob.default).unwrap(), knob.default, "{}", knob.name);
            assert!(knob.check("nonsense of no kind").is_err(), "{}", knob.name);
        }
        assert!(Settings::new(&[("no.such".into(), "1".into())], &[]).is_err());
        assert!(Settings::new(&[], &[("QX_JSON_DRIFT".into(), "x".into())]).is_err());
        assert!(Settings::new(&[], &[("QX_LOG".into(), "debug".into())]).is_ok());
    }
}
