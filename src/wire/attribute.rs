//! Attributes: a length, a number, a payload, padded to four bytes.

use super::WireError;
use super::uapi::{NLA_HDRLEN, NLA_TYPE_MASK};

/// No name of the kernel is longer; a record with its names must fit an attribute.
const LONGEST_NAME: usize = 255;

/// What to do with bytes that are no attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// They are an error: for what a kernel answered.
    Strict,
    /// They end the list quietly, as the kernel does with requests.
    AsTheKernel,
}

/// Walks the attributes of a record.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    rest: &'a [u8],
    offset: usize,
    strictness: Strictness,
}

impl<'a> Attributes<'a> {
    /// Starts at the first attribute of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8], strictness: Strictness) -> Self {
        Self {
            rest: bytes,
            offset: 0,
            strictness,
        }
    }

    /// Returns the last attribute with this number: the kernel lets the last one win.
    ///
    /// # Errors
    /// [`WireError`] if the list can't be walked.
    pub fn last(self, number: u16) -> Result<Option<&'a [u8]>, WireError> {
        let mut found = None;
        for attribute in self {
            let (kind, payload) = attribute?;
            if kind == number {
                found = Some(payload);
            }
        }
        Ok(found)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<(u16, &'a [u8]), WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let length = match self.rest {
            [low, high, _, _, ..] => usize::from(u16::from_ne_bytes([*low, *high])),
            _ => 0,
        };
        if length < NLA_HDRLEN || length > self.rest.len() {
            let error = WireError::Length {
                what: "attribute",
                offset: self.offset,
                claimed: length,
                available: self.rest.len(),
            };
            self.rest = &[];
            return match self.strictness {
                Strictness::Strict => Some(Err(error)),
                Strictness::AsTheKernel => None,
            };
        }
        let kind = u16::from_ne_bytes([self.rest[2], self.rest[3]]) & NLA_TYPE_MASK;
        let payload = &self.rest[NLA_HDRLEN..length];
        let step = length.next_multiple_of(4).min(self.rest.len());
        self.rest = &self.rest[step..];
        self.offset += step;
        Some(Ok((kind, payload)))
    }
}

/// Appends one attribute.
#[inline]
pub(super) fn put(out: &mut Vec<u8>, kind: u16, payload: &[u8]) {
    let length = NLA_HDRLEN + payload.len();
    let claimed = u16::try_from(length).expect("BUG: our attributes are short");
    let [low, high] = claimed.to_ne_bytes();
    let [kind_low, kind_high] = kind.to_ne_bytes();
    out.reserve(length + 3);
    out.extend_from_slice(&[low, high, kind_low, kind_high]);
    out.extend_from_slice(payload);
    let padding = length.next_multiple_of(4) - length;
    if padding > 0 {
        out.extend_from_slice(&[0; 3][..padding]);
    }
}

/// Appends one attribute if there is a value.
#[inline]
pub(super) fn put_some<const N: usize>(out: &mut Vec<u8>, kind: u16, value: Option<[u8; N]>) {
    const { assert!(N <= 16) };
    if let Some(bytes) = value {
        // Header, value and padding go out in one piece.
        let mut whole = [0; NLA_HDRLEN + 16];
        let length = NLA_HDRLEN + N;
        let claimed = u16::try_from(length).unwrap_or_default();
        whole[..2].copy_from_slice(&claimed.to_ne_bytes());
        whole[2..4].copy_from_slice(&kind.to_ne_bytes());
        whole[NLA_HDRLEN..length].copy_from_slice(&bytes);
        out.extend_from_slice(&whole[..length.next_multiple_of(4)]);
    }
}

/// Appends a text with the zero byte that ends it.
pub(super) fn put_name(out: &mut Vec<u8>, kind: u16, name: Option<&Vec<u8>>) {
    if let Some(name) = name {
        let length = NLA_HDRLEN + name.len() + 1;
        let claimed = u16::try_from(length).expect("BUG: a name of a record is short");
        out.extend_from_slice(&claimed.to_ne_bytes());
        out.extend_from_slice(&kind.to_ne_bytes());
        out.extend_from_slice(name);
        let padded = out.len() + 1 + (length.next_multiple_of(4) - length);
        out.resize(padded, 0);
    }
}

/// Appends an attribute that holds others. As the kernel's replies do, it goes without the "nested" bit.
pub(super) fn nest(out: &mut Vec<u8>, kind: u16, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    put(out, kind, &[]);
    body(out);
    let claimed = u16::try_from(out.len() - start).expect("BUG: our records are short");
    out[start..start + 2].copy_from_slice(&claimed.to_ne_bytes());
}

/// A value being read: knows where it stands, for errors.
pub(super) struct Value<'a> {
    pub(super) record: &'static str,
    pub(super) attribute: u16,
    pub(super) bytes: &'a [u8],
}

impl Value<'_> {
    fn wrong(&self, expected: &'static str) -> WireError {
        WireError::Width {
            record: self.record,
            attribute: self.attribute,
            found: self.bytes.len(),
            expected,
        }
    }

    /// Takes the first bytes; longer integers are accepted as the kernel accepts them.
    fn first<const N: usize>(&self, expected: &'static str) -> Result<[u8; N], WireError> {
        let bytes = self.bytes.get(..N).ok_or_else(|| self.wrong(expected))?;
        Ok(std::array::from_fn(|index| bytes[index]))
    }

    pub(super) fn u8(&self) -> Result<u8, WireError> {
        self.first::<1>("1").map(|[byte]| byte)
    }

    pub(super) fn u16(&self) -> Result<u16, WireError> {
        self.first("2").map(u16::from_ne_bytes)
    }

    pub(super) fn u16_network(&self) -> Result<u16, WireError> {
        self.first("2").map(u16::from_be_bytes)
    }

    pub(super) fn u32(&self) -> Result<u32, WireError> {
        self.first("4").map(u32::from_ne_bytes)
    }

    pub(super) fn u64(&self) -> Result<u64, WireError> {
        self.first("8").map(u64::from_ne_bytes)
    }

    pub(super) fn raw4(&self) -> Result<[u8; 4], WireError> {
        self.first("4")
    }

    /// Takes up to N bytes; what is missing is zero.
    pub(super) fn extended<const N: usize>(
        &self,
        expected: &'static str,
    ) -> Result<[u8; N], WireError> {
        if self.bytes.len() > N {
            return Err(self.wrong(expected));
        }
        let mut whole = [0; N];
        whole[..self.bytes.len()].copy_from_slice(self.bytes);
        Ok(whole)
    }

    pub(super) fn name(&self) -> Result<Vec<u8>, WireError> {
        let end = self.bytes.iter().position(|byte| *byte == 0);
        let end = end.ok_or_else(|| self.wrong("a text that ends with a zero byte"))?;
        if end > LONGEST_NAME {
            return Err(self.wrong("a name of at most 255"));
        }
        Ok(self.bytes[..end].to_vec())
    }
}
