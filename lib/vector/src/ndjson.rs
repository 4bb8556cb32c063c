//! Vectors as NDJSON: an array a line, or an object a line with the vector in one field and the row id in another.

use std::fmt;

use qx_formats::{Error, Result};
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::build::{RowIds, VectorSource};
use crate::literal;

/// Fields of an object that are read. Without `vector`, lines are bare arrays.
#[derive(Debug, Clone, Copy, Default)]
pub struct Columns<'a> {
    pub vector: Option<&'a str>,
    pub id: Option<&'a str>,
}

/// Fields and columns that `vindex dump` writes.
pub(crate) const DUMPED_VECTOR: &str = "vector";
pub(crate) const DUMPED_ID: &str = "id";

/// The vectors of a file, and their row ids.
#[derive(Debug, Clone, Default)]
pub struct Vectors {
    data: Vec<f32>,
    /// Where each vector ends in `data`; a row without a vector ends where it begins.
    ends: Vec<usize>,
    ids: Vec<Id>,
    /// Empty lines, which are passed over.
    pub blank_lines: u64,
    /// Lines that have the field which was named.
    named: u64,
    /// The line of each row, in files of text.
    lines: Vec<u64>,
}

/// A row id as a source has it.
#[derive(Debug, Clone)]
pub(crate) enum Id {
    Signed(i64),
    Unsigned(u64),
    Text(String),
}

impl Id {
    pub(crate) fn unsigned(v: u64) -> Id {
        i64::try_from(v).map_or(Id::Unsigned(v), Id::Signed)
    }

    /// An integer where the text is one as integers are written, else text.
    pub(crate) fn text(text: &str) -> Id {
        match (text.parse::<i64>(), text.parse::<u64>()) {
            (Ok(n), _) if n.to_string() == text => Id::Signed(n),
            (_, Ok(n)) if n.to_string() == text => Id::Unsigned(n),
            _ => Id::Text(text.to_owned()),
        }
    }
}

impl VectorSource for Vectors {
    fn rows(&self) -> usize {
        self.ends.len()
    }

    fn read(&self, row: usize, out: &mut Vec<f32>) -> Result<()> {
        out.clear();
        out.extend_from_slice(self.get(row));
        Ok(())
    }

    fn place(&self, row: usize) -> String {
        self.lines.get(row).map_or_else(|| format!("row {row}"), |line| format!("row {row} (line {line})"))
    }
}

impl Vectors {
    /// Appends a row: its vector (empty for none) and its id, where there are ids.
    pub(crate) fn push_row(&mut self, vector: impl IntoIterator<Item = f32>, id: Option<Id>) {
        self.data.extend(vector);
        self.ends.push(self.data.len());
        self.ids.extend(id);
    }

    /// Says on which line of its file the last row stands, from 1.
    pub(crate) fn at_line(&mut self, line: u64) {
        self.lines.push(line);
    }

    /// Empty for a row without a vector.
    pub fn get(&self, row: usize) -> &[f32] {
        let start = row.checked_sub(1).and_then(|r| self.ends.get(r)).copied().unwrap_or(0);
        self.ends.get(row).and_then(|&end| self.data.get(start..end)).unwrap_or(&[])
    }

    /// Row ids as they were read: integers as primary keys, signed where they can be; when any is text, all hashed by
    /// their text; the position where no column of ids was named.
    ///
    /// # Errors
    /// `Invalid` when no 64-bit type holds all integers.
    pub fn row_ids(&self) -> Result<RowIds> {
        if self.ids.is_empty() {
            return Ok(RowIds::Ordinal);
        }
        if self.ids.iter().any(|id| matches!(id, Id::Text(_))) {
            let hash = |id: &Id| match id {
                Id::Signed(n) => crate::hash_key(n.to_string().as_bytes()),
                Id::Unsigned(n) => crate::hash_key(n.to_string().as_bytes()),
                Id::Text(t) => crate::hash_key(t.as_bytes()),
            };
            return Ok(RowIds::Hashed(self.ids.iter().map(hash).collect()));
        }
        let bits = |id: &Id| match id {
            Id::Signed(n) => *n as u64,
            Id::Unsigned(n) => *n,
            Id::Text(_) => 0,
        };
        let all = self.ids.iter().map(bits).collect();
        if !self.ids.iter().any(|id| matches!(id, Id::Unsigned(_))) {
            return Ok(RowIds::PrimaryKey(all));
        }
        match self.ids.iter().position(|id| matches!(id, Id::Signed(n) if *n < 0)) {
            None => Ok(RowIds::UnsignedKey(all)),
            Some(row) => Err(Error::invalid(format!("{} has a negative id, another is above 2^63-1", self.place(row)))
                .hint("no 64-bit integer type holds both")),
        }
    }
}

