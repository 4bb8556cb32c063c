//! Random INSERT, UPDATE, DELETE and upserts, in and out of transactions, with flushes, rewrites and new sessions in
//! between: against a model in memory, and, where a `sqlite3` is at hand, against SQLite.
#![cfg(feature = "engine")]

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use qx_io::model::SplitMix;
use qx_sql::Session;
use qx_store::names::ObjectName;
use qx_store::{Store, Writer};

/// A row of `t`: key, number, other number. `u` has the last two alone, and no key.
type Row = [Option<i64>; 3];

/// Integer expressions over the columns of a row.
#[derive(Debug, Clone)]
enum Expr {
    Column(usize),
    Number(i64),
    Null,
    Add(Box<Expr>, Box<Expr>),
    Times(Box<Expr>, i64),
    Coalesce(Box<Expr>, i64),
    Case(Box<Test>, Box<Expr>, Box<Expr>),
}

/// Conditions, with three values of truth.
#[derive(Debug, Clone)]
enum Test {
    Compare(&'static str, Expr, Expr),
    IsNull(Expr),
    In(Expr, Vec<i64>),
    And(Box<Test>, Box<Test>),
    Or(Box<Test>, Box<Test>),
    Not(Box<Test>),
    Never,
}

impl Expr {
    fn sql(&self, names: &[&str]) -> String {
        match self {
            Expr::Column(i) => names[*i].to_owned(),
            Expr::Number(n) => format!("({n})"),
            Expr::Null => "null".to_owned(),
            Expr::Add(a, b) => format!("({} + {})", a.sql(names), b.sql(names)),
            Expr::Times(a, n) => format!("({} * {n} % 1000)", a.sql(names)),
            Expr::Coalesce(a, n) => format!("coalesce({}, {n})", a.sql(names)),
            Expr::Case(t, a, b) => {
                format!("case when {} then {} else {} end", t.sql(names), a.sql(names), b.sql(names))
            }
        }
    }

    fn of(&self, row: &Row) -> Option<i64> {
        match self {
            Expr::Column(i) => row[*i],
            Expr::Number(n) => Some(*n),
            Expr::Null => None,
            Expr::Add(a, b) => Some(a.of(row)? + b.of(row)?),
            Expr::Times(a, n) => Some(a.of(row)? * n % 1000),
            Expr::Coalesce(a, n) => a.of(row).or(Some(*n)),
            Expr::Case(t, a, b) => {
                if t.of(row) == Some(true) {
                    a.of(row)
                } else {
                    b.of(row)
                }
            }
        }
    }
}

impl Test {
    fn sql(&self, names: &[&str]) -> String {
        match self {
            Test::Compare(op, a, b) => format!("{} {op} {}", a.sql(names), b.sql(names)),
            Test::IsNull(a) => format!("{} is null", a.sql(names)),
            Test::In(a, list) => {
                let list: Vec<String> = list.iter().map(i64::to_string).collect();
                format!("{} in ({})", a.sql(names), list.join(", "))
            }
            Test::And(a, b) => format!("({} and {})", a.sql(names), b.sql(names)),
            Test::Or(a, b) => format!("({} or {})", a.sql(names), b.sql(names)),
            Test::Not(a) => format!("not ({})", a.sql(names)),
            Test::Never => "1 = 0".to_owned(),
        }
    }

