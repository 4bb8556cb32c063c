//! Commands that begin with a backslash.

use std::path::PathBuf;

use clap::ValueEnum;
use qx_cli::{Context, Table};
use qx_formats::{Error, Result};

use super::Shell;
use crate::answers::Format;

/// What each command does, for `\?`.
const HELP: &[(&str, &str)] = &[
    ("\\d", "tables, graphs and vector indexes"),
    ("\\d NAME", "the columns of a table"),
    ("\\dg", "graphs"),
    ("\\di", "vector indexes, with what they lack"),
    ("\\ds", "key-value stores"),
    ("\\format [FORMAT]", "table, ndjson, json, csv or tsv; without one, as it suits"),
    ("\\i FILE", "run the statements of a file"),
    ("\\pager [on|off]", "show long answers in the program that PAGER names"),
    ("\\timing [on|off]", "say how long each statement took"),
    ("\\q", "leave"),
    ("\\?", "this list"),
];

/// Files that may be run from within one another; one that runs itself would never end.
const MAX_FILES: u32 = 16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Help,
    Quit,
    Objects,
    Columns(String),
    Graphs,
    Indexes,
    Stores,
    Format(Option<String>),
    Include(PathBuf),
    Pager(Option<bool>),
    Timing(Option<bool>),
}

fn switch(command: &str, text: &str) -> Result<Option<bool>> {
    match text.to_lowercase().as_str() {
        "" => Ok(None),
        "on" => Ok(Some(true)),
        "off" => Ok(Some(false)),
        other => Err(Error::usage(format!("{command} {other}")).expected("on or off")),
    }
}

impl Command {
    pub(super) fn parse(text: &str) -> Result<Command> {
        let text = text.trim().trim_end_matches(';').trim_end();
        let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        Ok(match (name, rest) {
            ("\\?" | "\\h" | "\\help", _) => Command::Help,
            ("\\q" | "\\quit", _) => Command::Quit,
            ("\\d" | "\\dt", "") => Command::Objects,
            ("\\d" | "\\dt", name) => Command::Columns(name.to_owned()),
            ("\\dg", _) => Command::Graphs,
            ("\\di", _) => Command::Indexes,
            ("\\ds", _) => Command::Stores,
            ("\\format", "") => Command::Format(None),
            ("\\format", format) => Command::Format(Some(format.to_owned())),
            ("\\i", "") => return Err(Error::usage("\\i takes the name of a file")),
            ("\\i", file) => Command::Include(PathBuf::from(file)),
            ("\\pager", rest) => Command::Pager(switch(name, rest)?),
            ("\\timing", rest) => Command::Timing(switch(name, rest)?),
            _ => return Err(Error::usage(format!("there is no command {name}")).hint("\\? lists them")),
        })
    }

    pub(super) fn run(self, shell: &mut Shell, cx: &mut Context) -> Result<()> {
        match self {
            Command::Help => help(cx),
            Command::Quit => Ok(()),
            Command::Objects => {
                let sql = "SELECT 'table' AS kind, schema || '.' || name AS name FROM system.tables
                           UNION ALL SELECT 'graph', name FROM system.graphs
                           UNION ALL SELECT 'vector index', name FROM system.vector_indexes ORDER BY kind, name";
                let answer = shell.query(sql, cx)?;
                shell.print(&answer, cx)
            }
            Command::Columns(name) => columns(shell, &name, cx),
            Command::Graphs => show(shell, "SHOW GRAPHS", cx),
            Command::Indexes => show(shell, "SHOW VECTOR INDEX STATUS", cx),
            Command::Stores => {
                let sql = format!("LIST STORES {}", shell.session.store().database());
                show(shell, &sql, cx)
            }
            Command::Format(name) => {
                let parse = |n: String| Format::from_str(&n, true).map_err(|e| Error::usage(format!("\\format: {e}")));
                shell.format = name.map(parse).transpose()?;
                if shell.format.is_some_and(|f| matches!(f, Format::Arrow | Format::Parquet)) {
                    shell.format = None;
                    return Err(Error::usage("a terminal shows no bytes").hint("qx sql -o writes files of any format"));
                }
                Ok(())
            }
            Command::Include(path) => {
                let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", e).path(&path))?;
                shell.files += 1;
                let done = match shell.files {
                    0..=MAX_FILES => shell.take(&text, cx).map(drop),
                    n => Err(Error::limit("files that run each other", u64::from(MAX_FILES), u64::from(n)).path(&path)),
                };
                shell.files -= 1;
                done
            }
            Command::Pager(on) => {
                shell.pager = on.unwrap_or(!shell.pager);
                cx.say(format!("pager {}", if shell.pager { "on" } else { "off" }));
                Ok(())
            }
            Command::Timing(on) => {
                shell.timing = on.unwrap_or(!shell.timing);
                cx.say(format!("timing {}", if shell.timing { "on" } else { "off" }));
                Ok(())
            }
        }
    }
}