/// Reads all lines of a file.
///
/// # Errors
/// `Invalid` with line and offset: not JSON, no such column, a value that is no vector or no id.
pub fn read(bytes: &[u8], columns: Columns<'_>) -> Result<Vectors> {
    let mut all = Vectors::default();
    // Some programs begin a text with a byte-order mark.
    let marked = bytes.strip_prefix(b"\xEF\xBB\xBF");
    let mut offset = if marked.is_some() { 3 } else { 0 };
    let bytes = marked.unwrap_or(bytes);
    let first = bytes.split(|&b| b == b'\n').find(|line| !line.trim_ascii().is_empty());
    let columns = first.map_or(columns, |line| dumped(line, columns));
    for (number, line) in bytes.split_inclusive(|&b| b == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            all.blank_lines += 1;
        } else {
            all.push(line, columns).map_err(|e| place(e, number + 1, offset))?;
            all.at_line(number as u64 + 1);
        }
        offset += line.len() as u64;
    }
    match columns.vector {
        Some(name) if all.named == 0 && all.rows() > 0 => {
            Err(Error::invalid(format!("no line has a field {name:?}")).hint("name the field that holds the vector"))
        }
        _ => Ok(all),
    }
}

/// Reads one line that stands alone: an array, an object, or a vector in another way of writing.
///
/// # Errors
/// As [`read`].
pub fn read_line(line: &[u8], columns: Columns<'_>) -> Result<Vec<f32>> {
    let text = std::str::from_utf8(line).map_err(|e| Error::invalid("not text").offset(e.valid_up_to() as u64))?;
    if !text.trim_start().starts_with('{') {
        return literal::parse(text);
    }
    let mut one = Vectors::default();
    one.push(line, Columns { id: None, ..dumped(line, columns) })?;
    Ok(one.data)
}

/// The fields of objects as `vindex dump` writes them, where none was named and the line is one of those.
fn dumped<'a>(line: &[u8], columns: Columns<'a>) -> Columns<'a> {
    if columns.vector.is_some() || !line.trim_ascii_start().starts_with(b"{") {
        return columns;
    }
    let has = |object: &serde_json::Value, name: &str| object.get(name).is_some();
    let object = |line: &[u8]| serde_json::from_slice::<serde_json::Value>(line);
    match object(line).or_else(|e| in_json(line).map_or(Err(e), |said| object(&said))) {
        Ok(object) if has(&object, DUMPED_VECTOR) => {
            Columns { vector: Some(DUMPED_VECTOR), id: columns.id.or(has(&object, DUMPED_ID).then_some(DUMPED_ID)) }
        }
        _ => columns,
    }
}

fn place(e: Error, line: usize, offset: u64) -> Error {
    e.reworded(|message| format!("line {line}: {message}")).behind(offset)
}

