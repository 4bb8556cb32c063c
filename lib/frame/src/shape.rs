//! What values a field was seen to hold, and the type that follows from it.
//!
//! A shape only grows, and the type of a grown shape holds every value that the type before it held: looking at more
//! records can widen a column, never narrow it.

use std::collections::{HashMap, HashSet};

use qx_formats::{Error, Result};

use crate::json::{Kind, Tape};
use crate::number::{self, Int};
use crate::options::{Limits, Options, Strings};
use crate::path::{self, push_name};
use crate::time;
use crate::types::Type;

/// What a single JSON value is, finer than JSON says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Seen {
    Null,
    Bool,
    /// An integer that int64 holds.
    Int64,
    /// A larger one that uint64 holds.
    UInt64,
    /// A still larger one.
    Integer,
    /// A number that float64 holds to the last digit.
    Float64,
    /// One that it does not.
    Number,
    Date,
    Timestamp,
    Time,
    Uuid,
    String,
    Object,
    Array,
}

pub(crate) const SEEN: [Seen; 14] = [
    Seen::Null,
    Seen::Bool,
    Seen::Int64,
    Seen::UInt64,
    Seen::Integer,
    Seen::Float64,
    Seen::Number,
    Seen::Date,
    Seen::Timestamp,
    Seen::Time,
    Seen::Uuid,
    Seen::String,
    Seen::Object,
    Seen::Array,
];

impl Seen {
    pub fn name(self) -> &'static str {
        match self {
            Seen::Null => "null",
            Seen::Bool => "bool",
            Seen::Int64 => "int64",
            Seen::UInt64 => "uint64",
            Seen::Integer => "integer",
            Seen::Float64 => "float64",
            Seen::Number => "number",
            Seen::Date => "date",
            Seen::Timestamp => "timestamp",
            Seen::Time => "time",
            Seen::Uuid => "uuid",
            Seen::String => "string",
            Seen::Object => "object",
            Seen::Array => "array",
        }
    }

    pub(crate) fn of(tape: &Tape, raw: &[u8], index: usize) -> Seen {
        let node = tape.node(index);
        match node.kind {
            Kind::Null | Kind::Key => Seen::Null,
            Kind::True | Kind::False => Seen::Bool,
            Kind::Int => match number::int(tape.raw(raw, node)) {
                Int::I64(_) => Seen::Int64,
                Int::U64(_) => Seen::UInt64,
                Int::Wide(_) => Seen::Integer,
                Int::MinusZero => Seen::Float64,
            },
            Kind::Float if number::float(tape.raw(raw, node)).is_some() => Seen::Float64,
            Kind::Float => Seen::Number,
            Kind::String => Seen::of_text(&tape.text(raw, node)),
            Kind::Object => Seen::Object,
            Kind::Array => Seen::Array,
        }
    }

    fn of_text(text: &[u8]) -> Seen {
        // The length and one byte tell apart what could be which.
        match (text.len(), text.get(2), text.get(4), text.get(8)) {
            (10, _, Some(b'-'), _) if time::date(text).is_some() => Seen::Date,
            (20.., _, Some(b'-'), _) if time::timestamp(text).is_some() => Seen::Timestamp,
            (8.., Some(b':'), ..) if time::time_of_day(text).is_some() => Seen::Time,
            (36, _, _, Some(b'-')) if time::uuid(text).is_some() => Seen::Uuid,
            _ => Seen::String,
        }
    }

    /// What a caller wants strings to be taken for.
    fn taken_as(self, strings: Strings) -> Seen {
        match (self, strings) {
            (Seen::Time | Seen::Uuid, Strings::Dates | Strings::Text) => Seen::String,
            (Seen::Date | Seen::Timestamp, Strings::Text) => Seen::String,
            _ => self,
        }
    }
}

/// Fields of all objects together, a bound on what hostile keys can make of memory.
const FIELDS_MAX: usize = 200_000;

/// What an observer carries along.
pub(crate) struct Observer<'a> {
    pub(crate) tape: &'a Tape,
    pub(crate) raw: &'a [u8],
    pub(crate) limits: Limits,
    pub(crate) strings: Strings,
    pub(crate) fields: &'a mut usize,
}

/// An object with fewer distinct keys than this is never taken for a map.
const MAP_KEYS_MIN: u64 = 100;
/// Nor is one of which a single object holds, on average, more than one in this many.
const MAP_SPARSE: u64 = 5;

