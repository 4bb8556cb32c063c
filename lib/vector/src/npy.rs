//! `.npy` files: one matrix of floats, integers or booleans, in C or Fortran order, little- or big-endian, of versions
//! 1 to 3.
//!
//! The header is a Python literal; exactly the three keys that the format defines are read, and anything else is
//! refused with its place.

use qx_formats::{Error, Result};

use crate::build::VectorSource;

const MAGIC: &[u8] = b"\x93NUMPY";
/// Headers are a line of text; numpy itself refuses longer ones by default.
const MAX_HEADER: usize = 10_000;

/// What a component is. All become f32 when they are read: f64, and integers above 2^24, are rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    F16,
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Bool,
}

impl Type {
    /// That of NumPy's name, without the order of its bytes.
    fn named(name: &str) -> Option<Type> {
        Some(match name {
            "f2" => Type::F16,
            "f4" => Type::F32,
            "f8" => Type::F64,
            "i1" => Type::I8,
            "i2" => Type::I16,
            "i4" => Type::I32,
            "i8" => Type::I64,
            "u1" => Type::U8,
            "u2" => Type::U16,
            "u4" => Type::U32,
            "u8" => Type::U64,
            "b1" => Type::Bool,
            _ => return None,
        })
    }

    fn len(self) -> usize {
        match self {
            Type::I8 | Type::U8 | Type::Bool => 1,
            Type::F16 | Type::I16 | Type::U16 => 2,
            Type::F32 | Type::I32 | Type::U32 => 4,
            Type::F64 | Type::I64 | Type::U64 => 8,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Type::F16 => "f16",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::I8 => "i8",
            Type::I16 => "i16",
            Type::I32 => "i32",
            Type::I64 => "i64",
            Type::U8 => "u8",
            Type::U16 => "u16",
            Type::U32 => "u32",
            Type::U64 => "u64",
            Type::Bool => "bool",
        }
    }

    /// The value of the bytes of one component.
    fn value(self, stored: &[u8], big_endian: bool) -> f32 {
        let mut b = [0; 8];
        for (i, slot) in b.iter_mut().take(stored.len()).enumerate() {
            *slot = stored[if big_endian { stored.len() - 1 - i } else { i }];
        }
        let bits = u64::from_le_bytes(b);
        match self {
            Type::F16 => half::f16::from_bits(bits as u16).to_f32(),
            Type::F32 => f32::from_bits(bits as u32),
            Type::F64 => f64::from_bits(bits) as f32,
            Type::I8 => f32::from(bits as i8),
            Type::I16 => f32::from(bits as i16),
            Type::I32 => bits as i32 as f32,
            Type::I64 => bits as i64 as f32,
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => bits as f32,
            Type::Bool => f32::from(u8::from(bits != 0)),
        }
    }
}

/// A matrix in the bytes of a file. One dimension is read as one row.
#[derive(Debug, Clone)]
pub struct Matrix<B> {
    bytes: B,
    data: usize,
    element: Type,
    big_endian: bool,
    /// Column after column: the components of a row stand a column apart.
    fortran: bool,
    rows: usize,
    dim: usize,
}

