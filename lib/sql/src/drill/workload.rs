//! The workload of a drill: actions drawn by a seed, each with what it should make of the database.

use qx_io::model::SplitMix;

use super::model::{Model, NULL, TableModel};

/// One action: all of it is acknowledged, or none.
#[derive(Debug, Clone)]
pub(super) enum Action {
    Sql(String),
    /// Rows of every table to Parquet; then the log lets go.
    FlushAll,
    Flush(&'static str),
    Rewrite(&'static str),
    Snapshot,
    /// A clean close, and the session anew.
    Reopen,
    /// The process dies: the session is dropped as it is.
    Die,
}

impl Action {
    pub fn text(&self) -> String {
        match self {
            Action::Sql(sql) => sql.clone(),
            Action::FlushAll => "flush all tables".to_owned(),
            Action::Flush(table) => format!("flush table {table}"),
            Action::Rewrite(table) => format!("rewrite table {table}"),
            Action::Snapshot => "snapshot store s".to_owned(),
            Action::Reopen => "close and open".to_owned(),
            Action::Die => "die and open".to_owned(),
        }
    }
}

/// Draws actions, and keeps the account of what they make.
pub(super) struct Workload {
    random: SplitMix,
    pub model: Model,
    next_id: i64,
    next_column: u32,
    at: u64,
}

/// The first actions, the same in every workload: without them the others have nothing to work on.
const DEFINITIONS: [&str; 7] = [
    "create table a (id bigint primary key, v varchar, n bigint)",
    "create table b (id bigint, v varchar)",
    "create table p (id bigint primary key, part varchar, v varchar) with (partition_by = 'part', flush = 'rows:6')",
    "create table w (id bigint primary key, v real[])",
    "create vector index near on w(v) using hnsw with (metric = l2, dim = 2, m = 4, ef_build = 16)",
    "create store s",
    "create graph g using graphstore with (partitions = 2)",
];

impl Workload {
    pub fn new(seed: u64) -> Workload {
        Workload { random: SplitMix(seed), model: Model::default(), next_id: 1, next_column: 0, at: 0 }
    }

    /// The next action; the model is afterwards what the database should be once it is acknowledged.
    pub fn next(&mut self) -> Action {
        let at = self.at;
        self.at += 1;
        if let Some(sql) = usize::try_from(at).ok().and_then(|at| DEFINITIONS.get(at)) {
            self.define(at);
            return Action::Sql((*sql).to_owned());
        }
        match self.random.below(100) {
            0..12 => self.transaction(),
            12..18 => self.alter(),
            18..21 => self.table_c(),
            21..29 => Action::FlushAll,
            29..33 => Action::Flush(self.pick(&["a", "b", "p", "w"])),
            33..36 => Action::Rewrite(self.pick(&["a", "b", "w"])),
            36..39 => self.index(),
            39..41 => Action::Snapshot,
            41..46 => Action::Sql("gc graph g".to_owned()),
            46..50 => Action::Reopen,
            50..54 => Action::Die,
            _ => Action::Sql(self.write()),
        }
    }

    fn define(&mut self, at: u64) {
        let table = |columns: &[&str]| {
            let columns = columns.iter().map(|c| (*c).to_owned()).collect();
            TableModel { columns, ..TableModel::default() }
        };
        match at {
            0 => drop(self.model.tables.insert("a".into(), table(&["v", "n"]))),
            1 => drop(self.model.tables.insert("b".into(), table(&["v"]))),
            2 => drop(self.model.tables.insert("p".into(), table(&["part", "v"]))),
            3 => drop(self.model.tables.insert("w".into(), table(&["v"]))),
            4 => self.model.index = true,
            5 => drop(self.model.stores.insert("s".into(), Default::default())),
            _ => self.model.graph = true,
        }
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        let at = self.random.below(from.len() as u64) as usize;
        from.get(at).copied().unwrap_or_default()
    }

    /// Several statements, of which all count or none does.
    fn transaction(&mut self) -> Action {
        let before = self.model.clone();
        let mut text = "begin; ".to_owned();
        for _ in 0..2 + self.random.below(4) {
            text.push_str(&self.write());
            text.push_str("; ");
        }
        if self.random.below(5) == 0 {
            self.model = before;
            text.push_str("rollback");
        } else {
            text.push_str("commit");
        }
        Action::Sql(text)
    }

    fn write(&mut self) -> String {
        match self.random.below(15) {
            0 | 1 => self.insert("a"),
            2 => self.insert("b"),
            3 => self.insert("p"),
            4 => self.upsert(),
            5 => self.update("a"),
            6 => self.update("b"),
            7 => self.update("p"),
            8 => self.delete(),
            9 => self.merge(),
            10 | 11 => self.key(),
            12 => self.graph(),
            13 => self.insert("w"),
            _ => self.delete_from("w"),
        }
    }

    fn insert(&mut self, name: &str) -> String {
        let count = 1 + self.random.below(4);
        let mut values = Vec::new();
        for _ in 0..count {
            let id = self.next_id;
            self.next_id += 1;
            let text = format!("v{}", self.random.below(1000));
            let part = format!("p{}", self.random.below(3));
            let Some(table) = self.model.tables.get_mut(name) else { continue };
            let (columns, row) = match name {
                "a" => (format!("({id}, '{text}', {id})"), vec![text, id.to_string()]),
                "p" => (format!("({id}, '{part}', '{text}')"), vec![part, text]),
                "w" => (format!("({id}, [{id}, 1])"), vec![format!("[{id}.0, 1.0]")]),
                _ => (format!("({id}, '{text}')"), vec![text]),
            };
            let added = table.columns.get(row.len()..).unwrap_or_default();
            let defaults = added.iter().map(|c| format!("new-{}", c.trim_start_matches(['c', 'r'])));
            let row = row.into_iter().chain(defaults).collect();
            table.rows.insert(id, row);
            values.push(columns);
        }
        let columns = match name {
            "a" => "id, v, n",
            "p" => "id, part, v",
            _ => "id, v",
        };
        format!("insert into {name} ({columns}) values {}", values.join(", "))
    }

    /// Some ids of a table, those that are there and one that is not.
    fn ids(&mut self, name: &str) -> Vec<i64> {
        let all: Vec<i64> = self.model.tables.get(name).map(|t| t.rows.keys().copied().collect()).unwrap_or_default();
        let mut ids: Vec<i64> = all.into_iter().filter(|_| self.random.below(4) == 0).take(5).collect();
        ids.push(-1);
        ids
    }

    fn upsert(&mut self) -> String {
        let mut ids = self.ids("a");
        ids.retain(|id| *id > 0);
        ids.push(self.next_id);
        self.next_id += 1;
        let text = format!("u{}", self.random.below(1000));
        let mut values = Vec::new();
        if let Some(table) = self.model.tables.get_mut("a") {
            let more: Vec<String> = defaults(table, 2);
            for id in ids {
                values.push(format!("({id}, '{text}', 0)"));
                let new = || [vec![text.clone(), "0".to_owned()], more.clone()].concat();
                let row = table.rows.entry(id).or_insert_with(new);
                set(row, 0, &text);
            }
        }
        format!("insert into a (id, v, n) values {} on conflict (id) do update set v = excluded.v", values.join(", "))
    }

    fn update(&mut self, name: &str) -> String {
        let ids = self.ids(name);
        let text = format!("w{}", self.random.below(1000));
        let column = usize::from(name == "p");
        if let Some(table) = self.model.tables.get_mut(name) {
            for id in &ids {
                if let Some(row) = table.rows.get_mut(id) {
                    set(row, column, &text);
                }
            }
        }
        format!("update {name} set v = '{text}' where id in ({})", list(&ids))
    }

    fn delete(&mut self) -> String {
        let name = self.pick(&["a", "b", "p"]);
        self.delete_from(name)
    }

    fn delete_from(&mut self, name: &str) -> String {
        let ids = self.ids(name);
        if let Some(table) = self.model.tables.get_mut(name) {
            table.rows.retain(|id, _| !ids.contains(id));
        }
        format!("delete from {name} where id in ({})", list(&ids))
    }

    /// What becomes of the vector index, none of which changes what it finds.
    fn index(&mut self) -> Action {
        Action::Sql(match self.random.below(4) {
            0 => "reindex vector index near".to_owned(),
            1 => "sync vector index near".to_owned(),
            _ => {
                let mode = self.pick(&["immediate", "batched", "async", "rebuild_only"]);
                format!("alter vector index near set mode {mode}")
            }
        })
    }

    fn merge(&mut self) -> String {
        let ids = self.ids("p");
        let new = self.next_id;
        self.next_id += 1;
        let text = format!("m{}", self.random.below(1000));
        let ids: Vec<i64> = ids.into_iter().filter(|id| *id > 0).chain([new]).collect();
        if let Some(table) = self.model.tables.get_mut("p") {
            for id in &ids {
                let row = table.rows.entry(*id).or_insert_with(|| vec!["p0".to_owned(), String::new()]);
                set(row, 1, &text);
            }
        }
        let values: Vec<String> = ids.iter().map(|id| format!("({id}, '{text}')")).collect();
        format!(
            "merge into p using (values {}) as s (id, v) on p.id = s.id when matched then update set v = s.v \
             when not matched then insert (id, part, v) values (s.id, 'p0', s.v)",
            values.join(", ")
        )
    }

    fn key(&mut self) -> String {
        let key = format!("k{}", self.random.below(8));
        let value = format!("x{}", self.random.below(1000));
        let drop = self.random.below(4) == 0;
        let ttl = self.random.below(4) == 0;
        let Some(store) = self.model.stores.get_mut("s") else { return String::new() };
        if drop && store.remove(&key).is_some() {
            return format!("drop key {key} in s");
        }
        store.insert(key.clone(), value.clone());
        format!("write key {key} in s = '{value}'{}", if ttl { " ttl 10h" } else { "" })
    }

    fn graph(&mut self) -> String {
        let nodes: Vec<String> = self.model.nodes.iter().cloned().collect();
        let edge = self.random.below(3) > 0 && nodes.len() > 2;
        let (a, b) = (self.random.below(nodes.len() as u64 + 1), self.random.below(nodes.len() as u64 + 1));
        if let (true, Some(a), Some(b)) = (edge, nodes.get(a as usize), nodes.get(b as usize)) {
            if self.model.edges.remove(&(a.clone(), b.clone())) {
                return format!("delete edge {a} -> {b} graph g");
            }
            self.model.edges.insert((a.clone(), b.clone()));
            return format!("insert edge {a} -> {b} graph g");
        }
        let alone = |n: &&String| !self.model.edges.iter().any(|(a, b)| a == *n || b == *n);
        if self.random.below(4) == 0
            && let Some(node) = nodes.iter().find(alone)
        {
            self.model.nodes.remove(node);
            return format!("delete node {node} graph g");
        }
        let node = format!("n{}", self.next_id);
        self.next_id += 1;
        self.model.nodes.insert(node.clone());
        format!("insert node L key '{node}' graph g")
    }

    fn alter(&mut self) -> Action {
        let added = self.model.tables.get("a").map_or(0, |t| t.columns.len().saturating_sub(2));
        let what = self.random.below(3);
        let n = self.next_column;
        let Some(table) = self.model.tables.get_mut("a") else { return Action::FlushAll };
        match what {
            1 if added > 0 => {
                let Some(old) = table.columns.pop() else { return Action::FlushAll };
                let new = format!("r{}", old.trim_start_matches(['c', 'r']));
                let new = if new == old { format!("c{}", old.trim_start_matches('r')) } else { new };
                table.columns.push(new.clone());
                Action::Sql(format!("alter table a rename column {old} to {new}"))
            }
            2 if added > 0 => {
                let Some(old) = table.columns.pop() else { return Action::FlushAll };
                table.rows.values_mut().for_each(|row| drop(row.pop()));
                Action::Sql(format!("alter table a drop column {old}"))
            }
            _ if added < 2 => {
                self.next_column += 1;
                table.columns.push(format!("c{n}"));
                // The default is for new rows as for those that are there.
                table.rows.values_mut().for_each(|row| row.push(format!("new-{n}")));
                Action::Sql(format!("alter table a add column c{n} varchar default 'new-{n}'"))
            }
            _ => Action::FlushAll,
        }
    }

    /// A table that comes and goes under the same name.
    fn table_c(&mut self) -> Action {
        if self.model.tables.remove("c").is_some() {
            return Action::Sql("drop table c".to_owned());
        }
        let rows = [(1, vec!["one".to_owned()]), (2, vec![NULL.to_owned()])].into();
        self.model.tables.insert("c".to_owned(), TableModel { columns: vec!["v".to_owned()], rows });
        Action::Sql("create table c as select * from (values (1, 'one'), (2, null)) as x (id, v)".to_owned())
    }
}

/// What columns behind the first `own` get that an INSERT does not name.
fn defaults(table: &TableModel, own: usize) -> Vec<String> {
    let added = table.columns.get(own..).unwrap_or_default();
    added.iter().map(|c| format!("new-{}", c.trim_start_matches(['c', 'r']))).collect()
}

fn set(row: &mut [String], at: usize, value: &str) {
    if let Some(cell) = row.get_mut(at) {
        value.clone_into(cell);
    }
}

fn list(ids: &[i64]) -> String {
    ids.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}
