//! Text that repeats, as numbers into a dictionary: which columns that is worth it for, and their dictionaries.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Int32Array, ListArray, RecordBatch, RecordBatchOptions, StringArray,
    StructArray,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Int32Type, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::repeats::repeats;
use crate::types::is_json;

/// Distinct texts, numbered as they come.
#[derive(Debug)]
pub(super) struct Dictionary {
    bytes: Vec<u8>,
    /// Where each ends, from a leading 0.
    ends: Vec<i32>,
    /// Open addressing, seeded so that no input can aim at one slot.
    table: Vec<u32>,
    seed: u64,
    /// The values as an array, until one is added.
    values: Option<ArrayRef>,
}

const FREE: u32 = u32::MAX;
const TABLE_MIN: usize = 64;

impl Dictionary {
    pub(super) fn new() -> Self {
        let seed = RandomState::new().hash_one(0u8) | 1;
        Dictionary { bytes: Vec::new(), ends: vec![0], table: vec![FREE; TABLE_MIN], seed, values: None }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len() - 1
    }

    /// What it takes of memory.
    fn size(&self) -> usize {
        self.bytes.len() + (self.ends.len() + self.table.len()) * 4
    }

    fn get(&self, id: u32) -> &[u8] {
        let end = |i: usize| self.ends.get(i).map_or(0, |e| *e as usize);
        self.bytes.get(end(id as usize)..end(id as usize + 1)).unwrap_or_default()
    }

    /// The number of a text.
    pub(super) fn id(&mut self, text: &[u8]) -> u32 {
        let mask = self.table.len() - 1;
        let mut slot = hash(text, self.seed) as usize & mask;
        while let Some(&id) = self.table.get(slot).filter(|id| **id != FREE) {
            if self.get(id) == text {
                return id;
            }
            slot = (slot + 1) & mask;
        }
        // A dictionary holds less than 2 GiB: a batch of texts, or what a file may have.
        let id = self.len() as u32;
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len() as i32);
        self.values = None;
        if let Some(free) = self.table.get_mut(slot) {
            *free = id;
        }
        if self.len() * 2 > self.table.len() {
            self.rehash(self.table.len() * 2);
        }
        id
    }

    fn rehash(&mut self, size: usize) {
        let mut table = vec![FREE; size];
        for id in 0..self.len() as u32 {
            let mut slot = hash(self.get(id), self.seed) as usize & (size - 1);
            while table.get(slot).is_some_and(|id| *id != FREE) {
                slot = (slot + 1) & (size - 1);
            }
            if let Some(free) = table.get_mut(slot) {
                *free = id;
            }
        }
        self.table = table;
    }

    fn clear(&mut self) {
        *self = Dictionary { seed: self.seed, ..Dictionary::new() };
    }

    fn keys(&mut self, texts: &StringArray) -> Int32Array {
        let key = |i: usize| if texts.is_null(i) { 0 } else { self.id(texts.value(i).as_bytes()) as i32 };
        let keys: Vec<i32> = (0..texts.len()).map(key).collect();
        Int32Array::new(ScalarBuffer::from(keys), texts.nulls().cloned())
    }

    fn values(&mut self) -> Result<ArrayRef, ArrowError> {
        if let Some(values) = &self.values {
            return Ok(Arc::clone(values));
        }
        let ends = OffsetBuffer::new(ScalarBuffer::from(self.ends.clone()));
        let values: ArrayRef = Arc::new(StringArray::try_new(ends, Buffer::from_vec(self.bytes.clone()), None)?);
        self.values = Some(Arc::clone(&values));
        Ok(values)
    }

    fn array(&mut self, keys: Int32Array) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, self.values()?)?))
    }
}

fn mix(h: u64, x: u64) -> u64 {
    let wide = u128::from(h ^ 0x9E37_79B9_7F4A_7C15) * u128::from(x ^ 0xA076_1D64_78BD_642F);
    (wide >> 64) as u64 ^ wide as u64
}

