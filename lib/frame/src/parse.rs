//! Reads types as people write them: `list<int64>`, `struct<a: utf8>`, and the same in SQL: `BIGINT[]`, `STRUCT<a TEXT>`.

use crate::types::Type;

/// Levels of types inside types.
const DEPTH_MAX: usize = 64;

const NAMES: &str = "bool, int64, uint64, float64, decimal(P,S), utf8, date, timestamp, time, uuid, json, list<...>, \
                     map<utf8, ...>, struct<name: ...>, or a SQL type";

/// Reads a type's name as hints give it: `bool`, `int64`, `uint64`, `float64`, `decimal(P,S)`, `utf8`, `date`,
/// `timestamp`, `time`, `uuid`, `json`, `list<T>`, `map<utf8, T>`, `struct<name: T, ...>`; or a SQL type.
///
/// # Errors
/// A sentence for the usage message.
pub fn parse_type(text: &str) -> Result<Type, String> {
    let mut p = Parser { rest: text, sql: false };
    let t = p.data_type(0)?;
    match p.peek() {
        None => Ok(t),
        Some(c) => Err(format!("`{}` is no type: `{c}` is not expected in it", text.trim())),
    }
}

/// Reads a SQL column list, bare or in `CREATE TABLE name (...)`. Constraints and defaults of columns are passed over.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn parse_sql_columns(text: &str) -> Result<Vec<(String, Type)>, String> {
    let mut p = Parser { rest: text, sql: true };
    let mut inner = false;
    if p.word_is("create") {
        // Everything up to the list is the table's business.
        let at = list_start(p.rest).ok_or("CREATE TABLE without a column list")?;
        p.rest = p.rest.get(at + 1..).unwrap_or_default();
        inner = true;
    } else if p.take('(') {
        inner = true;
    }
    let mut columns: Vec<(String, Type)> = Vec::new();
    loop {
        if (inner && p.take(')')) || p.peek().is_none() {
            break;
        }
        if ["primary", "foreign", "unique", "check", "constraint"].iter().any(|w| p.next_word_is(w)) {
            p.skip_column();
        } else {
            let name = p.name()?;
            if columns.iter().any(|(n, _)| *n == name) {
                return Err(format!("the column `{name}` stands twice"));
            }
            let t = p.data_type(0).map_err(|e| format!("column `{name}`: {e}"))?;
            p.skip_column();
            columns.push((name, t));
        }
        if !p.take(',') {
            if inner && !p.take(')') {
                return Err("the column list is not closed".to_owned());
            }
            break;
        }
    }
    p.take(';');
    match p.peek() {
        Some(_) if !inner => Err(format!("`{}` is not expected after the columns", p.rest.trim())),
        _ if columns.is_empty() => Err("there is no column in it".to_owned()),
        _ => Ok(columns),
    }
}

/// Where the column list of a table opens: a parenthesis in the quoted name of the table is part of that.
fn list_start(text: &str) -> Option<usize> {
    let (mut quote, mut after) = (None, 0);
    for (at, c) in text.char_indices() {
        if at < after {
            continue;
        }
        match (c, quote) {
            (_, Some(q)) if c == q => quote = None,
            (_, Some(_)) => {}
            ('"' | '`', None) => quote = Some(c),
            ('(', None) => return Some(at),
            _ => after = at + comment(text, at),
        }
    }
    None
}

/// The length of the comment that stands at a place of a text; 0 where none does.
fn comment(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let end = match rest.get(..2) {
        Some("--") => "\n",
        Some("/*") => "*/",
        _ => return 0,
    };
    rest.get(2..).and_then(|inside| inside.find(end)).map_or(rest.len(), |length| 2 + length + end.len())
}

/// Whether a character may stand in a name without quotes.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

struct Parser<'a> {
    rest: &'a str,
    /// Names in quotes are SQL's, where a backslash is a character like any other.
    sql: bool,
}

impl<'a> Parser<'a> {
    fn peek(&mut self) -> Option<char> {
        loop {
            self.rest = self.rest.trim_start();
            match comment(self.rest, 0) {
                0 => return self.rest.chars().next(),
                length => self.rest = self.rest.get(length..).unwrap_or_default(),
            }
        }
    }

    fn take(&mut self, want: char) -> bool {
        let found = self.peek() == Some(want);
        if found {
            self.rest = self.rest.get(want.len_utf8()..).unwrap_or_default();
        }
        found
    }

