//! Fields that a caller names and no row has a value of: mostly a slip of the pen, whose column of nulls looks well.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use qx_formats::Result;

use crate::Sink;
use crate::options::Options;
use crate::path::{self, Step, push_name};
use crate::report::{Absent, Coercion, Reject};
use crate::shape::{Fields, Rows, Shape};

/// A field that was named.
#[derive(Debug, Clone)]
struct Named {
    path: String,
    steps: Vec<Step>,
}

/// Every field that the options name: by a type, as a map, in a schema, to be selected, in a condition.
fn named(opts: &Options) -> Result<Vec<Named>> {
    let given = opts.schema.iter().flatten().map(|(name, _)| {
        let mut path = String::new();
        push_name(&mut path, name);
        path
    });
    let typed = opts.hints.iter().map(|(path, _)| path).chain(&opts.as_json).chain(&opts.maps).chain(&opts.select);
    let asked = opts.filters.iter().map(crate::Filter::path);
    let mut all = Vec::<Named>::new();
    for path in given.chain(typed.cloned()).chain(asked.map(str::to_owned)) {
        if all.iter().all(|known| known.path != path) {
            let steps = path::steps(&path)?;
            all.push(Named { path, steps });
        }
    }
    Ok(all)
}

/// Passes everything on, and notes which of the named fields have no value in any row.
pub(crate) struct Watched<'a> {
    sink: &'a mut dyn Sink,
    named: Vec<Named>,
    open: Vec<Named>,
}

impl<'a> Watched<'a> {
    pub(crate) fn new(sink: &'a mut dyn Sink, opts: &Options) -> Result<Self> {
        let named = named(opts)?;
        Ok(Watched { sink, open: named.clone(), named })
    }

    /// The fields without a value, each with one of `seen` that it may have meant. What did not fit its column was there.
    pub(crate) fn absent(&self, seen: &Rows, coercions: &[Coercion]) -> Vec<Absent> {
        let was_there = |path: &str| coercions.iter().any(|c| c.field == path);
        absent(self.open.iter().filter(|n| !was_there(&n.path)), seen)
    }
}

/// Of a look alone: the named fields that it did not meet.
pub(crate) fn absent_from(seen: &Rows, opts: &Options) -> Result<Vec<Absent>> {
    let named = named(opts)?;
    let there = |n: &&Named| !found(&seen.fields, &n.steps);
    Ok(if seen.rows == 0 { Vec::new() } else { absent(named.iter().filter(there), seen) })
}

impl Sink for Watched<'_> {
    fn begin(&mut self, schema: &SchemaRef) -> Result<()> {
        self.open.clone_from(&self.named);
        self.sink.begin(schema)
    }

    fn batch(&mut self, batch: RecordBatch) -> Result<()> {
        self.open.retain(|n| !in_batch(&batch, &n.steps));
        self.sink.batch(batch)
    }

    fn rescues(&mut self, rescues: bool) {
        self.sink.rescues(rescues);
    }

    fn reject(&mut self, reject: &Reject) -> Result<()> {
        self.sink.reject(reject)
    }

    fn restartable(&self) -> bool {
        self.sink.restartable()
    }
}

fn in_batch(batch: &RecordBatch, steps: &[Step]) -> bool {
    let Some((Step::Key(name), rest)) = steps.split_first() else { return false };
    batch.column_by_name(name).is_some_and(|column| has_value(column.as_ref(), rest))
}

fn has_value(array: &dyn Array, steps: &[Step]) -> bool {
    if array.logical_null_count() == array.len() {
        return false;
    }
    match (steps.split_first(), array.data_type()) {
        (Some((Step::Key(name), rest)), DataType::Struct(_)) => {
            array.as_struct().column_by_name(name).is_some_and(|child| has_value(child.as_ref(), rest))
        }
        (Some((Step::Item, rest)), DataType::List(_)) => has_value(array.as_list::<i32>().values().as_ref(), rest),
        (Some((Step::Item, rest)), DataType::Map(..)) => has_value(array.as_map().values().as_ref(), rest),
        // What stands in a column of JSON text is not looked into.
        _ => true,
    }
}