pub(super) fn hash(text: &[u8], seed: u64) -> u64 {
    let word = |t: &[u8]| t.first_chunk::<8>().map_or(0, |c| u64::from_le_bytes(*c));
    let half = |t: &[u8]| t.first_chunk::<4>().map_or(0, |c| u64::from(u32::from_le_bytes(*c)));
    let length = text.len();
    let mut h = mix(seed, length as u64);
    if let Some(last) = length.checked_sub(8) {
        h = text.chunks_exact(8).fold(h, |h, chunk| mix(h, word(chunk)));
        // What is left, and some of it twice.
        return mix(h, word(text.get(last..).unwrap_or_default()));
    }
    if length >= 4 {
        return mix(h, half(text) << 32 | half(text.get(length - 4..).unwrap_or_default()));
    }
    mix(h, text.iter().fold(0, |v, b| v << 8 | u64::from(*b)))
}

/// What becomes of a column.
#[derive(Debug)]
enum Plan {
    Plain,
    /// Numbers into a dictionary.
    Keys(usize),
    Struct(Vec<Plan>),
    List(Box<Plan>),
}

/// The dictionaries of a table, and the columns that are written by them.
#[derive(Debug)]
pub(super) struct Dictionaries {
    plans: Vec<Plan>,
    all: Vec<Dictionary>,
    plain: SchemaRef,
    /// The schema as it is written.
    pub(super) schema: SchemaRef,
}

impl Dictionaries {
    /// Looks at the first rows. `None`: nothing in them repeats.
    pub(super) fn look(batch: &RecordBatch) -> Option<Dictionaries> {
        let (mut all, mut plans, mut fields) = (Vec::new(), Vec::new(), Vec::new());
        for (array, field) in batch.columns().iter().zip(batch.schema_ref().fields()) {
            let (plan, field) = plan(array.as_ref(), field, &mut all);
            plans.push(plan);
            fields.push(field);
        }
        let plain = batch.schema();
        let schema = Arc::new(Schema::new_with_metadata(fields, plain.metadata().clone()));
        (!all.is_empty()).then_some(Dictionaries { plans, all, plain, schema })
    }

    /// Bytes of memory that the dictionaries take.
    pub(super) fn size(&self) -> usize {
        self.all.iter().map(Dictionary::size).sum()
    }

    /// The rows with numbers in place of text, and nothing yet of what they stand for.
    pub(super) fn keys(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let all = &mut self.all;
        rebuilt(batch, &self.plans, &mut |n, texts| match all.get_mut(n) {
            Some(dictionary) => Ok(Arc::new(dictionary.keys(texts))),
            None => Err(ArrowError::SchemaError("a column without its dictionary".to_owned())),
        })
    }

    /// The rows with their dictionaries. One that has outgrown its batches starts anew.
    pub(super) fn encoded(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let all = &mut self.all;
        rebuilt(batch, &self.plans, &mut |n, texts| {
            let Some(dictionary) = all.get_mut(n) else {
                return Err(ArrowError::SchemaError("a column without its dictionary".to_owned()));
            };
            if dictionary.len() > texts.len() {
                dictionary.clear();
            }
            let keys = dictionary.keys(texts);
            dictionary.array(keys)
        })
    }

    /// No rows, but the dictionaries as they are by now.
    pub(super) fn empty(&mut self) -> Result<RecordBatch, ArrowError> {
        let (all, none) = (&mut self.all, RecordBatch::new_empty(Arc::clone(&self.plain)));
        rebuilt(&none, &self.plans, &mut |n, _| match all.get_mut(n) {
            Some(dictionary) => dictionary.array(Int32Array::from(Vec::<i32>::new())),
            None => Err(ArrowError::SchemaError("a column without its dictionary".to_owned())),
        })
    }
}

