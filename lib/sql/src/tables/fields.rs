//! Fields of separated text whose types have no text of their own, as they are written into them: bytes as hexadecimal
//! digits, and what is nested as JSON.

use std::sync::Arc;

use arrow::json::ReaderBuilder;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use qx_formats::{Error, Result};
use qx_store::table_def::TableDef;
use serde::de::IgnoredAny;

use super::json::{bytes, fit, nearest};

/// A batch of texts with such columns in their types; `names` are those of the table's columns, in the batch's order.
///
/// # Errors
/// `Invalid` with the column of a field that does not read as its type.
pub(super) fn typed(batch: &RecordBatch, names: &[String], def: &TableDef) -> Result<RecordBatch> {
    let mut fields = batch.schema().fields().to_vec();
    let mut columns = batch.columns().to_vec();
    for ((name, field), values) in names.iter().zip(&mut fields).zip(&mut columns) {
        let Some(column) = def.column(name) else { continue };
        let t = column.arrow_type()?;
        let Some(texts) = values.as_string_opt::<i32>() else { continue };
        let read = match &t {
            DataType::Binary => bytes(&without_prefix(texts)),
            t if t.is_nested() => nested(texts, t),
            _ => continue,
        };
        let read = read.map_err(|e| Error::new(e.kind(), format!("column {name}: {}", e.message())))?;
        *field = Arc::new(Field::new(field.name(), read.data_type().clone(), true));
        *values = read;
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
        .map_err(|e| Error::invalid(format!("rows cannot be read: {e}")))
}

/// Bytes as PostgreSQL writes them begin with `\x`.
fn without_prefix(texts: &StringArray) -> StringArray {
    texts.iter().map(|text| text.map(|text| text.strip_prefix("\\x").unwrap_or(text))).collect()
}

fn nested(texts: &StringArray, t: &DataType) -> Result<ArrayRef> {
    let mut lines = String::new();
    for text in texts {
        let text = text.unwrap_or("null");
        serde_json::from_str::<IgnoredAny>(text).map_err(|e| {
            let short: String = text.chars().take(40).collect();
            Error::invalid(format!("{t} is written as JSON, not as {short:?}: {e}"))
        })?;
        // A line end inside is space between its parts.
        lines.push_str("{\"v\":");
        lines.push_str(text);
        lines.push_str("}\n");
    }
    let wrong = |e: &dyn std::fmt::Display| Error::invalid(format!("not a value of its type: {e}")).expected(t);
    let schema = Arc::new(Schema::new(vec![Field::new("v", nearest(t), true)]));
    // One more, so that all of the text is taken. Numbers may be read as the texts that they are.
    let reader = ReaderBuilder::new(schema).with_batch_size(texts.len() + 1).with_coerce_primitive(true);
    let decoder = reader.build_decoder();
    let mut decoder = decoder.map_err(|e| wrong(&e))?;
    decoder.decode(lines.as_bytes()).map_err(|e| wrong(&e))?;
    match decoder.flush().map_err(|e| wrong(&e))? {
        Some(batch) if batch.num_rows() == texts.len() => fit(batch.column(0), t),
        Some(batch) => Err(wrong(&format!("{} values for {} fields", batch.num_rows(), texts.len()))),
        None => Ok(datafusion::arrow::array::new_empty_array(t)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use qx_store::table_def::Column;
    use uuid::Uuid;

    use super::*;

    fn read(t: &DataType, texts: &[Option<&str>]) -> Result<Vec<String>> {
        let def = TableDef::plain(Uuid::nil(), vec![Column::new(1, "c", t, true)]);
        let array = Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
        let batch = RecordBatch::try_from_iter_with_nullable([("other", array, true)]).unwrap();
        let batch = typed(&batch, &["c".to_owned()], &def)?;
        let types: BTreeSet<String> = batch.columns().iter().map(|c| c.data_type().to_string()).collect();
        assert_eq!(types, BTreeSet::from([t.to_string()]));
        let options = arrow::util::display::FormatOptions::default().with_null("-");
        let shown = arrow::util::display::ArrayFormatter::try_new(batch.column(0).as_ref(), &options).unwrap();
        Ok((0..batch.num_rows()).map(|row| shown.value(row).to_string()).collect())
    }

    #[test]
    fn bytes_and_nested_values_are_read_as_they_are_written() {
        let bytes = [Some("00ff"), None, Some(""), Some("\\x6162")];
        assert_eq!(read(&DataType::Binary, &bytes).unwrap(), ["00ff", "-", "", "6162"]);
        let list = DataType::new_list(DataType::Utf8, true);
        let lists = [Some("[\"a,b\",null]"), None, Some("[]"), Some("null"), Some("[\n\"x\"\n]")];
        assert_eq!(read(&list, &lists).unwrap(), ["[a,b, -]", "-", "[]", "-", "[x]"]);
        assert_eq!(read(&DataType::Utf8, &[Some("[1]")]).unwrap(), ["[1]"]);
        let decimals = DataType::new_list(DataType::Decimal128(5, 2), true);
        assert_eq!(read(&decimals, &[Some("[1.005, 1e2, null]")]).unwrap(), ["[1.01, 100.00, -]"]);
    }

    #[test]
    fn what_does_not_read_as_its_type_is_refused() {
        let list = DataType::new_list(DataType::Int32, true);
        for (t, text) in [
            (&DataType::Binary, "0g"),
            (&DataType::Binary, "abc"),
            (&list, "a"),
            (&list, "[1"),
            (&list, "[1]}\n{\"v\":[2]"),
            (&list, "[3000000000]"),
            (&list, "{\"a\":1}"),
        ] {
            let e = read(t, &[Some(text)]).unwrap_err();
            assert!(e.message().contains("column c"), "{text}: {e}");
        }
    }
}