/// What was seen in one place.
#[derive(Debug, Default, Clone)]
pub(crate) struct Shape {
    counts: [u64; SEEN.len()],
    negative: bool,
    /// An integer that no float64 is equal to.
    inexact: bool,
    digits: usize,
    /// Too many levels for columns.
    text_only: bool,
    pub(crate) fields: Fields,
    /// The values of all keys together, once there are too many keys for fields.
    values: Option<Box<Shape>>,
    pub(crate) item: Option<Box<Shape>>,
}

/// The keys of an object, in the order in which they were first seen.
#[derive(Debug, Default, Clone)]
pub(crate) struct Fields {
    pub(crate) list: Vec<(Box<[u8]>, Shape)>,
    index: HashMap<Box<[u8]>, usize>,
}

impl Fields {
    /// The field of that name; `guess` is where it most likely is.
    fn position(&self, name: &[u8], guess: usize) -> Option<usize> {
        match self.list.get(guess) {
            Some((n, _)) if **n == *name => Some(guess),
            _ => self.index.get(name).copied(),
        }
    }

    fn add(&mut self, name: &[u8]) -> usize {
        let at = self.list.len();
        self.list.push((name.into(), Shape::default()));
        self.index.insert(name.into(), at);
        at
    }

    pub(crate) fn get(&self, name: &[u8]) -> Option<&Shape> {
        self.index.get(name).and_then(|at| self.list.get(*at)).map(|(_, shape)| shape)
    }

    fn shape(&mut self, at: usize) -> Option<&mut Shape> {
        self.list.get_mut(at).map(|(_, shape)| shape)
    }
}

impl Shape {
    pub(crate) fn count(&self, seen: Seen) -> u64 {
        self.counts.get(seen as usize).copied().unwrap_or(0)
    }

    /// How often there was a value, null included.
    pub(crate) fn present(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Whether there was anything but null.
    pub(crate) fn has_value(&self) -> bool {
        self.present() > self.count(Seen::Null)
    }

    /// Whether its objects had too many keys to tell them apart.
    pub(crate) fn has_many_keys(&self) -> bool {
        self.values.is_some()
    }

    pub(crate) fn observe(&mut self, o: &mut Observer<'_>, index: usize, depth: usize) {
        let seen = Seen::of(o.tape, o.raw, index).taken_as(o.strings);
        if let Some(count) = self.counts.get_mut(seen as usize) {
            *count += 1;
        }
        match seen {
            Seen::Int64 | Seen::UInt64 | Seen::Integer => {
                let text = o.tape.raw(o.raw, o.tape.node(index));
                let negative = text.first() == Some(&b'-');
                self.negative |= negative;
                self.digits = self.digits.max(text.len() - usize::from(negative));
                self.inexact = self.inexact || number::int_as_f64(text).is_none();
            }
            Seen::Object | Seen::Array if depth >= o.limits.columns_depth => self.text_only = true,
            Seen::Object => self.observe_object(o, index, depth),
            Seen::Array => {
                let item = self.item.get_or_insert_default();
                let end = o.tape.node(index).next as usize;
                let mut at = index + 1;
                while at < end {
                    item.observe(o, at, depth + 1);
                    at = o.tape.node(at).next as usize;
                }
            }
            _ => {}
        }
    }

    fn observe_object(&mut self, o: &mut Observer<'_>, index: usize, depth: usize) {
        let end = o.tape.node(index).next as usize;
        let (mut at, mut guess) = (index + 1, 0);
        while at < end && !self.text_only {
            if let Some(values) = &mut self.values {
                values.observe(o, at + 1, depth + 1);
                at = o.tape.node(at + 1).next as usize;
                continue;
            }
            let name = o.tape.text(o.raw, o.tape.node(at));
            let field = match self.fields.position(&name, guess) {
                Some(field) => field,
                None if self.fields.list.len() >= o.limits.columns || *o.fields >= FIELDS_MAX => {
                    self.values = Some(Box::new(self.map_values()));
                    self.fields = Fields::default();
                    continue;
                }
                None => {
                    *o.fields += 1;
                    self.fields.add(&name)
                }
            };
            if let Some(shape) = self.fields.shape(field) {
                shape.observe(o, at + 1, depth + 1);
            }
            guess = field + 1;
            at = o.tape.node(at + 1).next as usize;
        }
    }

    /// What the values of all keys are together.
    pub(crate) fn map_values(&self) -> Shape {
        let mut all = self.values.as_deref().cloned().unwrap_or_default();
        self.fields.list.iter().for_each(|(_, shape)| all.merge(shape));
        all
    }

    fn merge(&mut self, other: &Shape) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
        self.negative |= other.negative;
        self.inexact |= other.inexact;
        self.digits = self.digits.max(other.digits);
        self.text_only |= other.text_only;
        for (name, shape) in &other.fields.list {
            let at = self.fields.position(name, usize::MAX).unwrap_or_else(|| self.fields.add(name));
            if let Some(mine) = self.fields.shape(at) {
                mine.merge(shape);
            }
        }
        for (mine, theirs) in [(&mut self.values, &other.values), (&mut self.item, &other.item)] {
            if let Some(theirs) = theirs {
                mine.get_or_insert_default().merge(theirs);
            }
        }
    }

