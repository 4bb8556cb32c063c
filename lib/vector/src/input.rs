//! Matrices in the binary files of nearest-neighbour benchmarks: `.fvecs`, `.ivecs`, `.bvecs` and `.fbin`.

use qx_formats::vdata::Element;
use qx_formats::{Error, Result};

use crate::build::VectorSource;

/// What a component is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    F32,
    I32,
    U8,
}

impl Type {
    fn len(self) -> usize {
        if self == Type::U8 { 1 } else { 4 }
    }
}

/// Vectors at even distances in a file.
#[derive(Debug, Clone)]
pub struct Rows<B> {
    bytes: B,
    component: Type,
    rows: usize,
    dim: usize,
    /// Where the first vector begins, and how far the next is.
    first: usize,
    stride: usize,
    /// Where each begins and how many components it has, if not all have the same number.
    uneven: Vec<(usize, usize)>,
}

fn int(b: &[u8], at: usize) -> Option<usize> {
    Some(i32::from_le_bytes(*b.get(at..)?.first_chunk()?)).and_then(|v| usize::try_from(v).ok())
}

/// `.fvecs`: before each vector its dimension, an i32. Whether all must be the same is for the policy of a build.
///
/// # Errors
/// `Invalid` for a dimension that is not positive, `Corrupt` for a file that ends inside a vector.
pub fn fvecs<B: AsRef<[u8]>>(bytes: B) -> Result<Rows<B>> {
    vecs(bytes, Type::F32, "fvecs")
}

/// `.ivecs`: as [`fvecs`], of 32-bit integers; those above 2^24 are rounded.
///
/// # Errors
/// As [`fvecs`].
pub fn ivecs<B: AsRef<[u8]>>(bytes: B) -> Result<Rows<B>> {
    vecs(bytes, Type::I32, "ivecs")
}

/// `.bvecs`: as [`fvecs`], of bytes, 0 to 255.
///
/// # Errors
/// As [`fvecs`].
pub fn bvecs<B: AsRef<[u8]>>(bytes: B) -> Result<Rows<B>> {
    vecs(bytes, Type::U8, "bvecs")
}

fn vecs<B: AsRef<[u8]>>(bytes: B, component: Type, name: &str) -> Result<Rows<B>> {
    let b = bytes.as_ref();
    if b.is_empty() {
        return Err(Error::invalid("file is empty").offset(0));
    }
    let dim = int(b, 0)
        .filter(|&d| d > 0)
        .ok_or_else(|| Error::invalid(format!("{name} dimension is not positive")).offset(0))?;
    let stride = dim.checked_mul(component.len()).and_then(|n| n.checked_add(4)).filter(|&s| s <= b.len());
    let stride = stride.ok_or_else(|| truncated(b, name).expected(format!("a vector of dimension {dim}")))?;
    let even = b.len().is_multiple_of(stride) && b.chunks(stride).all(|v| int(v, 0) == Some(dim));
    let uneven = if even { Vec::new() } else { spans(b, component, name)? };
    let rows = if even { b.len() / stride } else { uneven.len() };
    Ok(Rows { rows, component, dim, first: 4, stride, uneven, bytes })
}

/// Where each vector begins, and how many components it has.
fn spans(b: &[u8], component: Type, name: &str) -> Result<Vec<(usize, usize)>> {
    let (mut all, mut at) = (Vec::new(), 0);
    while at < b.len() {
        let row = all.len();
        if b.len() - at < 4 {
            return Err(truncated(b, name).expected(format!("the dimension of vector {row}")));
        }
        let dim = int(b, at).filter(|&d| d > 0).ok_or_else(|| {
            Error::invalid(format!("{name} dimension of vector {row} is not positive")).offset(at as u64)
        })?;
        let end = dim.checked_mul(component.len()).and_then(|n| n.checked_add(at + 4)).filter(|&end| end <= b.len());
        let end = end.ok_or_else(|| truncated(b, name).expected(format!("vector {row} of dimension {dim}")))?;
        all.push((at + 4, dim));
        at = end;
    }
    Ok(all)
}

/// `.fbin`: number of vectors and dimension, a u32 each, then the vectors.
///
/// # Errors
/// `Corrupt` when the length of the file is another than these say.
pub fn fbin<B: AsRef<[u8]>>(bytes: B) -> Result<Rows<B>> {
    let b = bytes.as_ref();
    let header = int(b, 0).zip(int(b, 4));
    let (rows, dim) = header.ok_or_else(|| Error::invalid("not an fbin file: no header").offset(0))?;
    let want = rows.checked_mul(dim).and_then(|n| n.checked_mul(4)).and_then(|n| n.checked_add(8));
    if want != Some(b.len()) || dim == 0 {
        return Err(Error::corrupt("fbin file has another length than its header says")
            .offset(b.len() as u64)
            .expected(want.map_or("a possible length".to_owned(), |w| format!("{w} bytes")))
            .got(format!("{} bytes", b.len())));
    }
    Ok(Rows { rows, component: Type::F32, dim, first: 8, stride: dim * 4, uneven: Vec::new(), bytes })
}

