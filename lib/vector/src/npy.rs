//! `.npy` files: one matrix of `<f4`, `<f2` or `<f8` in C order, versions 1 to 3.
//!
//! The header is a Python literal; exactly the three keys that the format defines are read, and anything else is
//! refused with its place.

use qx_formats::{Error, Result};

use crate::build::VectorSource;

const MAGIC: &[u8] = b"\x93NUMPY";
/// Headers are a line of text; numpy itself refuses longer ones by default.
const MAX_HEADER: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    F16,
    F32,
    /// Narrowed to f32 when read.
    F64,
}

impl Type {
    fn len(self) -> usize {
        match self {
            Type::F16 => 2,
            Type::F32 => 4,
            Type::F64 => 8,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Type::F16 => "f16",
            Type::F32 => "f32",
            Type::F64 => "f64",
        }
    }
}

/// A matrix in the bytes of a file. One dimension is read as one row.
#[derive(Debug, Clone)]
pub struct Matrix<B> {
    bytes: B,
    data: usize,
    element: Type,
    rows: usize,
    dim: usize,
}

/// Reads the header and checks that the data is all there.
///
/// # Errors
/// `Invalid` or `Corrupt` with the place; `Unsupported` for other element types, Fortran order, three dimensions.
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
    Ok(Matrix { data, element: header.element, rows, dim, bytes })
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
        let each = self.dim * self.element.len();
        let start = row.checked_mul(each).and_then(|at| at.checked_add(self.data));
        let bytes = start.and_then(|s| self.bytes.as_ref().get(s..s.checked_add(each)?)).unwrap_or(&[]);
        match self.element {
            Type::F16 => Element::F16.read(bytes, out),
            Type::F32 => Element::F32.read(bytes, out),
            Type::F64 => {
                out.clear();
                out.extend(bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b) as f32));
            }
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
        let flat = fortran.ok_or_else(|| missing("fortran_order"))? && shape.len() > 1;
        if flat {
            return Err(Error::unsupported("npy matrix is in Fortran order")
                .offset(start as u64)
                .hint("save it with numpy.ascontiguousarray"));
        }
        let shape = match *shape {
            [rows, dim] => (rows, dim),
            [dim] => (1, dim),
            _ => {
                return Err(Error::unsupported("npy array is not a matrix")
                    .offset(start as u64)
                    .expected("2 dimensions")
                    .got(shape.len()));
            }
        };
        Ok(Header { element: element.ok_or_else(|| missing("descr"))?, shape })
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

    fn element(&mut self) -> Result<Type> {
        let at = self.at;
        match self.string()? {
            "<f2" => Ok(Type::F16),
            "<f4" => Ok(Type::F32),
            "<f8" => Ok(Type::F64),
            other => Err(Error::unsupported("npy elements of this type are not read")
                .offset((self.start + at) as u64)
                .expected("<f2, <f4 or <f8")
                .got(other)),
        }
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
        for element in [">f4", "<i4", "|u1", "<c8", "|O"] {
            assert_eq!(kind(&header(element, "(1, 2)"), &[0; 8]), Kind::Unsupported, "{element}");
        }
        for shape in ["()", "(1, 1, 2)"] {
            assert_eq!(kind(&header("<f4", shape), &[0; 8]), Kind::Unsupported, "{shape}");
        }
        assert_eq!(kind("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2)}", &[0; 8]), Kind::Unsupported);
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