    fn of(&self, row: &Row) -> Option<bool> {
        match self {
            Test::Compare(op, a, b) => {
                let (a, b) = (a.of(row)?, b.of(row)?);
                Some(match *op {
                    "<" => a < b,
                    "<=" => a <= b,
                    "=" => a == b,
                    "<>" => a != b,
                    _ => a > b,
                })
            }
            Test::IsNull(a) => Some(a.of(row).is_none()),
            Test::In(a, list) => Some(list.contains(&a.of(row)?)),
            Test::And(a, b) => match (a.of(row), b.of(row)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Test::Or(a, b) => match (a.of(row), b.of(row)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Test::Not(a) => a.of(row).map(|v| !v),
            Test::Never => Some(false),
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Model {
    t: BTreeMap<i64, Row>,
    u: Vec<Row>,
}

struct Random {
    r: SplitMix,
    model: Model,
}

const T: [&str; 3] = ["a", "b", "c"];

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.r.below(n)
    }

    fn number(&mut self) -> i64 {
        self.below(25) as i64 - 4
    }

    fn value(&mut self) -> Option<i64> {
        (self.below(6) > 0).then(|| self.number())
    }

    fn expr(&mut self, depth: u32, from: usize) -> Expr {
        match self.below(if depth == 0 { 4 } else { 8 }) {
            0 | 1 => Expr::Column(from + self.below(3 - from as u64) as usize),
            2 => Expr::Number(self.number()),
            3 => {
                if self.below(3) == 0 {
                    Expr::Null
                } else {
                    Expr::Number(self.number())
                }
            }
            4 => Expr::Add(Box::new(self.expr(depth - 1, from)), Box::new(self.expr(depth - 1, from))),
            5 => Expr::Times(Box::new(self.expr(depth - 1, from)), self.number()),
            6 => Expr::Coalesce(Box::new(self.expr(depth - 1, from)), self.number()),
            _ => Expr::Case(
                Box::new(self.test(depth - 1, from)),
                Box::new(self.expr(depth - 1, from)),
                Box::new(self.expr(depth - 1, from)),
            ),
        }
    }

    fn test(&mut self, depth: u32, from: usize) -> Test {
        match self.below(if depth == 0 { 5 } else { 9 }) {
            0..3 => {
                let op = ["<", "<=", "=", "<>", ">"][self.below(5) as usize];
                Test::Compare(op, self.expr(depth.min(1), from), self.expr(0, from))
            }
            3 => Test::IsNull(self.expr(0, from)),
            4 => {
                let list = (0..1 + self.below(5)).map(|_| self.number()).collect();
                Test::In(self.expr(0, from), list)
            }
            5 => Test::And(Box::new(self.test(depth - 1, from)), Box::new(self.test(depth - 1, from))),
            6 => Test::Or(Box::new(self.test(depth - 1, from)), Box::new(self.test(depth - 1, from))),
            7 => Test::Not(Box::new(self.test(depth - 1, from))),
            _ => Test::Never,
        }
    }

    /// A statement, and whether it is to succeed. The model is what is there afterwards.
    fn statement(&mut self) -> (String, bool) {
        let text = |v: Option<i64>| v.map_or("null".to_owned(), |v| v.to_string());
        match self.below(13) {
            0..3 => {
                let rows: Vec<Row> =
                    (0..1 + self.below(4)).map(|_| [Some(self.number()), self.value(), self.value()]).collect();
                let mut new = self.model.t.clone();
                let fresh = rows.iter().all(|r| new.insert(r[0].unwrap_or(0), *r).is_none());
                if fresh {
                    self.model.t = new;
                }
                let rows: Vec<String> =
                    rows.iter().map(|r| format!("({}, {}, {})", text(r[0]), text(r[1]), text(r[2]))).collect();
                (format!("insert into t values {}", rows.join(", ")), fresh)
            }
            3 => {
                let rows: Vec<Row> = (0..1 + self.below(4)).map(|_| [None, self.value(), self.value()]).collect();
                self.model.u.extend(rows.iter().copied());
                let rows: Vec<String> = rows.iter().map(|r| format!("({}, {})", text(r[1]), text(r[2]))).collect();
                (format!("insert into u (b, c) values {}", rows.join(", ")), true)
            }
            4 => {
                let test = self.test(2, 0);
                let rows = self.model.t.values().filter(|r| test.of(r) == Some(true)).map(|r| [None, r[1], r[2]]);
                let rows: Vec<Row> = rows.collect();
                self.model.u.extend(rows);
                (format!("insert into u select b, c from t where {}", test.sql(&T)), true)
            }
            5 | 6 => {
                let (test, b, c) = (self.test(2, 0), self.expr(2, 0), self.expr(1, 0));
                for row in self.model.t.values_mut().filter(|r| test.of(r) == Some(true)) {
                    *row = [row[0], b.of(row), c.of(row)];
                }
                let names = &T;
                (format!("update t set b = {}, c = {} where {}", b.sql(names), c.sql(names), test.sql(names)), true)
            }
            7 => {
                let (test, c) = (self.test(2, 1), self.expr(2, 1));
                for row in self.model.u.iter_mut().filter(|r| test.of(r) == Some(true)) {
                    row[2] = c.of(row);
                }
                (format!("update u set c = {} where {}", c.sql(&T), test.sql(&T)), true)
            }
            8..12 => (self.delete(), true),
            _ => self.upsert(),
        }
    }

    fn delete(&mut self) -> String {
        match self.below(4) {
            0 => {
                let test = self.test(2, 0);
                self.model.t.retain(|_, r| test.of(r) != Some(true));
                format!("delete from t where {}", test.sql(&T))
            }
            1 => {
                let test = self.test(1, 1);
                self.model.u.retain(|r| test.of(r) != Some(true));
                format!("delete from u where {}", test.sql(&T))
            }
            2 => {
                let test = self.test(1, 1);
                let keys: Vec<Option<i64>> =
                    self.model.u.iter().filter(|r| test.of(r) == Some(true)).map(|r| r[1]).collect();
                self.model.t.retain(|a, _| !keys.contains(&Some(*a)));
                format!("delete from t where a in (select b from u where {})", test.sql(&T))
            }
            _ => {
                let keep = self.below(2) == 0;
                let there = |u: &[Row], r: &Row| u.iter().any(|u| u[1].is_some() && u[1] == r[1]);
                let u = self.model.u.clone();
                self.model.t.retain(|_, r| there(&u, r) == keep);
                let not = if keep { "not " } else { "" };
                format!("delete from t where {not}exists (select 1 from u where u.b = t.b)")
            }
        }
    }

    fn upsert(&mut self) -> (String, bool) {
        let mut keys: Vec<i64> = (0..1 + self.below(4)).map(|_| self.number()).collect();
        keys.sort_unstable();
        keys.dedup();
        let nothing = self.below(2) == 0;
        let text = |v: Option<i64>| v.map_or("null".to_owned(), |v| v.to_string());
        let mut values = Vec::new();
        for key in keys {
            let (b, c) = (self.value(), self.value());
            values.push(format!("({key}, {}, {})", text(b), text(c)));
            match self.model.t.get_mut(&key) {
                Some(_) if nothing => {}
                Some(row) => *row = [row[0], b, row[2].map(|c| c + 1)],
                None => drop(self.model.t.insert(key, [Some(key), b, c])),
            }
        }
        let what = if nothing { "nothing" } else { "update set b = excluded.b, c = t.c + 1" };
        (format!("insert into t values {} on conflict (a) do {what}", values.join(", ")), true)
    }

    /// What is there, as lines.
    fn lines(&self) -> Vec<String> {
        let text = |v: Option<i64>| v.map_or("null".to_owned(), |v| v.to_string());
        let mut lines: Vec<String> = Vec::new();
        for r in self.model.t.values() {
            lines.push(format!("t {} {} {}", text(r[0]), text(r[1]), text(r[2])));
        }
        for r in &self.model.u {
            lines.push(format!("u {} {}", text(r[1]), text(r[2])));
        }
        lines.sort();
        lines
    }
}

const ALL: &str = "select 't ' || a || ' ' || coalesce(cast(b as varchar), 'null') || ' ' || coalesce(cast(c as varchar), 'null') \
    as line from t union all select 'u ' || coalesce(cast(b as varchar), 'null') || ' ' || coalesce(cast(c as varchar), 'null') from u";

async fn lines(session: &Session) -> Vec<String> {
    let answer = session.query(ALL).await.unwrap();
    let mut lines = Vec::new();
    for batch in &answer.batches {
        let column = ArrayFormatter::try_new(batch.column(0).as_ref(), &FormatOptions::default()).unwrap();
        lines.extend((0..batch.num_rows()).map(|i| column.value(i).to_string()));
    }
    lines.sort();
    lines
}

/// What happens between two statements, if anything.
async fn between(store: &Arc<Store>, session: Session, what: u64, which: u64) -> Session {
    match what {
        0 => drop(session.maintain(async |w: &mut Writer| w.flush_all().await).await.unwrap()),
        1 => {
            let name = ObjectName::parse("table", ["t", "u"][which as usize]).unwrap();
            session.maintain(async |w: &mut Writer| w.rewrite(&name).await).await.unwrap();
        }
        2 => {
            session.close().await.unwrap();
            return Session::open(store).unwrap();
        }
        3 => {
            drop(session);
            return Session::open(store).unwrap();
        }
        _ => {}
    }
    session
}

/// Runs a workload, and returns it as a script with the model's lines behind each statement outside of a transaction.
async fn run(seed: u64, statements: u64) -> Vec<(String, Option<Vec<String>>)> {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::init(dir.path()).unwrap().0);
    let mut session = Session::open(&store).unwrap();
    let mut random = Random { r: SplitMix(seed), model: Model::default() };
    let mut said = vec![
        ("create table t (a bigint primary key, b bigint, c bigint)".to_owned(), None),
        ("create table u (b bigint, c bigint)".to_owned(), None),
    ];
    for (sql, _) in &said {
        session.query(sql).await.unwrap();
    }
    for n in 0..statements {
        let many = if random.below(5) == 0 { 2 + random.below(3) } else { 1 };
        let before = random.model.clone();
        let undone = many > 1 && random.below(3) == 0;
        if many > 1 {
            session.query("begin").await.unwrap();
            said.push(("begin".to_owned(), None));
        }
        for _ in 0..many {
            let (sql, fine) = random.statement();
            let done = session.query(&sql).await;
            assert_eq!(done.is_ok(), fine, "seed {seed}, {n}: {sql}: {:?}", done.err());
            assert_eq!(lines(&session).await, random.lines(), "seed {seed}, statement {n}: {sql}");
            said.push((sql, None));
        }
        if many > 1 {
            let end = if undone { "rollback" } else { "commit" };
            session.query(end).await.unwrap();
            said.push((end.to_owned(), None));
            if undone {
                random.model = before;
            }
        }
        session = between(&store, session, random.below(8), random.below(2)).await;
        assert_eq!(lines(&session).await, random.lines(), "seed {seed}, behind statement {n}");
        if let Some(last) = said.last_mut() {
            last.1 = Some(random.lines());
        }
    }
    session.close().await.unwrap();
    let found = qx_store::fsck::check(dir.path(), qx_store::fsck::Level::Bytes, &qx_io::Job::default()).await.unwrap();
    assert!(found.sound(), "{:?}", found.found);
    said
}

/// The same statements in SQLite, which has to agree with the model.
fn sqlite(said: &[(String, Option<Vec<String>>)]) {
    let spawned = Command::new("sqlite3")
        .args(["-batch", ":memory:"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = spawned else {
        eprintln!("no sqlite3 at hand: compared with the model alone");
        return;
    };
    let mut script = String::new();
    for (sql, lines) in said {
        script.push_str(&format!("{sql};\n"));
        if lines.is_some() {
            script.push_str(&format!("select * from ({ALL}) order by 1;\nselect '--';\n"));
        }
    }
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let mut parts = text.split("--\n");
    for (sql, wanted) in said {
        if let Some(wanted) = wanted {
            let found: Vec<&str> = parts.next().unwrap_or_default().lines().collect();
            assert_eq!(&found, wanted, "SQLite behind {sql}");
        }
    }
}

#[test]
fn the_model_the_database_and_sqlite_agree() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for seed in 1..=3 {
        let said = runtime.block_on(run(seed, 30));
        sqlite(&said);
    }
}
