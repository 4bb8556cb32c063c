//! How much of the exact answer a search finds, how fast, and which `ef` finds enough.

use std::time::{Duration, Instant};

use qx_formats::{Error, Result};
use serde::Serialize;

use crate::index::Hit;
use crate::set::{Segments, SetFilter, SetOptions};

/// Where the search for an `ef` starts and gives up.
const EF_MAX: usize = 65_536;

/// Queries, and what an exact search answers to each.
#[derive(Debug, Clone)]
pub struct Truth {
    pub queries: Vec<Vec<f32>>,
    /// The row that a query was taken from, which is then no answer.
    own: Vec<Option<u64>>,
    k: usize,
    /// Scores of the exact answers, nearest first.
    answers: Vec<Vec<f32>>,
}

/// One point of the curve.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Point {
    pub ef: usize,
    /// Share of the exact answer that was found. Of rows that are equally far any will do.
    pub recall: f64,
    /// Of one thread.
    pub queries_per_second: f64,
    /// Distances for a query.
    pub code_distances: f64,
    pub vector_distances: f64,
}

/// Time that this thread has worked: what it waited for others to leave the processor is not counted where the system
/// tells.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    start: Instant,
    worked: Option<u64>,
}

impl Stopwatch {
    pub fn start() -> Self {
        Stopwatch { start: Instant::now(), worked: Self::worked() }
    }

    /// Nanoseconds of work so far.
    fn worked() -> Option<u64> {
        std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split_whitespace().next()?.parse().ok()
    }

    pub fn elapsed(&self) -> Duration {
        let worked = self.worked.and_then(|start| Self::worked()?.checked_sub(start));
        worked.filter(|&ns| ns > 0).map_or_else(|| self.start.elapsed(), Duration::from_nanos)
    }
}

fn no_rows(set: &Segments) -> Error {
    Error::usage("an index without rows has no recall").path(set.path())
}

impl Truth {
    /// Exact answers to these queries.
    ///
    /// # Errors
    /// `Usage` without queries and for an index without rows, of which nothing can be said; as [`Segments::search`].
    pub fn new(set: &Segments, queries: Vec<Vec<f32>>, k: usize) -> Result<Truth> {
        if set.is_empty() {
            return Err(no_rows(set));
        }
        if queries.is_empty() {
            return Err(Error::usage("there are no queries to measure with"));
        }
        let own = vec![None; queries.len()];
        Self::answer(set, queries, own, k, None)
    }

    /// Exact answers to up to `count` queries that are rows of the index, spread over it; the row itself does not count.
    ///
    /// # Errors
    /// `Usage` for an index without rows.
    pub fn sample(set: &Segments, count: usize, k: usize) -> Result<Truth> {
        let rows = set.len();
        if rows == 0 || count == 0 {
            return Err(no_rows(set));
        }
        let step = (rows / count as u64).max(1);
        let (mut queries, mut own, mut seen) = (Vec::new(), Vec::new(), 0u64);
        set.for_each(|part, row| {
            if seen.is_multiple_of(step) && queries.len() < count {
                queries.extend(set.vector(part, row));
                own.push(set.parts().get(part as usize).and_then(|p| p.index.row_id(row)));
            }
            seen += 1;
            Ok(())
        })?;
        Self::answer(set, queries, own, k, None)
    }

    /// The same queries among the rows that a filter lets through.
    ///
    /// # Errors
    /// As [`Segments::search`].
    pub fn within(self, set: &Segments, filter: &SetFilter) -> Result<Truth> {
        Self::answer(set, self.queries, self.own, self.k, Some(filter))
    }

    fn answer(
        set: &Segments,
        queries: Vec<Vec<f32>>,
        own: Vec<Option<u64>>,
        k: usize,
        filter: Option<&SetFilter>,
    ) -> Result<Truth> {
        let mut truth = Truth { queries, own, k, answers: Vec::new() };
        let opts = SetOptions { exact: true, filter, ..SetOptions::default() };
        let found = set.search_many(&truth.queries, truth.width(), &opts)?;
        truth.answers = found.iter().enumerate().map(|(q, a)| truth.others(q, &a.hits)).collect();
        Ok(truth)
    }

    /// Rows to ask for: one more where one of them is the query itself.
    fn width(&self) -> usize {
        self.k + usize::from(self.own.iter().any(Option::is_some))
    }

    /// The scores of those that are not the query itself.
    fn others(&self, query: usize, hits: &[Hit]) -> Vec<f32> {
        let own = self.own.get(query).copied().flatten();
        hits.iter().filter(|h| Some(h.row_id) != own).take(self.k).map(|h| h.score).collect()
    }

    /// How many rows of the exact answer there are, and how many rows as near as its last one were found.
    fn found(&self, query: usize, hits: &[Hit], larger_is_nearer: bool) -> (usize, usize) {
        let want = self.answers.get(query).map_or(&[][..], Vec::as_slice);
        let Some(&last) = want.last() else { return (0, 0) };
        let near = |score: &&f32| if larger_is_nearer { **score >= last } else { **score <= last };
        (want.len(), self.others(query, hits).iter().filter(near).count().min(want.len()))
    }

    /// Recall and speed at one `ef`. Takes at least `time`, going over the queries again, for a speed to rely on.
    ///
    /// # Errors
    /// As [`Segments::search`].
    pub fn measure(&self, set: &Segments, ef: usize, time: Duration) -> Result<Point> {
        self.measure_with(set, &SetOptions { ef: Some(ef), ..SetOptions::default() }, time)
    }