/// Reads the header and checks that the data is all there.
///
/// # Errors
/// `Invalid` or `Corrupt` with the place; `Unsupported` for other element types and for three dimensions.
pub fn read<B: AsRef<[u8]>>(bytes: B) -> Result<Matrix<B>> {
    let b = bytes.as_ref();
    if b.get(..MAGIC.len()) != Some(MAGIC) {
        return Err(Error::invalid(if b.is_empty() { "file is empty" } else { "not an npy file: wrong magic" })
            .offset(0)
            .expected(MAGIC.escape_ascii())
            .got(b.get(..MAGIC.len().min(b.len())).unwrap_or(&[]).escape_ascii()));
    }
    let short = || Error::corrupt("npy file ends inside its header").offset(b.len() as u64);
    let major = *b.get(6).ok_or_else(short)?;
    let (len, start) = match major {
        1 => (b.get(8..10).and_then(|l| l.try_into().ok()).map(|l| usize::from(u16::from_le_bytes(l))), 10),
        2 | 3 => (b.get(8..12).and_then(|l| l.try_into().ok()).map(|l| u32::from_le_bytes(l) as usize), 12),
        _ => return Err(Error::unsupported(format!("npy version {major}")).offset(6).expected("1, 2 or 3").got(major)),
    };
    let len = len.ok_or_else(short)?;
    if len > MAX_HEADER {
        return Err(Error::limit("length of the npy header", MAX_HEADER as u64, len as u64).offset(8));
    }
    let header = b.get(start..start + len).ok_or_else(short)?;
    let header = std::str::from_utf8(header)
        .map_err(|e| Error::invalid("npy header is not text").offset((start + e.valid_up_to()) as u64))?;
    let header = Header::parse(header, start)?;
    let data = start + len;
    let (rows, dim) = header.shape;
    if dim == 0 && rows > 0 {
        return Err(Error::invalid("npy matrix has rows without columns").offset(start as u64).got(rows));
    }
    let want = rows.checked_mul(dim).and_then(|n| n.checked_mul(header.element.len()));
    let have = b.len() - data;
    if want != Some(have) {
        let what = if want.is_none_or(|w| w > have) { "npy data is truncated" } else { "bytes follow the npy data" };
        return Err(Error::corrupt(what)
            .offset(b.len() as u64)
            .expected(want.map_or("a possible length".to_owned(), |w| format!("{w} bytes of data")))
            .got(format!("{have} bytes")));
    }
    let Header { element, big_endian, fortran, .. } = header;
    Ok(Matrix { data, element, big_endian, fortran, rows, dim, bytes })
}

impl<B: AsRef<[u8]>> Matrix<B> {
    pub fn dim(&self) -> usize {
        self.dim
    }

    pub fn len(&self) -> usize {
        self.rows
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    pub fn element(&self) -> Type {
        self.element
    }

    /// One row as f32; empty beyond the last.
    pub fn row(&self, row: usize) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.dim);
        self.row_into(row, &mut out);
        out
    }

    fn row_into(&self, row: usize, out: &mut Vec<f32>) {
        use qx_formats::vdata::Element;
        out.clear();
        if row >= self.rows {
            return;
        }
        let len = self.element.len();
        let data = self.bytes.as_ref().get(self.data..).unwrap_or(&[]);
        if self.fortran {
            // Rows that follow each other lie side by side in every column: read in turn they take no more from the file
            // than a transpose would, and no memory.
            let column = |i: usize| data.get((i * self.rows + row) * len..(i * self.rows + row + 1) * len);
            out.extend((0..self.dim).filter_map(column).map(|b| self.element.value(b, self.big_endian)));
            return;
        }
        let bytes = data.get(row * self.dim * len..(row + 1) * self.dim * len).unwrap_or(&[]);
        match (self.element, self.big_endian) {
            (Type::F16, false) => Element::F16.read(bytes, out),
            (Type::F32, false) => Element::F32.read(bytes, out),
            (Type::F64, false) => out.extend(bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b) as f32)),
            _ => out.extend(bytes.chunks_exact(len).map(|b| self.element.value(b, self.big_endian))),
        }
    }

    /// All rows, one after the other.
    pub fn to_f32(&self) -> Vec<f32> {
        let mut all = Vec::with_capacity(self.rows * self.dim);
        let mut row = Vec::with_capacity(self.dim);
        for i in 0..self.rows {
            self.row_into(i, &mut row);
            all.extend_from_slice(&row);
        }
        all
    }
}

impl<B: AsRef<[u8]> + Sync> VectorSource for Matrix<B> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn read(&self, row: usize, out: &mut Vec<f32>) -> Result<()> {
        self.row_into(row, out);
        Ok(())
    }

    fn declared_dim(&self) -> Option<usize> {
        Some(self.dim).filter(|&d| d > 0)
    }
}

struct Header {
    element: Type,
    big_endian: bool,
    fortran: bool,
    shape: (usize, usize),
}