fn plan(array: &dyn Array, field: &FieldRef, all: &mut Vec<Dictionary>) -> (Plan, FieldRef) {
    let changed = |t: DataType| Arc::new(field.as_ref().clone().with_data_type(t));
    match array.data_type() {
        DataType::Utf8 if !is_json(field) && repeats(array) == Some(true) => {
            all.push(Dictionary::new());
            let t = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            (Plan::Keys(all.len() - 1), changed(t))
        }
        DataType::Struct(fields) => {
            let before = all.len();
            let children = array.as_struct().columns().iter().zip(fields);
            let (plans, fields): (Vec<_>, Vec<_>) = children.map(|(a, f)| plan(a.as_ref(), f, all)).unzip();
            if all.len() == before {
                return (Plan::Plain, Arc::clone(field));
            }
            (Plan::Struct(plans), changed(DataType::Struct(fields.into())))
        }
        DataType::List(item) => match plan(array.as_list::<i32>().values().as_ref(), item, all) {
            (Plan::Plain, _) => (Plan::Plain, Arc::clone(field)),
            (inside, item) => (Plan::List(Box::new(inside)), changed(DataType::List(item))),
        },
        _ => (Plan::Plain, Arc::clone(field)),
    }
}

type Leaf<'a> = &'a mut dyn FnMut(usize, &StringArray) -> Result<ArrayRef, ArrowError>;

fn rebuilt(batch: &RecordBatch, plans: &[Plan], leaf: Leaf<'_>) -> Result<RecordBatch, ArrowError> {
    let (fields, arrays) = rebuilt_all(batch.schema_ref().fields(), batch.columns(), plans, leaf)?;
    let schema = Schema::new_with_metadata(fields, batch.schema_ref().metadata().clone());
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(schema), arrays, &options)
}

fn rebuilt_all(
    fields: &Fields,
    arrays: &[ArrayRef],
    plans: &[Plan],
    leaf: Leaf<'_>,
) -> Result<(Fields, Vec<ArrayRef>), ArrowError> {
    let (mut new, mut out) = (Vec::<FieldRef>::new(), Vec::new());
    for ((field, array), plan) in fields.iter().zip(arrays).zip(plans) {
        let array = rebuilt_one(array, plan, leaf)?;
        new.push(with_type_of(field, &array));
        out.push(array);
    }
    Ok((new.into(), out))
}

fn with_type_of(field: &FieldRef, array: &ArrayRef) -> FieldRef {
    if field.data_type() == array.data_type() {
        return Arc::clone(field);
    }
    Arc::new(Field::clone(field).with_data_type(array.data_type().clone()))
}

fn rebuilt_one(array: &ArrayRef, plan: &Plan, leaf: Leaf<'_>) -> Result<ArrayRef, ArrowError> {
    match (plan, array.data_type()) {
        (Plan::Keys(n), DataType::Utf8) => leaf(*n, array.as_string()),
        (Plan::Struct(plans), DataType::Struct(fields)) => {
            let (fields, arrays) = rebuilt_all(fields, array.as_struct().columns(), plans, leaf)?;
            let nulls = array.nulls().cloned();
            Ok(Arc::new(StructArray::try_new_with_length(fields, arrays, nulls, array.len())?))
        }
        (Plan::List(inside), DataType::List(item)) => {
            let list = array.as_list::<i32>();
            let values = rebuilt_one(list.values(), inside, leaf)?;
            let (item, ends) = (with_type_of(item, &values), list.offsets().clone());
            Ok(Arc::new(ListArray::try_new(item, ends, values, list.nulls().cloned())?))
        }
        _ => Ok(Arc::clone(array)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_has_one_number() {
        let mut dictionary = Dictionary::new();
        let text = |i: u32| "x".repeat(i as usize % 40) + &i.to_string();
        for round in 0..2 {
            for i in 0..5000 {
                assert_eq!(dictionary.id(text(i).as_bytes()), i, "{round}");
            }
        }
        assert_eq!(dictionary.len(), 5000);
        assert_eq!(dictionary.get(4999), text(4999).as_bytes());
        let values = dictionary.values().unwrap();
        assert_eq!(values.as_string::<i32>().value(17), text(17));
        dictionary.clear();
        assert_eq!((dictionary.len(), dictionary.id(b"")), (0, 0));
    }
}