    /// Whether the keys look like data: very many, and each object has only a few of them.
    fn keys_vary(&self) -> bool {
        let distinct = self.fields.list.len() as u64;
        let held: u64 = self.fields.list.iter().map(|(_, shape)| shape.present()).sum();
        distinct >= MAP_KEYS_MIN && held.saturating_mul(MAP_SPARSE) <= distinct.saturating_mul(self.count(Seen::Object))
    }

    /// The smallest type that holds all that was seen, hints aside.
    fn scalar_type(&self) -> Option<Type> {
        let has = |seen| self.count(seen) > 0;
        let integers = has(Seen::Int64) || has(Seen::UInt64) || has(Seen::Integer);
        let floats = has(Seen::Float64) || has(Seen::Number);
        let texts = [Seen::Date, Seen::Timestamp, Seen::Time, Seen::Uuid, Seen::String];
        let strings = texts.iter().any(|seen| has(*seen));
        let groups = [has(Seen::Bool), integers || floats, strings, has(Seen::Object), has(Seen::Array)].map(u32::from);
        match groups.iter().sum::<u32>() {
            0 => return Some(Type::Undecided),
            1 => {}
            _ => return Some(Type::Json),
        }
        if has(Seen::Bool) {
            Some(Type::Bool)
        } else if floats {
            let exact = !has(Seen::Number) && !self.inexact;
            Some(if exact { Type::Float64 } else { Type::Json })
        } else if integers {
            Some(self.integer_type())
        } else if strings {
            let mut kinds = texts.iter().filter(|seen| has(**seen));
            Some(match (kinds.next(), kinds.next()) {
                (Some(Seen::Date), None) => Type::Date,
                (Some(Seen::Timestamp), None) => Type::Timestamp,
                (Some(Seen::Time), None) => Type::Time,
                (Some(Seen::Uuid), None) => Type::Uuid,
                _ => Type::Utf8,
            })
        } else {
            None
        }
    }

    fn integer_type(&self) -> Type {
        match (self.count(Seen::UInt64) > 0, self.count(Seen::Integer) > 0) {
            (false, false) => Type::Int64,
            (true, false) if !self.negative => Type::UInt64,
            _ => Type::decimal_for(self.digits).unwrap_or(Type::Json),
        }
    }

    fn resolve(&self, path: &mut String, hints: &mut Hints<'_>) -> Type {
        if let Some(hint) = hints.take(path) {
            return hint;
        }
        // Whatever else is there does not fit, as with any type that is given.
        if hints.is_map(path) && !self.text_only {
            return Type::Map(Box::new(self.map_values().resolve_inside(path, hints)));
        }
        if let Some(t) = self.scalar_type() {
            return t;
        }
        if self.text_only {
            return Type::Json;
        }
        if self.count(Seen::Object) == 0 {
            let item = self.item.as_ref().map_or(Type::Undecided, |item| item.resolve_inside(path, hints));
            return Type::List(Box::new(item));
        }
        if self.values.is_some() || self.keys_vary() {
            match self.map_values().resolve_inside(path, hints) {
                Type::Json if self.values.is_some() => return Type::Json,
                // Fields of their own types are better than values without one.
                Type::Json => {}
                value => return Type::Map(Box::new(value)),
            }
        }
        if self.fields.list.is_empty() {
            return Type::EmptyObject;
        }
        Type::Struct(resolve_fields(&self.fields, path, hints))
    }

    /// The type of what stands in a list or map at `path`.
    fn resolve_inside(&self, path: &mut String, hints: &mut Hints<'_>) -> Type {
        let length = path.len();
        path.push_str("[]");
        let t = self.resolve(path, hints);
        path.truncate(length);
        t
    }
}

fn resolve_fields(fields: &Fields, path: &mut String, hints: &mut Hints<'_>) -> Vec<(String, Type)> {
    let length = path.len();
    let resolve = |(name, shape): &(Box<[u8]>, Shape)| {
        let name = String::from_utf8_lossy(name).into_owned();
        push_name(path, &name);
        let t = shape.resolve(path, hints);
        path.truncate(length);
        (name, t)
    };
    fields.list.iter().map(resolve).collect()
}