/// The line in words that JSON has, where its writers wrote numbers that JSON does not have: `NaN` as null, and `Infinity` or
/// what is beyond the range of 64-bit floats as one that is beyond that of a component. The policy of the build decides about
/// such a row. `None` for a line without them.
fn in_json(line: &[u8]) -> Option<Vec<u8>> {
    let (mut out, mut found, mut rest) = (Vec::with_capacity(line.len()), false, line);
    while let Some(&first) = rest.first() {
        let is_word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.');
        let len = match first {
            b'"' => string_len(rest),
            _ => rest.iter().position(|b| !is_word(b)).unwrap_or(rest.len()).max(1),
        };
        let (word, after) = rest.split_at(len);
        let number = || std::str::from_utf8(word).ok().and_then(|w| w.parse::<f64>().ok());
        // The library's reader knows more words than those that are meant here.
        let infinite = word.iter().any(u8::is_ascii_digit) && number().is_some_and(f64::is_infinite);
        let said: &[u8] = match word {
            b"NaN" => b"null",
            b"Infinity" => b"1e39",
            b"-Infinity" => b"-1e39",
            _ if infinite && first == b'-' => b"-1e39",
            _ if infinite => b"1e39",
            _ => word,
        };
        found |= said != word;
        out.extend_from_slice(said);
        rest = after;
    }
    found.then_some(out)
}

