//! The fields of an object under construction, the root's included.

use std::collections::{BTreeMap, HashMap};

use arrow::array::ArrayRef;
use arrow::error::ArrowError;

use crate::column::{Appended, Column, Misfit, Policy, Row};
use crate::fast::Name;
use crate::options::Options;
use crate::path::{Step, push_name};
use crate::report::{Became, Tally, tally};
use crate::shape::Seen;
use crate::types::Type;

/// What the options say about a path.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) opts: &'a Options,
}

/// Whether `path` is `outer` or inside it.
pub(crate) fn within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

impl Given<'_> {
    /// The type at a path was given: by itself, or with what it is in.
    pub(crate) fn hinted(self, path: &str) -> bool {
        // Each column asks, and there may be thousands: most names are told apart without their paths.
        let like = |name: &str| path.starts_with('"') || path.starts_with(name);
        let named = self.opts.schema.iter().flatten().filter(|(name, _)| like(name));
        let columns = named.map(|(name, _)| {
            let mut path = String::new();
            push_name(&mut path, name);
            path
        });
        self.opts.hints.iter().any(|(given, _)| within(path, given))
            || self.opts.as_json.iter().any(|given| within(path, given))
            || (!path.is_empty() && columns.into_iter().any(|given| within(path, &given)))
    }

    /// The kind at a path was given, if not what is inside.
    pub(crate) fn given(self, path: &str) -> bool {
        self.hinted(path) || self.opts.maps.iter().any(|given| given == path)
    }

    /// The struct at a path is taken apart, and all of its fields are there to tell that an object had none of them.
    pub(crate) fn flattened(self, path: &str) -> bool {
        // What is in lists and maps stays together.
        let reached = || crate::path::parse(path).is_some_and(|steps| !steps.contains(&Step::Item));
        self.opts.flatten.is_some() && !self.partial(path) && reached()
    }

    /// Only some fields of the object at a path were selected: the others are none of its reader's business.
    pub(crate) fn partial(self, path: &str) -> bool {
        let select = &self.opts.select;
        if path.is_empty() {
            return !select.is_empty() || self.opts.nothing;
        }
        select.iter().any(|s| s != path && within(s, path)) && !select.iter().any(|s| within(path, s))
    }
}

#[derive(Debug)]
pub(crate) struct Record {
    path: String,
    pub(crate) names: Vec<String>,
    pub(crate) fast: Vec<Name>,
    pub(crate) columns: Vec<Column>,
    index: HashMap<Box<[u8]>, usize>,
    /// Rows begun. A column that has fewer is owed nulls, which it gets all at once.
    pub(crate) rows: usize,
    /// Keys without a column were not asked for.
    pub(crate) partial: bool,
    hinted: bool,
    /// Keys that have no column.
    unknown: BTreeMap<String, Vec<Tally>>,
}

/// Distinct keys without a column that are counted by name; the rest are counted together.
const UNKNOWN_MAX: usize = 1000;

impl Record {
    pub(crate) fn new(path: &str, fields: &[(String, Type)], given: Given<'_>) -> Self {
        let columns = fields.iter().map(|(name, t)| {
            let mut path = path.to_owned();
            push_name(&mut path, name);
            Column::new(path, t, given)
        });
        Record {
            path: path.to_owned(),
            names: fields.iter().map(|(name, _)| name.clone()).collect(),
            fast: fields.iter().map(|(name, _)| Name::new(name)).collect(),
            columns: columns.collect(),
            index: fields.iter().enumerate().map(|(i, (name, _))| (name.as_bytes().into(), i)).collect(),
            rows: 0,
            partial: given.partial(path),
            hinted: !path.is_empty() && given.hinted(path),
            unknown: BTreeMap::new(),
        }
    }

    pub(crate) fn position(&self, name: &[u8], guess: usize) -> Option<usize> {
        match self.names.get(guess) {
            Some(n) if n.as_bytes() == name => Some(guess),
            _ => self.index.get(name).copied(),
        }
    }