impl Header {
    /// `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, keys in any order.
    fn parse(text: &str, start: usize) -> Result<Header> {
        let mut p = Parser { text, at: 0, start };
        let (mut element, mut fortran, mut shape) = (None, None, None);
        p.expect("{")?;
        while !p.take("}") {
            let at = p.at;
            let key = p.string()?;
            p.expect(":")?;
            let again = match key {
                "descr" => element.replace(p.element()?).is_some(),
                "fortran_order" => fortran.replace(p.boolean()?).is_some(),
                "shape" => shape.replace(p.shape()?).is_some(),
                _ => return Err(p.wrong(at, "a key among descr, fortran_order, shape")),
            };
            if again {
                return Err(p.wrong(at, "each key once"));
            }
            if !p.take(",") {
                p.expect("}")?;
                break;
            }
        }
        p.space();
        if p.at != text.len() {
            return Err(p.wrong(p.at, "nothing after the closing brace"));
        }
        let missing = |key: &str| Error::invalid(format!("npy header lacks {key}")).offset(start as u64);
        let shape: Vec<usize> = shape.ok_or_else(|| missing("shape"))?;
        let fortran = fortran.ok_or_else(|| missing("fortran_order"))?;
        let shape = match *shape {
            [rows, dim] => (rows, dim),
            [dim] => (1, dim),
            _ => {
                return Err(Error::unsupported("npy array is not a matrix")
                    .offset(start as u64)
                    .expected("2 dimensions")
                    .got(shape.len())
                    .hint("save it with numpy's a.reshape(rows, dim)"));
            }
        };
        let (element, big_endian) = element.ok_or_else(|| missing("descr"))?;
        Ok(Header { element, big_endian, fortran, shape })
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// Of the header in the file.
    start: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn wrong(&self, at: usize, expected: &str) -> Error {
        let got: String = self.text.get(at..).unwrap_or("").chars().take(20).collect();
        Error::invalid("npy header is not what it should be")
            .offset((self.start + at) as u64)
            .expected(expected)
            .got(got)
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\n', '\t']).len();
    }

    fn take(&mut self, what: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(what);
        self.at += if found { what.len() } else { 0 };
        found
    }

    fn expect(&mut self, what: &str) -> Result<()> {
        if self.take(what) { Ok(()) } else { Err(self.wrong(self.at, what)) }
    }

    fn string(&mut self) -> Result<&'a str> {
        self.space();
        let quote = if self.take("'") { '\'' } else { '"' };
        if quote == '"' {
            self.expect("\"")?;
        }
        let rest = self.rest();
        let len = rest.find(quote).ok_or_else(|| self.wrong(self.at, "a closing quote"))?;
        self.at += len + 1;
        Ok(rest.get(..len).unwrap_or(""))
    }

    /// What a component is, and whether its bytes stand the other way round: `<f4`, `>i8`, `|u1`.
    fn element(&mut self) -> Result<(Type, bool)> {
        let at = (self.start + self.at) as u64;
        let other = |got: &str| {
            Error::unsupported("npy elements of this type are not read")
                .offset(at)
                .expected("f2, f4, f8, i1 to i8, u1 to u8 or b1, behind < or >")
                .got(got)
                .hint("save it with numpy's a.astype('<f4')")
        };
        // A structured type is a list, and no text.
        if self.rest().trim_start().starts_with('[') {
            return Err(other("a structured type"));
        }
        let name = self.string()?;
        let element = name.strip_prefix(['<', '>', '|']).and_then(Type::named);
        let element = element.filter(|t| t.len() == 1 || !name.starts_with('|')).ok_or_else(|| other(name))?;
        Ok((element, name.starts_with('>')))
    }

    fn boolean(&mut self) -> Result<bool> {
        if self.take("True") {
            return Ok(true);
        }
        self.expect("False").map(|()| false)
    }