/// Bytes of the string that a text begins with, quotes included.
fn string_len(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(&b) = text.get(at) {
        match b {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

impl Vectors {
    fn push(&mut self, line: &[u8], columns: Columns<'_>) -> Result<()> {
        // What ends too early ends at the end of the line.
        let (line, before) = (line.trim_ascii_end(), self.data.len());
        self.push_json(line, columns).or_else(|e| match in_json(line) {
            Some(said) => {
                self.data.truncate(before);
                self.push_json(&said, columns).map_err(|_| e)
            }
            None => Err(e),
        })
    }

    fn push_json(&mut self, line: &[u8], columns: Columns<'_>) -> Result<()> {
        let mut fields = Vec::new();
        let mut row = Row { columns, data: &mut self.data, id: None, found: false, named: false, lists: &mut fields };
        let mut de = serde_json::Deserializer::from_slice(line);
        let read = row.deserialize(&mut de).and_then(|()| de.end());
        read.map_err(|e| {
            let text = e.to_string();
            let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(m, _)| m);
            Error::invalid(message).offset(e.column().saturating_sub(1) as u64)
        })?;
        let Row { id, found, named, .. } = row;
        self.named += u64::from(named);
        if !found && columns.vector.is_none() {
            let message = "the line is an object and no column was named";
            return Err(Error::invalid(message).hint(match fields.as_slice() {
                [] => "name the field that holds the vector with --column".to_owned(),
                names => format!("name the field that holds the vector: --column {}", names.join(" or --column ")),
            }));
        }
        match (columns.id, id) {
            (None, _) => {}
            (Some(_), Some(id)) => self.ids.push(id),
            (Some(name), None) => return Err(Error::invalid(format!("no row id in column {name:?}"))),
        }
        self.ends.push(self.data.len());
        Ok(())
    }
}

/// Reads one line into `data`.
struct Row<'a> {
    columns: Columns<'a>,
    data: &'a mut Vec<f32>,
    id: Option<Id>,
    /// A bare array was read, or an object in which a vector was looked for.
    found: bool,
    /// The field that was named is there.
    named: bool,
    /// Names of fields that might hold the vector, when none was named.
    lists: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for &mut Row<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.columns.vector {
            Some(_) => f.write_str("an object"),
            None => f.write_str("an array of numbers"),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        if self.columns.vector.is_some() {
            return Err(de::Error::invalid_type(de::Unexpected::Seq, &self));
        }
        self.found = true;
        Value { data: self.data }.visit_seq(seq)
    }

    /// A line that is null: a row without a vector.
    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        if self.columns.vector.is_some() {
            return Err(de::Error::invalid_type(de::Unexpected::Unit, &self));
        }
        self.found = true;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.found = self.columns.vector.is_some();
        let start = self.data.len();
        while let Some(name) = map.next_key::<String>()? {
            if self.columns.vector == Some(name.as_str()) {
                // The last of two fields of one name counts, as in most readers.
                self.data.truncate(start);
                self.named = true;
                map.next_value_seed(Value { data: self.data })?;
            } else if self.columns.id == Some(name.as_str()) {
                self.id = map.next_value_seed(IdValue)?;
            } else if self.columns.vector.is_none() {
                if map.next_value::<serde_json::Value>()?.is_array() {
                    self.lists.push(name);
                }
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// A vector: an array of numbers, text, or null for none.
struct Value<'a> {
    data: &'a mut Vec<f32>,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        // A null among the components is what JSON writers make of NaN; the policy of the build decides about it.
        while let Some(component) = seq.next_element::<Option<f64>>()? {
            self.data.push(component.map_or(f32::NAN, |v| v as f32));
        }
        Ok(())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        let vector = literal::parse(text).map_err(|e| E::custom(e.to_string()))?;
        self.data.extend(vector);
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }
}

struct IdValue;

impl<'de> DeserializeSeed<'de> for IdValue {
    type Value = Option<Id>;

    fn deserialize<D: de::Deserializer<'de>>(self, d: D) -> Result<Option<Id>, D::Error> {
        d.deserialize_any(self)
    }
}

impl Visitor<'_> for IdValue {
    type Value = Option<Id>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a 64-bit integer or a string as row id")
    }

    fn visit_i64<E: de::Error>(self, v: i64) -> Result<Option<Id>, E> {
        Ok(Some(Id::Signed(v)))
    }

    fn visit_u64<E: de::Error>(self, v: u64) -> Result<Option<Id>, E> {
        Ok(Some(Id::unsigned(v)))
    }

    fn visit_str<E: de::Error>(self, v: &str) -> Result<Option<Id>, E> {
        Ok(Some(Id::Text(v.to_owned())))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Option<Id>, E> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: Columns<'_> = Columns { vector: Some("v"), id: Some("id") };

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        let all = read(b"\xEF\xBB\xBF[1,2]\n[3,4]\n", Columns::default()).unwrap();
        assert_eq!((all.rows(), all.get(0), all.get(1)), (2, &[1.0, 2.0][..], &[3.0, 4.0][..]));
        let e = read(b"\xEF\xBB\xBF[1,2]\n[3,x]\n", Columns::default()).unwrap_err();
        let plain = read(b"[1,2]\n[3,x]\n", Columns::default()).unwrap_err();
        assert_eq!(e.get_offset(), plain.get_offset().map(|at| at + 3));
    }

    #[test]
    fn arrays_and_objects_are_read() {
        let all = read(b"null\n[1]\nnull", Columns::default()).unwrap();
        assert_eq!((all.rows(), all.get(0), all.get(1), all.get(2)), (3, &[][..], &[1.0][..], &[][..]));
        let all = read(b"[1, 2.5]\n\n[3,null]\n", Columns::default()).unwrap();
        assert_eq!((all.rows(), all.blank_lines), (2, 1));
        assert_eq!(all.place(1), "row 1 (line 3)");
        assert_eq!(all.get(0), [1.0, 2.5]);
        assert!(all.get(1)[1].is_nan());
        assert!(matches!(all.row_ids().unwrap(), RowIds::Ordinal));

        let text = br#"{"id":-7,"v":[1,2],"other":{"v":3}}
{"v":null,"id":3}
{"id":4}
{"v":"(3 4)","id":5}"#;
        let all = read(text, COLUMNS).unwrap();
        assert_eq!(
            (0..4).map(|r| all.get(r).to_vec()).collect::<Vec<_>>(),
            [vec![1.0, 2.0], vec![], vec![], vec![3.0, 4.0]]
        );
        assert!(matches!(all.row_ids().unwrap(), RowIds::PrimaryKey(ids) if ids == [-7i64 as u64, 3, 4, 5]));
    }

    #[test]
    fn what_dump_writes_is_read_without_columns() {
        let text = b"{\"id\":-7,\"vector\":[1,2]}\n{\"id\":8,\"vector\":[3,4]}\n";
        let all = read(text, Columns::default()).unwrap();
        assert_eq!((all.get(0), all.get(1)), (&[1.0, 2.0][..], &[3.0, 4.0][..]));
        assert!(matches!(all.row_ids().unwrap(), RowIds::PrimaryKey(ids) if ids == [-7i64 as u64, 8]));
        assert_eq!(read_line(b"{\"id\":null,\"vector\":[5]}", Columns::default()).unwrap(), [5.0]);
        // What was named counts.
        let named = Columns { vector: Some("v"), id: None };
        assert_eq!(read(b"{\"v\":[1],\"vector\":[2],\"id\":3}", named).unwrap().get(0), [1.0]);
    }

    #[test]
    fn numbers_that_json_does_not_have_are_for_the_policy() {
        let all = read(b"[1,2]\n[NaN, 3]\n[-Infinity,1e400]", Columns::default()).unwrap();
        assert!(all.get(1)[0].is_nan() && all.get(1)[1] == 3.0);
        assert_eq!(all.get(2), [f32::NEG_INFINITY, f32::INFINITY]);
        // Beside the vector they are nobody's concern, and in text they are text.
        let text = br#"{"id":"NaN \" NaN","x":NaN,"vector":[1,2]}
{"id":"a","x":[1e999],"vector":[NaN,-1E999]}"#;
        let all = read(text, Columns::default()).unwrap();
        assert_eq!((all.rows(), all.get(0), all.get(1)[1]), (2, &[1.0, 2.0][..], f32::NEG_INFINITY));
        let hash = crate::hash_key(br#"NaN " NaN"#);
        assert!(matches!(all.row_ids().unwrap(), RowIds::Hashed(ids) if ids.first() == Some(&hash)));
        for text in ["[nan]", "[NaN", "[NaNs]", "[-inf]", "[inf]", "[1,NaN,x]"] {
            assert!(read(text.as_bytes(), Columns::default()).is_err(), "{text}");
        }
        assert!(read_line(br#"{"vector":[NaN]}"#, Columns::default()).unwrap()[0].is_nan());
    }

    #[test]
    fn ids_take_the_narrowest_flavour_that_holds_them() {
        let ids = |list: &[&str]| {
            let lines: Vec<String> = list.iter().map(|id| format!("{{\"id\":{id},\"v\":[1]}}")).collect();
            read(lines.join("\n").as_bytes(), COLUMNS).unwrap().row_ids()
        };
        assert!(matches!(ids(&["1", "18446744073709551615"]), Ok(RowIds::UnsignedKey(_))));
        assert!(
            matches!(ids(&["1", "\"a\""]), Ok(RowIds::Hashed(h)) if h == [crate::hash_key(b"1"), crate::hash_key(b"a")])
        );
        assert!(ids(&["-1", "18446744073709551615"]).is_err());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, want) in [
            ("[1]\n[1,\n", "line 2"),
            ("[1]\n{\"v\":[1]}", "line 2: the line is an object and no column was named"),
            ("[1] 2", "line 1"),
            ("7", "line 1"),
            ("[[1]]", "line 1"),
        ] {
            let e = read(text.as_bytes(), Columns::default()).unwrap_err();
            assert!(e.message().starts_with(want), "{text}: {e}");
        }
        // Offsets are those of the file.
        for (text, at) in [("[1]\n[x]\n", 5), ("[1]\n[1,\n[2]", 6), ("[1]\n\n{\"a\":[1]}", 5)] {
            assert_eq!(read(text.as_bytes(), Columns::default()).unwrap_err().get_offset(), Some(at), "{text}");
        }
        for (text, want) in
            [("{\"v\":[1]}", "no row id"), ("{\"v\":1,\"id\":1}", "array"), ("[1]", "object"), ("{\"id\":1.5}", "id")]
        {
            let e = read(text.as_bytes(), COLUMNS).unwrap_err();
            assert!(e.message().contains(want), "{text}: {e}");
        }
        let e = read(b"{\"id\":1}\n{\"id\":2}\n", COLUMNS).unwrap_err();
        assert!(e.message().contains("no line has a field \"v\""), "{e}");
        let e = read(b"{\"a\":[1],\"b\":2}", Columns::default()).unwrap_err();
        assert!(e.get_hint().is_some_and(|h| h.contains("--column a")));
    }
}
