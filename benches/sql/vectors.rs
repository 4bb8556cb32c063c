//! The ten nearest of the Debian packages: from SQL over an index, its own exact scan, and DuckDB's over an array column.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Float32Builder, Int64Array, ListBuilder, RecordBatch};
use arrow::datatypes::Int64Type;
use parquet::arrow::ArrowWriter;
use qx_benches::harness::{Claim, Suite, Work};
use qx_benches_sql::debian::folder;
use qx_benches_sql::duckdb::DuckDb;
use qx_formats::{Error, Result};
use qx_sql::{Session, SessionOptions};

const CLAIMS: [&str; 2] = ["nearest 10", "nearest 10 of many"];
/// Rows whose vectors are asked for.
const QUESTIONS: usize = 256;
/// What has to be found of the exact answers, and the settings that are tried for it: candidates for each row that is wanted.
const RECALL: f64 = 0.99;
const ALPHAS: [usize; 6] = [2, 3, 4, 5, 6, 8];
/// Searches of one lateral statement.
const LATERAL: usize = 1_000;

/// Vectors of `rows` x `dim`, from the npy file beside the package index.
struct Vectors {
    dim: usize,
    values: Vec<f32>,
}

fn read(path: &Path) -> Result<Vectors> {
    let bytes = std::fs::read(path).map_err(|e| Error::io("read", e).path(path))?;
    let array = qx_vector::npy::read(&bytes).map_err(|e| e.path(path))?;
    Ok(Vectors { dim: array.dim(), values: array.to_f32() })
}

impl Vectors {
    fn literal(&self, row: usize) -> String {
        let values = self.values.iter().skip(row * self.dim).take(self.dim);
        let text: Vec<String> = values.map(ToString::to_string).collect();
        format!("[{}]", text.join(","))
    }

    fn write(&self, to: &Path) -> Result<()> {
        let mut lists = ListBuilder::new(Float32Builder::new());
        for row in self.values.chunks(self.dim) {
            lists.values().append_slice(row);
            lists.append(true);
        }
        let rows = (self.values.len() / self.dim) as i64;
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
        let batch = RecordBatch::try_from_iter([("id", ids), ("vector", Arc::new(lists.finish()) as ArrayRef)]);
        let batch = batch.map_err(crate::engine)?;
        let file = std::fs::File::create(to).map_err(|e| Error::io("create", e).path(to))?;
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).map_err(crate::engine)?;
        writer.write(&batch).and_then(|()| writer.close().map(|_| ())).map_err(crate::engine)
    }
}

struct Setup {
    _dir: tempfile::TempDir,
    vectors: Vectors,
    session: Session,
    runtime: tokio::runtime::Runtime,
    duckdb: RefCell<DuckDb>,
}

fn set_up(suite: &Suite) -> Result<Setup> {
    let dir = suite.folder()?;
    let vectors = read(&folder().join("embeddings.f16.npy"))?;
    let file: PathBuf = dir.path().join("vectors.parquet");
    vectors.write(&file)?;
    let runtime = crate::runtime()?;
    let script = format!(
        "CREATE TABLE v (id BIGINT PRIMARY KEY, vector REAL[]); COPY v FROM '{}' WITH (FORMAT parquet);
         CREATE TABLE questions (id BIGINT, vector REAL[]);
         INSERT INTO questions SELECT id, vector FROM v ORDER BY id LIMIT {LATERAL};
         CREATE VECTOR INDEX near ON v(vector) USING hnsw WITH (metric = cosine)",
        file.display()
    );
    let session = crate::database(&runtime, &dir.path().join("db"), &script)?;
    let home = dir.path().parent().unwrap_or(Path::new("."));
    let mut duckdb = DuckDb::start(home)?;
    let dim = vectors.dim;
    duckdb.run(&format!("CREATE TABLE v AS SELECT id, vector::FLOAT[{dim}] AS vector FROM '{}'", file.display()))?;
    Ok(Setup { _dir: dir, vectors, session, runtime, duckdb: RefCell::new(duckdb) })
}

impl Setup {
    fn ids(&self, sql: &str) -> Result<Vec<i64>> {
        self.ids_in(&self.session, sql)
    }