    fn shape(&mut self) -> Result<Vec<usize>> {
        self.expect("(")?;
        let mut shape = Vec::new();
        while !self.take(")") {
            self.space();
            let at = self.at;
            let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
            let number = self.rest().get(..digits).and_then(|d| d.parse().ok());
            // numpy allows 64 dimensions; nothing here needs more than two.
            match number {
                Some(n) if shape.len() < 64 => shape.push(n),
                _ => return Err(self.wrong(at, "a whole number")),
            }
            self.at += digits;
            if !self.take(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(shape)
    }
}

#[cfg(test)]
mod tests {
    use qx_formats::Kind;

    use super::*;

    fn file(major: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend([major, 0]);
        match major {
            1 => out.extend((header.len() as u16).to_le_bytes()),
            _ => out.extend((header.len() as u32).to_le_bytes()),
        }
        out.extend(header.as_bytes());
        out.extend(data);
        out
    }

    fn header(element: &str, shape: &str) -> String {
        format!("{{'descr': '{element}', 'fortran_order': False, 'shape': {shape}, }}          \n")
    }

    #[test]
    fn every_version_and_element_type_is_read() {
        let values = [1.0f32, -2.5, 0.0, 4.0, 0.25, -8.0];
        let f16: Vec<u8> = values.iter().flat_map(|&v| half::f16::from_f32(v).to_le_bytes()).collect();
        let f32: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let f64: Vec<u8> = values.iter().flat_map(|&v| f64::from(v).to_le_bytes()).collect();
        for major in [1, 2, 3] {
            for (name, element, data) in [("<f2", Type::F16, &f16), ("<f4", Type::F32, &f32), ("<f8", Type::F64, &f64)]
            {
                let m = read(file(major, &header(name, "(2, 3)"), data)).unwrap();
                assert_eq!((m.len(), m.dim(), m.element()), (2, 3, element));
                assert_eq!(m.to_f32(), values);
                assert_eq!((m.row(1), m.row(2), m.row(usize::MAX)), (values[3..].to_vec(), vec![], vec![]));
            }
        }
    }

    #[test]
    fn every_order_of_bytes_and_components_is_read() {
        let numbers = [0i8, 1, -2, 3, 100, -128];
        let positive = |v: i8| u64::from(v.unsigned_abs());
        type Bytes = fn(i8) -> Vec<u8>;
        let signed: [(&str, Bytes); 7] = [
            ("i1", |v| v.to_be_bytes().to_vec()),
            ("i2", |v| i16::from(v).to_be_bytes().to_vec()),
            ("i4", |v| i32::from(v).to_be_bytes().to_vec()),
            ("i8", |v| i64::from(v).to_be_bytes().to_vec()),
            ("f2", |v| half::f16::from_f32(f32::from(v)).to_be_bytes().to_vec()),
            ("f4", |v| f32::from(v).to_be_bytes().to_vec()),
            ("f8", |v| f64::from(v).to_be_bytes().to_vec()),
        ];
        let unsigned: [(&str, Bytes); 4] = [
            ("u1", |v| vec![v.unsigned_abs()]),
            ("u2", |v| u16::from(v.unsigned_abs()).to_be_bytes().to_vec()),
            ("u4", |v| u32::from(v.unsigned_abs()).to_be_bytes().to_vec()),
            ("u8", |v| u64::from(v.unsigned_abs()).to_be_bytes().to_vec()),
        ];
        for ((name, bytes), sign) in signed.iter().map(|t| (t, true)).chain(unsigned.iter().map(|t| (t, false))) {
            for order in [">", "<", "|"].into_iter().filter(|o| *o != "|" || name.ends_with('1')) {
                let one = |v: i8| -> Vec<u8> {
                    let b = bytes(v);
                    if order == ">" { b } else { b.into_iter().rev().collect() }
                };
                let want = numbers.map(|v| if sign { f32::from(v) } else { positive(v) as f32 });
                // Two rows of three components, row after row and column after column.
                for (fortran, places) in [("False", [0, 1, 2, 3, 4, 5]), ("True", [0, 3, 1, 4, 2, 5])] {
                    let data: Vec<u8> = places.iter().flat_map(|&i: &usize| one(numbers[i])).collect();
                    let text = format!("{{'descr': '{order}{name}', 'fortran_order': {fortran}, 'shape': (2, 3), }}");
                    let m = read(file(1, &text, &data)).unwrap();
                    assert_eq!(m.to_f32(), want, "{order}{name} {fortran}");
                    assert_eq!((m.row(1), m.row(2), m.row(usize::MAX)), (want[3..].to_vec(), vec![], vec![]));
                }
            }
        }
        let flags = read(file(1, &header("|b1", "(2, 2)"), &[0, 1, 1, 0])).unwrap();
        assert_eq!(flags.to_f32(), [0.0, 1.0, 1.0, 0.0]);
        let wide = read(file(1, &header("<u8", "(1, 1)"), &u64::MAX.to_le_bytes())).unwrap();
        assert_eq!(wide.to_f32(), [u64::MAX as f32]);
    }

    #[test]
    fn headers_are_read_however_they_are_spaced() {
        for text in [
            "{'descr':'<f4','fortran_order':False,'shape':(1,2)}",
            "{\"shape\": (1, 2,), \"fortran_order\": False, \"descr\": \"<f4\"}\n",
            " { 'shape' : ( 1 , 2 ) , 'descr' : '<f4' , 'fortran_order' : False , } ",
            // One dimension is one row, and has no order.
            "{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }",
        ] {
            let m = read(file(1, text, &[0; 8])).unwrap();
            assert_eq!((m.len(), m.dim()), (1, 2), "{text}");
        }
        assert!(read(file(1, &header("<f4", "(0, 5)"), &[])).unwrap().is_empty());
    }

    #[test]
    fn what_is_not_a_matrix_of_floats_is_refused() {
        let kind = |text: &str, data: &[u8]| read(file(1, text, data)).unwrap_err().kind();
        for element in ["<c8", "|O", "<f16", "f4", "=f4", "|f4", "<U2", "<é"] {
            assert_eq!(kind(&header(element, "(1, 2)"), &[0; 8]), Kind::Unsupported, "{element}");
        }
        let structured = "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2,), }";
        assert_eq!(kind(structured, &[0; 8]), Kind::Unsupported);
        for shape in ["()", "(1, 1, 2)"] {
            assert_eq!(kind(&header("<f4", shape), &[0; 8]), Kind::Unsupported, "{shape}");
        }
        for text in [
            "",
            "{",
            "{}",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), 'more': 1}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1, -2)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 99999999999999999999)}",
            "{'descr': '<f4', 'fortran_order': 0, 'shape': (1, 2)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)} x",
            "{'descr': '<f4",
        ] {
            assert_eq!(kind(text, &[0; 8]), Kind::Invalid, "{text}");
        }
        assert_eq!(read(b"").unwrap_err().kind(), Kind::Invalid);
        assert_eq!(read(file(4, &header("<f4", "(1, 2)"), &[0; 8])).unwrap_err().kind(), Kind::Unsupported);
    }

    #[test]
    fn lengths_that_lie_are_refused_before_they_are_used() {
        let whole = file(1, &header("<f4", "(3, 2)"), &[0; 24]);
        for len in 0..whole.len() {
            assert!(read(&whole[..len]).is_err(), "{len} bytes");
        }
        assert_eq!(read([&whole[..], b"x"].concat()).unwrap_err().kind(), Kind::Corrupt);
        for shape in ["(4294967296, 4294967296)", "(18446744073709551615, 2)", "(1, 18446744073709551615)"] {
            assert_eq!(read(file(1, &header("<f4", shape), &[0; 8])).unwrap_err().kind(), Kind::Corrupt, "{shape}");
        }
        // More rows of nothing than any loop should see.
        let hollow = file(1, &header("<f4", "(18446744073709551615, 0)"), &[]);
        assert_eq!(read(hollow).unwrap_err().kind(), Kind::Invalid);
        let mut long = MAGIC.to_vec();
        long.extend([2, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
        assert_eq!(read(long).unwrap_err().kind(), Kind::Limit);
    }
}