    fn word(&mut self) -> &'a str {
        self.peek();
        let end = self.rest.find(|c: char| !is_word(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn next_word_is(&mut self, want: &str) -> bool {
        let before = self.rest;
        let found = self.word().eq_ignore_ascii_case(want);
        self.rest = before;
        found
    }

    fn word_is(&mut self, want: &str) -> bool {
        let found = self.next_word_is(want);
        if found {
            self.word();
        }
        found
    }

    /// A column's or field's name: a word, or anything in quotes (`"a.b"`, SQL doubles the quote, JSON escapes it).
    fn name(&mut self) -> Result<String, String> {
        match self.peek() {
            Some(quote @ ('"' | '`')) => self.quoted(quote),
            _ => match self.word() {
                "" => Err(format!("a name is expected at `{}`", self.rest.chars().take(20).collect::<String>())),
                word => Ok(word.to_owned()),
            },
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String, String> {
        let mut name = String::new();
        let mut chars = self.rest.char_indices().skip(1).peekable();
        while let Some((i, c)) = chars.next() {
            if c == '\\' && !self.sql {
                // As a JSON string then, to its end.
                let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<String>();
                if let Some(Ok(name)) = values.next() {
                    self.rest = self.rest.get(values.byte_offset()..).unwrap_or_default();
                    return Ok(name);
                }
            }
            if c != quote {
                name.push(c);
            } else if chars.peek().is_some_and(|(_, next)| *next == quote) {
                chars.next();
                name.push(quote);
            } else {
                self.rest = self.rest.get(i + 1..).unwrap_or_default();
                return Ok(name);
            }
        }
        Err(format!("the name {} is not closed", self.rest))
    }

    fn number(&mut self) -> Option<u8> {
        self.word().parse().ok()
    }

    /// `<` or `(`, whichever is there; gives what closes it.
    fn open(&mut self, what: &str) -> Result<char, String> {
        if self.take('<') {
            Ok('>')
        } else if self.take('(') {
            Ok(')')
        } else {
            Err(format!("`{what}` needs the type of what is inside it: {what}<...>"))
        }
    }

    fn close(&mut self, close: char) -> Result<(), String> {
        if self.take(close) { Ok(()) } else { Err(format!("`{close}` is missing")) }
    }

    fn data_type(&mut self, depth: usize) -> Result<Type, String> {
        if depth > DEPTH_MAX {
            return Err("the type is nested too deep".to_owned());
        }
        let word = self.word();
        let mut t = match word.to_ascii_lowercase().as_str() {
            "list" | "array" => {
                let close = self.open("list")?;
                let item = self.data_type(depth + 1)?;
                self.close(close)?;
                Type::List(Box::new(item))
            }
            "map" => self.map(depth)?,
            "struct" | "row" => self.structure(depth)?,
            name => self.scalar(word, name)?,
        };
        while self.take('[') {
            self.close(']')?;
            t = Type::List(Box::new(t));
        }
        Ok(t)
    }

    fn map(&mut self, depth: usize) -> Result<Type, String> {
        let close = self.open("map")?;
        let mut value = self.data_type(depth + 1)?;
        if self.take(',') {
            if value != Type::Utf8 {
                return Err("the keys of a JSON object are text: map<utf8, ...>".to_owned());
            }
            value = self.data_type(depth + 1)?;
        }
        self.close(close)?;
        Ok(Type::Map(Box::new(value)))
    }

    fn structure(&mut self, depth: usize) -> Result<Type, String> {
        let close = self.open("struct")?;
        let mut fields: Vec<(String, Type)> = Vec::new();
        while !self.take(close) {
            if !fields.is_empty() && !self.take(',') {
                return Err(format!("`,` or `{close}` is missing after the field `{}`", fields.len()));
            }
            let name = self.name()?;
            self.take(':');
            if fields.iter().any(|(n, _)| *n == name) {
                return Err(format!("the field `{name}` stands twice"));
            }
            fields.push((name, self.data_type(depth + 1)?));
        }
        if fields.is_empty() { Err("a struct needs a field".to_owned()) } else { Ok(Type::Struct(fields)) }
    }

    fn scalar(&mut self, word: &str, name: &str) -> Result<Type, String> {
        let t = match name {
            "bool" | "boolean" => Type::Bool,
            "uint64" | "ubigint" | "uinteger" | "usmallint" | "utinyint" => Type::UInt64,
            "int64" | "bigint" | "int" | "integer" | "smallint" | "tinyint" | "int8" | "int4" | "int2" | "long" => {
                if self.word_is("unsigned") {
                    Type::UInt64
                } else {
                    Type::Int64
                }
            }
            "float64" | "float" | "real" | "float8" | "float4" => Type::Float64,
            "double" => {
                self.word_is("precision");
                Type::Float64
            }
            "decimal" | "numeric" => return self.decimal(),
            // What only ever was null takes any value as its text.
            "utf8" | "undecided" | "varchar" | "text" | "string" | "char" | "character" => {
                self.word_is("varying");
                self.length()?;
                Type::Utf8
            }
            "json" | "jsonb" | "variant" => Type::Json,
            "date" => Type::Date,
            "uuid" => Type::Uuid,
            "timestamptz" => Type::Timestamp,
            "timestamp" | "time" => {
                self.length()?;
                if self.word_is("with") || self.word_is("without") {
                    self.word_is("time");
                    self.word_is("zone");
                }
                if name == "time" { Type::Time } else { Type::Timestamp }
            }
            _ => return Err(format!("`{word}` is no type: use {NAMES}")),
        };
        Ok(t)
    }

    /// The length in `VARCHAR(20)`, which JSON text does not have.
    fn length(&mut self) -> Result<(), String> {
        if self.take('(') {
            self.word();
            self.close(')')?;
        }
        Ok(())
    }

    fn decimal(&mut self) -> Result<Type, String> {
        if !self.take('(') {
            return Ok(Type::Decimal { precision: 38, scale: 0 });
        }
        let precision = self.number();
        let scale = if self.take(',') { self.number() } else { Some(0) };
        self.close(')')?;
        match (precision, scale.and_then(|s| i8::try_from(s).ok())) {
            (Some(precision @ 1..=76), Some(scale)) if i16::from(scale) <= i16::from(precision) => {
                Ok(Type::Decimal { precision, scale })
            }
            _ => Err("a decimal needs a precision of 1 to 76 and a scale of 0 up to it".to_owned()),
        }
    }

    /// Passes over constraints and defaults, up to the comma or parenthesis that ends the column.
    fn skip_column(&mut self) {
        let (mut depth, mut quote, mut after) = (0usize, None, 0);
        for (i, c) in self.rest.char_indices() {
            if i < after {
                continue;
            }
            match (c, quote) {
                (_, Some(q)) if c == q => quote = None,
                (_, Some(_)) => {}
                ('\'' | '"', None) => quote = Some(c),
                ('(', None) => depth += 1,
                (',' | ')' | ';', None) if depth == 0 => {
                    self.rest = self.rest.get(i..).unwrap_or_default();
                    return;
                }
                (')', None) => depth -= 1,
                _ => after = i + comment(self.rest, i),
            }
        }
        self.rest = "";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_types_agree() {
        for name in [
            "bool",
            "int64",
            "uint64",
            "float64",
            "decimal(10,2)",
            "utf8",
            "json",
            "date",
            "timestamp",
            "time",
            "uuid",
            "list<list<utf8>>",
            "map<utf8, list<json>>",
            "struct<a: int64, \"b.c\": list<struct<d: uuid>>, \"q\\\"\": json>",
            // Keys that a path takes as they are, and a type does not.
            "struct<\"content-type\": utf8, \"@t\": date, \"a:b\": bool, \"k/1,x>\": time, \"\": uuid, é_1: int64>",
        ] {
            let t = parse_type(name).unwrap();
            assert_eq!(t.to_string(), name);
            assert_eq!(Type::from_arrow(&t.data_type()).map(|t| t.data_type()).unwrap(), t.data_type());
            // In SQL, JSON text is text.
            let same = parse_type(&t.sql()).unwrap().data_type() == t.data_type();
            assert!(same || name.contains("json"), "{}", t.sql());
        }
        for bad in ["", "decimal(77,0)", "floaty", "decimal(3,4)", "list", "list<int64", "map<int64, utf8>", "int64 x"]
        {
            assert!(parse_type(bad).is_err(), "{bad}");
        }
        assert!(parse_type(&"list<".repeat(1000)).is_err());
    }

    #[test]
    fn column_lists_are_read_as_sql_writes_them() {
        let columns =
            |text: &str| parse_sql_columns(text).map(|c| c.iter().map(|(n, t)| format!("{n} {t}")).collect::<Vec<_>>());
        let want = vec!["id int64".to_owned(), "a b decimal(10,2)".into(), "t timestamp".into(), "l list<utf8>".into()];
        let list = "id BIGINT NOT NULL PRIMARY KEY, \"a b\" NUMERIC(10, 2) DEFAULT (1, 2), -- why\n t TIMESTAMP WITH TIME ZONE, l TEXT[]";
        assert_eq!(columns(list), Ok(want.clone()));
        assert_eq!(
            columns(&format!("CREATE TABLE IF NOT EXISTS x.y (\n{list},\nPRIMARY KEY (id)\n) WITH (a = 1);")),
            Ok(want)
        );
        assert_eq!(columns("CREATE TABLE \"data (1)\" (a INT)"), Ok(vec!["a int64".into()]));
        assert_eq!(
            columns("\"C:\\temp\" INT, \"q\\\"\"\" TEXT"),
            Ok(vec!["C:\\temp int64".into(), "q\\\" utf8".into()])
        );
        // Comments may hold what would end a column.
        let commented = "/* a (small) table; */ CREATE TABLE t -- the (main) one, isn't it?\n(id BIGINT NOT NULL -- the user's id, or so\n, \
                         \"a b\" DECIMAL(10,2) /* it's (a, b) */ DEFAULT 0 /* ; */, t /* when */ TIMESTAMP -- UTC, of course\n, l TEXT[] /* ) */)";
        assert_eq!(columns(commented), columns(list));
        for bad in ["", "a", "a int, a int", "(a int", "a int b c)", "a nothing"] {
            assert!(columns(bad).is_err(), "{bad} {:?}", columns(bad));
        }
    }
}
