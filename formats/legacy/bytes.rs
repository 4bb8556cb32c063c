//! Taking fields from the front of bytes.

/// What is left of a payload. Every `take` fails where the bytes end.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(front)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (front, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*front)
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Text behind a `u16` length.
    pub fn text(&mut self) -> Option<String> {
        let len = usize::from(self.u16()?);
        std::str::from_utf8(self.take(len)?).ok().map(str::to_owned)
    }

    /// A flag byte, then the number if it is not zero.
    pub fn optional_u64(&mut self) -> Option<Option<u64>> {
        match self.u8()? {
            0 => Some(None),
            _ => self.u64().map(Some),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where `magic` stands next, at `from` or later.
pub(super) fn find_magic(bytes: &[u8], from: usize, magic: u32) -> Option<usize> {
    let rest = bytes.get(from..)?;
    memchr::memmem::find(rest, &magic.to_le_bytes()).map(|i| from + i)
}
