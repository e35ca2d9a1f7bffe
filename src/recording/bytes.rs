//! Numbers as they stand in bodies of frames.

/// Appends a number, seven bits a byte.
pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or(0));
}

/// Appends how a number differs from the one before; the smaller the difference is, the shorter.
pub(super) fn put_difference(out: &mut Vec<u8>, before: u64, now: u64) {
    let difference = now.wrapping_sub(before).cast_signed();
    put(
        out,
        ((difference << 1) ^ (difference >> 63)).cast_unsigned(),
    );
}

/// Appends a text behind its length.
pub(super) fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// Takes a body apart; everything is `None` where it ends too early.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'b>(pub(super) &'b [u8]);

impl<'b> Bytes<'b> {
    pub(super) const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn difference(&mut self, before: u64) -> Option<u64> {
        let coded = self.number()?;
        let difference = (coded >> 1) ^ (coded & 1).wrapping_neg();
        Some(before.wrapping_add(difference))
    }

    pub(super) fn text(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, put, put_difference};
    use proptest::prelude::{any, proptest};

    proptest! {
        #[test]
        fn numbers_are_read_as_they_were_written(number in any::<u64>(), before in any::<u64>()) {
            let mut out = Vec::new();
            put(&mut out, number);
            put_difference(&mut out, before, number);
            let mut bytes = Bytes(&out);
            assert_eq!(bytes.number(), Some(number));
            assert_eq!(bytes.difference(before), Some(number));
            assert!(bytes.is_empty());
        }

        #[test]
        fn any_bytes_end(bytes in any::<Vec<u8>>()) {
            let mut bytes = Bytes(&bytes);
            while bytes.number().is_some() {}
        }
    }

    #[test]
    fn what_is_small_is_short() {
        for (before, now, length) in [
            (5, 5, 1),
            (5, 68, 1),
            (5, 69, 2),
            (68, 4, 1),
            (70, 5, 2),
            (0, u64::MAX, 1),
        ] {
            let mut out = Vec::new();
            put_difference(&mut out, before, now);
            assert_eq!(out.len(), length, "{before} {now}");
        }
        // Ten bytes hold 70 bits.
        assert_eq!(Bytes(&[0xff; 10]).number(), None);
        assert_eq!(Bytes(&[0x80]).number(), None);
    }
}