    fn ids_in(&self, session: &Session, sql: &str) -> Result<Vec<i64>> {
        let answer = self.runtime.block_on(session.query(sql))?;
        Ok(answer.batches.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()).collect())
    }

    /// A session that looks at so many candidates for each row that is wanted.
    fn with_alpha(&self, alpha: usize) -> Result<Session> {
        let flag = |name: &str, value: usize| (name.to_owned(), value.to_string());
        let flags = vec![flag("vector.preselect_alpha", alpha), flag("vector.search.ef_search", 10 * alpha)];
        Session::open_with(self.session.store(), SessionOptions { flags, ..SessionOptions::default() })
    }

    /// The least of [`ALPHAS`] that finds enough, and what it finds.
    fn enough(&self, statements: &[String], exact: &[String]) -> Result<(usize, Session, f64)> {
        for alpha in ALPHAS {
            let session = self.with_alpha(alpha)?;
            let recall = self.recall(&session, statements, exact)?;
            if recall >= RECALL {
                return Ok((alpha, session, recall));
            }
        }
        Err(Error::invalid("the index finds too little").expected(RECALL).got("less at every alpha"))
    }

    /// The share of the exact answers that the index finds.
    fn recall(&self, session: &Session, statements: &[String], exact: &[String]) -> Result<f64> {
        let (mut found, mut all) = (0, 0);
        for (ann, exact) in statements.iter().zip(exact) {
            let (ann, exact) = (self.ids_in(session, ann)?, self.ids(exact)?);
            found += exact.iter().filter(|id| ann.contains(id)).count();
            all += exact.len();
        }
        Ok(found as f64 / all as f64)
    }
}

pub fn claims(suite: &mut Suite) -> Result<()> {
    if !suite.wants(&CLAIMS) {
        return Ok(());
    }
    let setup = set_up(suite)?;
    let rows = setup.vectors.values.len() / setup.vectors.dim;
    let asked = (0..QUESTIONS).map(|i| setup.vectors.literal(i * rows / QUESTIONS));
    let asked: Vec<String> = asked.collect();
    let order = |how: &str| -> Vec<String> {
        asked
            .iter()
            .map(|q| format!("SELECT id FROM v ORDER BY cosine_sim(vector, '{q}') DESC LIMIT 10 {how}"))
            .collect()
    };
    let (ann, exact) = (order(""), order("USING EXACT"));
    let theirs: Vec<String> = asked
        .iter()
        .map(|q| {
            let dim = setup.vectors.dim;
            format!("SELECT id FROM v ORDER BY array_cosine_similarity(vector, {q}::FLOAT[{dim}]) DESC LIMIT 10")
        })
        .collect();
    let recall = setup.recall(&setup.session, &ann, &exact)?;
    let (alpha, tuned, enough) = setup.enough(&ann, &exact)?;
    let ours = |session: &Session, statements: &[String], at: &Cell<usize>| {
        let sql = &statements[at.get() % statements.len()];
        at.set(at.get() + 1);
        setup.ids_in(session, sql).map(|ids| Work::units(1).answer(ids.len() as u64))
    };
    let at = [const { Cell::new(0) }; 4];
    let name = CLAIMS[0];
    suite.measure(
        Claim::new(name, "query")
            .reference("duckdb scan", || {
                let sql = &theirs[at[0].get() % theirs.len()];
                at[0].set(at[0].get() + 1);
                Ok(Work::units(1).answer(setup.duckdb.borrow_mut().count(sql)?))
            })
            .note(format!("{rows} x {}", setup.vectors.dim))
            .subject("order by, exact", || ours(&setup.session, &exact, &at[1]))
            .subject("order by, index", || ours(&setup.session, &ann, &at[2]))
            .note(format!("recall {recall:.4}"))
            .subject("order by, index, enough", || ours(&tuned, &ann, &at[3]))
            .note(format!("recall {enough:.4}, alpha {alpha}")),
    )?;
    lateral(suite, &setup)
}

/// A thousand searches in one statement, against as many statements; and a tenth of them, each row of the table scored.
fn lateral(suite: &mut Suite, setup: &Setup) -> Result<()> {
    let many = "SELECT count(*) FROM questions q CROSS JOIN LATERAL nearest_neighbors('v', 'vector', q.vector, 10) n";
    let exact = "SELECT count(*) FROM (SELECT * FROM questions ORDER BY id LIMIT 100) q
                 CROSS JOIN LATERAL nearest_neighbors('v', 'vector', q.vector, 10, engine => 'exact') n";
    let one = |row: usize| {
        format!("SELECT count(*) FROM nearest_neighbors('v', 'vector', '{}', 10)", setup.vectors.literal(row))
    };
    let singles: Vec<String> = (0..LATERAL).map(one).collect();
    let sum = |sql: &str| setup.ids(sql).map(|n| n.iter().sum::<i64>() as u64);
    suite.measure(
        Claim::new(CLAIMS[1], "search")
            .reference("a statement each", || {
                let found = singles.iter().map(|sql| sum(sql)).sum::<Result<u64>>()?;
                Ok(Work::units(LATERAL as u64).answer(found))
            })
            .subject("lateral", || Ok(Work::units(LATERAL as u64).answer(sum(many)?)))
            // As if it had asked as much: the harness wants the same answer of all.
            .subject("lateral, exact", || Ok(Work::units(LATERAL as u64 / 10).answer(sum(exact)? * 10))),
    )
}
