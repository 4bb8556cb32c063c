//! The plain way: every distance, and the best `k` of them.

use std::collections::BinaryHeap;

use crate::data::Data;

/// Squared Euclidean distance in sixteen independent sums, which a compiler turns into vector instructions.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut sums = [0f32; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            let d = a - b;
            *sum += d * d;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| (a - b) * (a - b)).sum();
    sums.iter().sum::<f32>() + rest
}

/// The `k` nearest rows, nearest first.
pub fn nearest(data: &Data, query: &[f32], k: usize) -> Vec<u32> {
    // A distance that is not negative is ordered as its bits are; the greatest of the best stands on top.
    let mut best: BinaryHeap<(u32, u32)> = BinaryHeap::with_capacity(k + 1);
    for row in 0..data.len() {
        let entry = (distance(data.row(row), query).to_bits(), row as u32);
        if best.len() < k {
            best.push(entry);
        } else if best.peek().is_some_and(|worst| entry < *worst) {
            best.pop();
            best.push(entry);
        }
    }
    best.into_sorted_vec().into_iter().map(|(_, row)| row).collect()
}

/// The share of the true neighbours that was found.
pub fn recall(truth: &[Vec<u32>], found: impl Iterator<Item = Vec<u32>>) -> f64 {
    let (mut hits, mut all) = (0, 0);
    for (truth, found) in truth.iter().zip(found) {
        hits += truth.iter().filter(|row| found.contains(row)).count();
        all += truth.len();
    }
    hits as f64 / f64::from(u32::try_from(all.max(1)).unwrap_or(u32::MAX))
}
