//! Vectors as sentence embeddings are: the Debian sample, and rows mixed from it where more are wanted.

use std::path::Path;

use qx_formats::Result;
use qx_io::Map;
use qx_vector::npy;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

pub struct Data {
    pub dim: usize,
    pub rows: Vec<f32>,
    pub queries: Vec<Vec<f32>>,
}

impl Data {
    /// `rows` vectors of length one to search in, and `queries` others to search for.
    pub fn new(rows: usize, queries: usize) -> Result<Data> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/debian/embeddings.f16.npy");
        let sample = npy::read(Map::open(&path)?).map_err(|e| e.path(&path))?;
        let dim = sample.dim();
        let mut rng = StdRng::seed_from_u64(11);
        // A row, moved along the difference of two others: stays in the region that the sample fills, which noise of
        // its own would leave.
        let mut mixed = || {
            let mut pick = || sample.row(rng.random_range(0..sample.len()));
            let (a, b, c) = (pick(), pick(), pick());
            let row: Vec<f32> = a.iter().zip(b.iter().zip(&c)).map(|(a, (b, c))| a + 0.35 * (b - c)).collect();
            unit(row)
        };
        let queries = (0..queries).map(|_| mixed()).collect();
        let mut all = Vec::with_capacity(rows * dim);
        for row in 0..rows {
            if row < sample.len() {
                all.extend(unit(sample.row(row)));
            } else {
                all.extend(mixed());
            }
        }
        Ok(Data { dim, rows: all, queries })
    }

    pub fn row(&self, at: usize) -> &[f32] {
        &self.rows[at * self.dim..(at + 1) * self.dim]
    }

    pub fn len(&self) -> usize {
        self.rows.len() / self.dim
    }
}

fn unit(mut row: Vec<f32>) -> Vec<f32> {
    let norm = row.iter().map(|v| v * v).sum::<f32>().sqrt();
    for v in &mut row {
        *v /= norm;
    }
    row
}