/// Types that were given, and which of them found their field.
struct Hints<'a> {
    types: HashMap<String, Type>,
    maps: &'a [String],
    used: HashSet<String>,
}

impl<'a> Hints<'a> {
    fn new(opts: &'a Options) -> Result<Self> {
        let mut types = HashMap::new();
        for (name, t) in opts.schema.iter().flatten() {
            let mut path = String::new();
            push_name(&mut path, name);
            types.insert(path, t.clone());
        }
        for (path, t) in &opts.hints {
            types.insert(path.clone(), Type::from_arrow(t)?);
        }
        types.extend(opts.as_json.iter().map(|path| (path.clone(), Type::Json)));
        Ok(Hints { types, maps: &opts.maps, used: HashSet::new() })
    }

    fn take(&mut self, path: &str) -> Option<Type> {
        let t = self.types.get(path)?.clone();
        self.used.insert(path.to_owned());
        Some(t)
    }

    fn is_map(&mut self, path: &str) -> bool {
        let asked = self.maps.iter().any(|p| p == path);
        if asked {
            self.used.insert(path.to_owned());
        }
        asked
    }

    /// What is given for fields that were not seen, in the order in which it was given.
    fn unused(&self, opts: &Options) -> Vec<(String, Type)> {
        let map = Type::Map(Box::new(Type::Undecided));
        let given = opts.hints.iter().map(|(path, _)| path).chain(&opts.as_json);
        let typed = given.filter_map(|path| Some((path.clone(), self.types.get(path)?.clone())));
        let all = typed.chain(opts.maps.iter().map(|path| (path.clone(), map.clone())));
        all.filter(|(path, _)| !self.used.contains(path)).collect()
    }
}

/// The column for what is no object.
pub(crate) const VALUE: &str = "value";

/// What was seen in all records: objects give columns, everything else goes to the column `value`.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) rows: u64,
    pub(crate) objects: u64,
    pub(crate) fields: Fields,
    total: usize,
}

impl Rows {
    pub(crate) fn observe(&mut self, tape: &Tape, raw: &[u8], opts: &Options) -> Result<()> {
        self.rows += 1;
        let limits = opts.limits;
        let mut o = Observer { tape, raw, limits, strings: opts.strings, fields: &mut self.total };
        match tape.node(0).kind {
            Kind::Null => {}
            Kind::Object => {
                self.objects += 1;
                let mut root = Shape { fields: std::mem::take(&mut self.fields), ..Shape::default() };
                root.observe_object(&mut o, 0, 0);
                if root.values.is_some() {
                    return Err(Error::limit(
                        "the number of columns",
                        limits.columns as u64,
                        limits.columns as u64 + 1,
                    )
                    .hint("keys look like data: put the objects under one key, or into an array"));
                }
                self.fields = root.fields;
            }
            _ => {
                let at = match self.fields.position(VALUE.as_bytes(), 0) {
                    Some(at) => at,
                    None => self.fields.add(VALUE.as_bytes()),
                };
                if let Some(shape) = self.fields.shape(at) {
                    shape.observe(&mut o, 0, 1);
                }
            }
        }
        Ok(())
    }

    /// The columns that hold everything that was seen. Given columns come first in their order, hinted ones that were
    /// not seen stand at the end.
    pub(crate) fn resolve(&self, opts: &Options) -> Result<Vec<(String, Type)>> {
        let mut hints = Hints::new(opts)?;
        let mut columns = resolve_fields(&self.fields, &mut String::new(), &mut hints);
        if let Some(given) = &opts.schema {
            columns.retain(|(name, _)| !given.iter().any(|(n, _)| n == name));
            columns.splice(0..0, given.iter().cloned());
        }
        for (path, t) in hints.unused(opts) {
            let steps = path::steps(&path)?;
            let mut root = Type::Struct(std::mem::take(&mut columns));
            path::insert(&mut root, &steps, &t).map_err(|other| {
                Error::usage(format!("a type is given for `{path}`, and what leads there is of another kind"))
                    .got(other)
            })?;
            if let Type::Struct(fields) = root {
                columns = fields;
            }
        }
        if opts.sort_columns {
            columns = crate::select::sorted(columns);
        }
        if !opts.select.is_empty() || opts.nothing {
            columns = crate::select::selected(columns, &opts.select)?;
        }
        if columns.is_empty() && self.rows > 0 && !opts.nothing {
            // Rows without a single key still are rows; a column of nulls keeps their number.
            columns.push((VALUE.to_owned(), Type::Undecided));
        }
        Ok(columns)
    }
}
