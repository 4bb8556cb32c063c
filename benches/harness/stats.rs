//! Medians, and how far they can be trusted.

use serde::{Deserialize, Serialize};

/// A median and the interval between two of its own samples that holds the true median with 95% confidence.
///
/// The interval comes from ranks alone (the sign test), so it assumes nothing about how the noise is distributed;
/// with fewer than six samples it is all there is, from the smallest to the largest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Estimate {
    /// `None` for no samples at all.
    pub fn of(samples: &[f64]) -> Option<Estimate> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        let rank = interval_rank(n);
        let (low, high) = (*sorted.get(rank)?, *sorted.get(n.checked_sub(1 + rank)?)?);
        let median = match (sorted.get((n - 1) / 2), sorted.get(n / 2)) {
            (Some(a), Some(b)) => a.midpoint(*b),
            _ => return None,
        };
        Some(Estimate { low, median, high })
    }

    /// Half the interval's width, as a share of the median: what a reader takes for "plus or minus".
    pub fn spread(&self) -> f64 {
        if self.median > 0.0 { (self.high - self.low) / 2.0 / self.median } else { 0.0 }
    }
}

/// How many samples may be dropped at each end so that what is left still holds the median in 95% of all cases: the
/// largest `k` for which `n` fair coins show at most `k` heads with a chance of no more than 2.5%.
fn interval_rank(n: usize) -> usize {
    // The chance of exactly `rank` heads, and of at most that many.
    let mut exactly = 0.5f64.powi(i32::try_from(n).unwrap_or(i32::MAX));
    let mut at_most = exactly;
    let mut rank = 0;
    loop {
        exactly *= n.saturating_sub(rank) as f64 / (rank + 1) as f64;
        at_most += exactly;
        if at_most > 0.025 || rank + 1 >= n {
            return rank;
        }
        rank += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_the_sign_test() {
        // The table of the sign test at 5%, two-sided.
        for (n, rank) in [(0, 0), (1, 0), (5, 0), (6, 0), (8, 0), (9, 1), (12, 2), (15, 3), (20, 5), (25, 7), (35, 11)]
        {
            assert_eq!(interval_rank(n), rank, "n = {n}");
        }
    }

    #[test]
    fn the_median_stands_inside_its_interval() {
        let samples: Vec<f64> = (0..15).rev().map(f64::from).collect();
        assert_eq!(Estimate::of(&samples), Some(Estimate { low: 3.0, median: 7.0, high: 11.0 }));
        assert_eq!(Estimate::of(&[2.0, 4.0]).map(|e| e.median), Some(3.0));
        assert_eq!(Estimate::of(&[2.0]).map(|e| e.spread()), Some(0.0));
        assert_eq!(Estimate::of(&[]), None);
    }
}