fn show(shell: &Shell, sql: &str, cx: &mut Context) -> Result<()> {
    let answer = shell.query(sql, cx)?;
    shell.print(&answer, cx)
}

fn help(cx: &mut Context) -> Result<()> {
    let mut table = Table::new(["command", "what it does"]);
    for (name, what) in HELP {
        table.row([(*name).to_owned(), (*what).to_owned()]);
    }
    cx.out.bytes(table.plain().as_bytes())?;
    cx.out.flush()
}

fn columns(shell: &Shell, name: &str, cx: &mut Context) -> Result<()> {
    let (schema, table) = named(shell.session.store().database(), name);
    let (schema, table) = (schema.replace('\'', "''"), table.replace('\'', "''"));
    let sql = format!(
        "SELECT name, type, nullable, \"default\", primary_key FROM system.columns
         WHERE schema = '{schema}' AND \"table\" = '{table}' ORDER BY position"
    );
    let answer = shell.query(&sql, cx)?;
    if answer.rows() == 0 {
        return Err(Error::new(qx_formats::Kind::NotFound, format!("there is no table {schema}.{table}"))
            .hint("\\d lists what there is"));
    }
    shell.print(&answer, cx)
}

/// Schema and name of a table as statements take them: in small letters, but for what stands in double quotes.
fn named(database: &str, name: &str) -> (String, String) {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for c in name.chars() {
        match (c, parts.last_mut()) {
            ('"', _) => quoted = !quoted,
            ('.', _) if !quoted => parts.push(String::new()),
            (c, Some(part)) if quoted => part.push(c),
            (c, Some(part)) => part.extend(c.to_lowercase()),
            (_, None) => {}
        }
    }
    if parts.len() == 3 && parts.first().is_some_and(|first| first == database) {
        parts.remove(0);
    }
    let table = parts.pop().unwrap_or_default();
    (if parts.is_empty() { "public".to_owned() } else { parts.join(".") }, table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_apart() {
        assert_eq!(Command::parse("\\d").unwrap(), Command::Objects);
        assert_eq!(Command::parse("\\d t;").unwrap(), Command::Columns("t".into()));
        assert_eq!(Command::parse("\\timing on").unwrap(), Command::Timing(Some(true)));
        assert_eq!(Command::parse("\\timing").unwrap(), Command::Timing(None));
        assert_eq!(Command::parse("\\i a b.sql").unwrap(), Command::Include("a b.sql".into()));
        let name = |text| named("main", text);
        let is = |schema: &str, table: &str| (schema.to_owned(), table.to_owned());
        assert_eq!((name("t"), name("T"), name("\"T\"")), (is("public", "t"), is("public", "t"), is("public", "T")));
        assert_eq!((name("s.T"), name("main.s.t")), (is("s", "t"), is("s", "t")));
        assert_eq!((name("main.t"), name("\"a.b\"")), (is("main", "t"), is("public", "a.b")));
        for bad in ["\\nothing", "\\timing perhaps", "\\i"] {
            assert!(Command::parse(bad).is_err(), "{bad}");
        }
    }
}
