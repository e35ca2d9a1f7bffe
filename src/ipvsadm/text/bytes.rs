//! Bytes in columns. Listings have tens of thousands of cells, on which the formatting of the language is felt.

use std::net::{IpAddr, Ipv4Addr};

/// A text that grows at its end.
pub(super) struct Text<'a>(pub(super) &'a mut Vec<u8>);

impl Text<'_> {
    /// Appends words as they are.
    pub(super) fn put(&mut self, words: &str) {
        self.0.extend_from_slice(words.as_bytes());
    }

    /// Appends a number.
    pub(super) fn number(&mut self, value: u64) {
        let mut digits = [0; 20];
        let mut first = digits.len();
        let mut rest = value;
        loop {
            first -= 1;
            // What is left of a division by ten is one digit.
            digits[first] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.0.extend_from_slice(&digits[first..]);
    }

    /// Fills up with blanks what was appended since `start`.
    pub(super) fn fill(&mut self, start: usize, width: usize) {
        let end = start + width;
        if self.0.len() < end {
            self.0.resize(end, b' ');
        }
    }

    /// Appends a blank, and words in a column.
    pub(super) fn column(&mut self, words: &str, width: usize) {
        self.0.push(b' ');
        let start = self.0.len();
        self.put(words);
        self.fill(start, width);
    }

    /// Appends a blank, and a number at the left of a column.
    pub(super) fn left(&mut self, value: u64, width: usize) {
        self.0.push(b' ');
        let start = self.0.len();
        self.number(value);
        self.fill(start, width);
    }

    /// Appends a number at the right of a column.
    pub(super) fn right(&mut self, value: u64, width: usize) {
        let start = self.0.len();
        self.number(value);
        let length = self.0.len() - start;
        if length < width {
            self.0.resize(start + width, b' ');
            self.0[start..].rotate_right(width - length);
        }
    }

    /// Appends an address.
    pub(super) fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.dotted(address),
            IpAddr::V6(address) => self.put(&address.to_string()),
        }
    }

    /// Appends an IPv4 address.
    pub(super) fn dotted(&mut self, address: Ipv4Addr) {
        for (index, octet) in address.octets().into_iter().enumerate() {
            if index > 0 {
                self.0.push(b'.');
            }
            self.number(u64::from(octet));
        }
    }

    /// Ends a line.
    pub(super) fn end(&mut self) {
        self.0.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn numbers_stand_in_their_columns() {
        let mut bytes = Vec::new();
        let mut text = Text(&mut bytes);
        text.right(42, 5);
        text.right(123_456, 5);
        text.left(0, 3);
        text.left(u64::MAX, 3);
        text.column("ab", 4);
        text.address("10.0.200.1".parse().unwrap());
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "   42123456 0   18446744073709551615 ab  10.0.200.1"
        );
    }
}