fn truncated(b: &[u8], name: &str) -> Error {
    Error::corrupt(format!("{name} file ends inside a vector")).offset(b.len() as u64)
}

impl<B> Rows<B> {
    /// Of the first vector.
    pub fn dim(&self) -> usize {
        self.dim
    }
}

impl<B: AsRef<[u8]> + Sync> VectorSource for Rows<B> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn read(&self, row: usize, out: &mut Vec<f32>) -> Result<()> {
        let span = if self.uneven.is_empty() {
            row.checked_mul(self.stride).and_then(|at| at.checked_add(self.first)).map(|start| (start, self.dim))
        } else {
            self.uneven.get(row).copied()
        };
        let bytes = span
            .and_then(|(start, dim)| self.bytes.as_ref().get(start..start.checked_add(dim * self.component.len())?))
            .unwrap_or(&[]);
        match self.component {
            Type::F32 => Element::F32.read(bytes, out),
            Type::I32 => {
                out.clear();
                out.extend(bytes.as_chunks::<4>().0.iter().map(|b| i32::from_le_bytes(*b) as f32));
            }
            Type::U8 => {
                out.clear();
                out.extend(bytes.iter().map(|&b| f32::from(b)));
            }
        }
        Ok(())
    }

    fn declared_dim(&self) -> Option<usize> {
        Some(self.dim)
    }
}

#[cfg(test)]
mod tests {
    use qx_formats::Kind;

    use super::*;

    fn vectors(source: &dyn VectorSource) -> Vec<Vec<f32>> {
        let mut v = Vec::new();
        let mut read = |row| source.read(row, &mut v).map(|()| v.clone()).unwrap();
        (0..source.rows()).map(&mut read).collect()
    }

    fn bytes(head: &[u32], rows: &[&[f32]], each: bool) -> Vec<u8> {
        let mut out: Vec<u8> = head.iter().flat_map(|v| v.to_le_bytes()).collect();
        for row in rows {
            if each {
                out.extend((row.len() as u32).to_le_bytes());
            }
            out.extend(row.iter().flat_map(|v| v.to_le_bytes()));
        }
        out
    }

    #[test]
    fn both_forms_are_read() {
        let rows: [&[f32]; 3] = [&[1.0, 2.0], &[-3.0, 0.5], &[0.0, 7.0]];
        let f = fvecs(bytes(&[], &rows, true)).unwrap();
        assert_eq!((vectors(&f), f.dim()), (rows.map(<[f32]>::to_vec).to_vec(), 2));
        let f = fbin(bytes(&[3, 2], &rows, false)).unwrap();
        assert_eq!((vectors(&f), f.dim()), (rows.map(<[f32]>::to_vec).to_vec(), 2));
        assert_eq!(fbin(bytes(&[0, 2], &[], false)).unwrap().rows(), 0);
        let uneven = fvecs(bytes(&[], &[&[1.0, 2.0], &[3.0], &[4.0, 5.0]], true)).unwrap();
        assert_eq!(vectors(&uneven), [vec![1.0, 2.0], vec![3.0], vec![4.0, 5.0]]);
        let mut none = vec![1.0];
        f.read(usize::MAX, &mut none).unwrap();
        assert!(none.is_empty());
    }

    #[test]
    fn integers_and_bytes_are_read() {
        let i = ivecs([2i32, -1, 7, 2, 0, 1 << 20].map(i32::to_le_bytes).concat()).unwrap();
        assert_eq!(vectors(&i), [[-1.0, 7.0], [0.0, 1_048_576.0]]);
        let b = bvecs([3, 0, 0, 0, 0, 128, 255, 3, 0, 0, 0, 1, 2, 3]).unwrap();
        assert_eq!(vectors(&b), [[0.0, 128.0, 255.0], [1.0, 2.0, 3.0]]);
        assert!(bvecs([3, 0, 0, 0, 0, 128]).is_err() && ivecs([1, 0, 0, 0]).is_err());
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let whole = bytes(&[], &[&[1.0, 2.0], &[3.0, 4.0]], true);
        for len in (0..whole.len()).filter(|&len| len != 12) {
            assert!(fvecs(&whole[..len]).is_err(), "{len} bytes");
        }
        let uneven = bytes(&[], &[&[1.0, 2.0], &[3.0], &[4.0, 5.0]], true);
        for len in (0..uneven.len()).filter(|len| ![12, 20].contains(len)) {
            assert!(fvecs(&uneven[..len]).is_err(), "{len} bytes");
        }
        let hollow = [&uneven[..12], &0u32.to_le_bytes()[..]].concat();
        assert_eq!(fvecs(hollow).unwrap_err().kind(), Kind::Invalid);
        for dim in [0, u32::MAX, i32::MAX as u32] {
            assert!(fvecs(dim.to_le_bytes()).is_err());
        }
        for head in [[2, 2], [u32::MAX, 1], [i32::MAX as u32, i32::MAX as u32], [5, 0]] {
            assert!(fbin(bytes(&head, &[&[1.0, 2.0]], false)).is_err(), "{head:?}");
        }
        assert!(fbin([1, 2, 3]).is_err());
    }
}