    /// Appends an object.
    pub(crate) fn append(&mut self, row: &mut Row<'_>, index: usize) -> Appended {
        let before = self.begin();
        let end = row.tape.node(index).next as usize;
        let (mut at, mut guess) = (index + 1, 0);
        while at < end {
            let tape = row.tape;
            let name = tape.text(row.raw, tape.node(at));
            match self.position(&name, guess) {
                Some(field) => {
                    if let Some(column) = self.columns.get_mut(field) {
                        column.catch_up(before);
                        column.append(row, at + 1)?;
                    }
                    guess = field + 1;
                }
                None => self.unknown(row, &name, at + 1)?,
            }
            at = tape.node(at + 1).next as usize;
        }
        Ok(())
    }

    /// Appends one value under one field and nothing under the others: how a row that is no object is kept.
    pub(crate) fn append_value(&mut self, row: &mut Row<'_>, name: &str) -> Appended {
        let before = self.begin();
        match self.position(name.as_bytes(), 0) {
            Some(field) => {
                if let Some(column) = self.columns.get_mut(field) {
                    column.catch_up(before);
                    column.append(row, 0)?;
                }
            }
            None => self.unknown(row, name.as_bytes(), 0)?,
        }
        Ok(())
    }

    /// Begins a row; how many there were before it.
    #[inline]
    pub(crate) fn begin(&mut self) -> usize {
        self.rows += 1;
        self.rows - 1
    }

    pub(crate) fn append_nulls(&mut self, rows: usize) {
        self.rows += rows;
    }

    /// Whether the object that was appended last left nothing but nulls.
    pub(crate) fn is_without_value(&self) -> bool {
        self.columns.iter().all(|column| column.valid.len() < self.rows || column.valid.last_is_null())
    }

    /// Forgets what came after the first `rows`, and the counts of a record.
    pub(crate) fn give_up(&mut self, rows: usize, number: u64) {
        self.rows = self.rows.min(rows);
        self.columns.iter_mut().for_each(|column| column.give_up(rows, number));
    }

    fn unknown(&mut self, row: &mut Row<'_>, name: &[u8], value: usize) -> Appended {
        if self.partial {
            return Ok(());
        }
        let from = row.seen(value);
        let mut field = self.path.clone();
        push_name(&mut field, &String::from_utf8_lossy(name));
        let became = match row.policy {
            Policy::Widen | Policy::Error => {
                let spot = row.spot_of(value);
                return Err(Box::new(Misfit { field, from, to: None, hinted: self.hinted, spot }));
            }
            // Null under a new key says no more than its absence.
            _ if from == Seen::Null => return Ok(()),
            Policy::Rescue => {
                row.rescued.push(value);
                Became::Rescued
            }
            Policy::Null => {
                row.nulled += 1;
                Became::Null
            }
        };
        if self.unknown.len() >= UNKNOWN_MAX && !self.unknown.contains_key(&field) {
            field = self.path.clone();
            push_name(&mut field, "(other new keys)");
        }
        let tallies = self.unknown.entry(field).or_default();
        if became == Became::Rescued && row.tape.replaced_in(value) {
            tally(tallies, Seen::String, Became::Replaced, || row.spot_of(value));
        }
        tally(tallies, from, became, || row.spot_of(value));
        Ok(())
    }

    /// Hands over the arrays built so far and starts anew; counts stay.
    pub(crate) fn finish(&mut self) -> Result<Vec<ArrayRef>, ArrowError> {
        let rows = std::mem::take(&mut self.rows);
        let whole = |column: &mut Column| {
            column.catch_up(rows);
            column.finish()
        };
        self.columns.iter_mut().map(whole).collect()
    }

    /// Every coercion counted here and below.
    pub(crate) fn visit(&self, each: &mut dyn FnMut(&str, Option<&Type>, &Tally)) {
        for column in &self.columns {
            column.visit(each);
        }
        for (field, tallies) in &self.unknown {
            tallies.iter().for_each(|t| each(field, None, t));
        }
    }
}