    /// [`Truth::measure`] of other searches: under the filter of [`Truth::within`].
    ///
    /// # Errors
    /// As [`Segments::search`].
    pub fn measure_with(&self, set: &Segments, opts: &SetOptions<'_>, time: Duration) -> Result<Point> {
        let (mut hits, mut all, mut codes, mut vectors, mut asked) = (0usize, 0usize, 0u64, 0u64, 0u64);
        let start = Stopwatch::start();
        loop {
            let first = asked == 0;
            for (q, query) in self.queries.iter().enumerate() {
                let answer = set.search(query, self.width(), opts)?;
                asked += 1;
                if first {
                    let (want, found) = self.found(q, &answer.hits, set.metric().larger_is_nearer());
                    hits += found;
                    all += want;
                    codes += answer.stats.code_distances();
                    vectors += answer.stats.vector_distances();
                }
            }
            if start.elapsed() >= time || asked == 0 {
                break;
            }
        }
        let each = |n: u64| n as f64 / self.queries.len().max(1) as f64;
        Ok(Point {
            ef: opts.ef.unwrap_or_else(|| set.default_ef()),
            recall: if all == 0 { 1.0 } else { hits as f64 / all as f64 },
            queries_per_second: asked as f64 / start.elapsed().as_secs_f64().max(1e-9),
            code_distances: each(codes),
            vector_distances: each(vectors),
        })
    }

    /// The least `ef` that finds `target` of the exact answer, to within an eighth; `None` when none does.
    ///
    /// # Errors
    /// As [`Segments::search`].
    pub fn tune(&self, set: &Segments, target: f64) -> Result<Option<Point>> {
        let mut last: Option<Point> = None;
        let mut ef = self.width().max(1);
        loop {
            let point = self.measure(set, ef, Duration::ZERO)?;
            if point.recall >= target {
                break;
            }
            if ef as u64 >= set.len() || ef >= EF_MAX {
                return Ok(None);
            }
            last = Some(point);
            ef = (ef * 2).min(EF_MAX);
        }
        let mut low = last.map_or(ef, |p| p.ef);
        while ef - low > (low / 8).max(1) {
            let middle = low.midpoint(ef);
            if self.measure(set, middle, Duration::ZERO)?.recall >= target { ef = middle } else { low = middle }
        }
        self.measure(set, ef, Duration::ZERO).map(Some)
    }
}

/// A plot of recall over queries per second, as SVG: a point for each `ef`, the faster to the right.
pub fn plot(title: &str, points: &[Point]) -> String {
    use std::fmt::Write;

    const WIDTH: f64 = 720.0;
    const HEIGHT: f64 = 420.0;
    const EDGE: f64 = 60.0;
    let speed = |p: &Point| p.queries_per_second.max(1.0).log10();
    let low = points.iter().map(speed).fold(f64::INFINITY, f64::min).floor();
    let high = points.iter().map(speed).fold(f64::NEG_INFINITY, f64::max).ceil().max(low + 1.0);
    let least = points.iter().map(|p| p.recall).fold(1.0, f64::min);
    let least = ((least * 20.0).floor() / 20.0).min(0.95);
    let x = |p: f64| EDGE + (p - low) / (high - low) * (WIDTH - 2.0 * EDGE);
    let y = |r: f64| HEIGHT - EDGE - (r - least) / (1.0 - least) * (HEIGHT - 2.0 * EDGE);
    let title = title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"{}\" y=\"28\" \
         text-anchor=\"middle\" font-size=\"14\">{title}</text>\n",
        WIDTH / 2.0
    );
    // Writing to a String cannot fail.
    let mut put = |text: std::fmt::Arguments<'_>| {
        let _ = svg.write_fmt(text);
    };
    for decade in low as i64..=high as i64 {
        let at = x(decade as f64);
        put(format_args!(
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{EDGE}\" y2=\"{}\" stroke=\"#ddd\"/>\n",
            HEIGHT - EDGE
        ));
        let label = 10f64.powi(decade as i32);
        put(format_args!("<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>\n", HEIGHT - EDGE + 18.0));
    }
    for step in 0..=5 {
        let recall = least + (1.0 - least) * f64::from(step) / 5.0;
        let at = y(recall);
        put(format_args!(
            "<line x1=\"{EDGE}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>\n",
            WIDTH - EDGE
        ));
        put(format_args!("<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{recall:.3}</text>\n", EDGE - 8.0, at + 4.0));
    }
    let line: Vec<String> = points.iter().map(|p| format!("{:.1},{:.1}", x(speed(p)), y(p.recall))).collect();
    put(format_args!(
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#1f5fa8\" stroke-width=\"2\"/>\n",
        line.join(" ")
    ));
    for p in points {
        let (cx, cy) = (x(speed(p)), y(p.recall));
        put(format_args!("<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"3.5\" fill=\"#1f5fa8\"/>\n"));
        put(format_args!("<text x=\"{:.1}\" y=\"{:.1}\">{}</text>\n", cx + 6.0, cy - 6.0, p.ef));
    }
    put(format_args!(
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">queries per second of one thread; at each point its ef</text>\n",
        WIDTH / 2.0,
        HEIGHT - 14.0
    ));
    put(format_args!("<text x=\"16\" y=\"{EDGE}\">recall</text>\n</svg>\n"));
    svg
}