/// Whether there was anything but null at `steps`.
fn found(fields: &Fields, steps: &[Step]) -> bool {
    match steps.split_first() {
        Some((Step::Key(name), rest)) => fields.get(name.as_bytes()).is_some_and(|shape| found_in(shape, rest)),
        _ => false,
    }
}

fn found_in(shape: &Shape, steps: &[Step]) -> bool {
    match steps.split_first() {
        None => shape.has_value(),
        // The keys of what became a map are not told apart.
        Some((Step::Key(_), _)) => shape.has_many_keys() || found(&shape.fields, steps),
        Some((Step::Item, rest)) => {
            shape.has_many_keys()
                || shape.item.as_deref().is_some_and(|item| found_in(item, rest))
                || shape.fields.list.iter().any(|(_, value)| found_in(value, rest))
        }
    }
}

/// Fields that are compared with a name, at most.
const CANDIDATES_MAX: usize = 10_000;

fn absent<'n>(names: impl Iterator<Item = &'n Named>, seen: &Rows) -> Vec<Absent> {
    let mut names = names.peekable();
    let mut candidates = Vec::new();
    if names.peek().is_some() {
        collect(&seen.fields, &mut Vec::new(), &mut candidates);
    }
    names.map(|n| Absent { path: n.path.clone(), nearest: nearest(&n.steps, &candidates) }).collect()
}

/// The paths of all fields that were seen to hold something.
fn collect(fields: &Fields, at: &mut Vec<Step>, out: &mut Vec<Vec<Step>>) {
    for (name, shape) in &fields.list {
        if out.len() >= CANDIDATES_MAX {
            return;
        }
        let depth = at.len();
        at.push(Step::Key(String::from_utf8_lossy(name).into_owned()));
        if shape.has_value() {
            out.push(at.clone());
        }
        // What is in lists of lists is under as many items.
        let mut inner = Some(shape);
        while let Some(shape) = inner {
            collect(&shape.fields, at, out);
            at.push(Step::Item);
            inner = shape.item.as_deref();
        }
        at.truncate(depth);
    }
}

/// What a path that leads nowhere may have meant: a sibling of nearly that name, or a field of that name elsewhere.
fn nearest(steps: &[Step], candidates: &[Vec<Step>]) -> Option<String> {
    let Some((Step::Key(name), parent)) = steps.split_last() else { return None };
    // Short names are all alike.
    let allowed = (name.chars().count() / 3).min(3);
    let rank = |candidate: &Vec<Step>| {
        let Some((Step::Key(other), above)) = candidate.split_last() else { return None };
        let beside = above == parent;
        if candidate == steps {
            return None;
        }
        let distance = if name.to_lowercase() == other.to_lowercase() { 0 } else { distance(name, other) };
        // Elsewhere only the very name counts.
        (distance <= if beside { allowed } else { 0 }).then_some((distance, !beside, above.len()))
    };
    let best = candidates.iter().filter_map(|c| Some((rank(c)?, c))).min_by(|a, b| a.0.cmp(&b.0))?;
    Some(path::written(best.1))
}

/// How many characters have to be added, dropped, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 64;
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(LONGEST).collect(), b.chars().take(LONGEST).collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut least = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    least = least.min(rows[i - 2][j - 2] + 1);
                }
                least
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_near_what_was_meant() {
        assert_eq!(distance("status", "status"), 0);
        assert_eq!(distance("stauts", "status"), 1);
        assert_eq!(distance("staus", "status"), 1);
        assert_eq!(distance("", "abc"), 3);
        let seen = ["status", "user.id", "User_Name", "items[].price", "x", "yz"].map(|p| path::steps(p).unwrap());
        let near = |p: &str| nearest(&path::steps(p).unwrap(), &seen);
        assert_eq!(near("stauts").as_deref(), Some("status"));
        assert_eq!(near("user_name").as_deref(), Some("User_Name"));
        assert_eq!(near("price").as_deref(), Some("items[].price"));
        assert_eq!(near("id").as_deref(), Some("user.id"));
        assert_eq!(near("items[].pice").as_deref(), Some("items[].price"));
        assert_eq!((near("nothing"), near("y")), (None, None));
        assert_eq!(near("status"), None);
    }
}
