//! What the words of values mean: numbers, addresses, ports, as the C library reads them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::names::Names;
use crate::model::Protocol;

/// Reads a decimal number as `strtol` does, over the whole text: white space and a sign may come first.
pub(super) fn number(text: &[u8]) -> Option<i64> {
    let start = text.iter().position(|byte| !is_space(*byte))?;
    let (negative, digits) = match &text[start..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut sum = 0i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        let digit = i64::from(digit - b'0');
        let digit = if negative { -digit } else { digit };
        sum = sum.checked_mul(10)?.checked_add(digit)?;
    }
    Some(sum)
}

/// Reads a number within bounds.
pub(super) fn number_within(text: &[u8], least: i64, most: i64) -> Option<u32> {
    let number = number(text).filter(|number| (least..=most).contains(number))?;
    u32::try_from(number).ok()
}

/// Reads the number that a text begins with, as `atoi` does; none is 0.
pub(super) fn leading_number(text: &[u8]) -> i64 {
    let start = text.iter().position(|byte| !is_space(*byte));
    let text = start.map_or(&b""[..], |start| &text[start..]);
    let signed = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let digits = text[signed..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    let length = signed + digits.count();
    number(&text[..length]).unwrap_or_default()
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// Reads an IPv4 address as `inet_aton` does: one to four numbers in base 8, 10 or 16, the last of which fills
/// what is left; white space ends it, whatever follows.
pub(super) fn inet_aton(text: &[u8]) -> Option<Ipv4Addr> {
    if let Some(address) = four_decimals(text) {
        return Some(address);
    }
    let end = text.iter().position(|byte| is_space(*byte));
    let text = end.map_or(text, |end| &text[..end]);
    let mut parts = [0u32; 4];
    let mut count = 0;
    for part in text.split(|byte| *byte == b'.') {
        *parts.get_mut(count)? = c_number(part)?;
        count += 1;
    }
    let (last, leading) = parts[..count].split_last()?;
    let room = 8 * (4 - leading.len());
    if room < 32 && *last >= 1 << room {
        return None;
    }
    let mut bits = *last;
    for (index, part) in leading.iter().enumerate() {
        if *part > 255 {
            return None;
        }
        bits |= part << (24 - 8 * index);
    }
    Some(Ipv4Addr::from_bits(bits))
}

/// Reads what nearly everyone writes: four decimal numbers without leading zeros.
fn four_decimals(text: &[u8]) -> Option<Ipv4Addr> {
    let mut octets = [0u8; 4];
    let (mut index, mut length, mut value) = (0, 0, 0u32);
    for byte in text {
        match byte {
            b'0'..=b'9' => {
                if length > 0 && value == 0 {
                    return None;
                }
                value = value * 10 + u32::from(byte - b'0');
                length += 1;
                if value > 255 {
                    return None;
                }
            }
            b'.' if length > 0 && index < 3 => {
                octets[index] = u8::try_from(value).ok()?;
                index += 1;
                (length, value) = (0, 0);
            }
            _ => return None,
        }
    }
    octets[index] = u8::try_from(value).ok()?;
    (index == 3 && length > 0).then(|| Ipv4Addr::from(octets))
}

/// Reads a number with the prefixes of C.
fn c_number(text: &[u8]) -> Option<u32> {
    let (base, digits) = match text {
        [b'0', b'x' | b'X', digits @ ..] => (16, digits),
        [b'0', digits @ ..] if !digits.is_empty() => (8, digits),
        digits => (10, digits),
    };
    let digits = std::str::from_utf8(digits).ok()?;
    // A sign is no digit.
    let plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| u32::from_str_radix(digits, base).ok())?
}

/// An address with a port, as far as they were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) address: IpAddr,
    pub(super) port: Option<u16>,
    /// The port that stood behind an IPv4 address in brackets, where the original loses it; 65536 is none that
    /// could be.
    pub(super) lost_port: Option<u32>,
}

/// Reads `HOST[:PORT]`, `[IPV6]:PORT` or `IPV6`. Named ports are those of `protocol`; without one they fail.
pub(super) fn endpoint(text: &[u8], protocol: Option<Protocol>, names: &Names) -> Option<Endpoint> {
    if text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (host, behind_bracket) = match text.strip_prefix(b"[") {
        None => (text, None),
        Some(rest) => {
            let end = rest.iter().position(|byte| *byte == b']')?;
            let (host, rest) = rest.split_at(end);
            (host, Some(rest.strip_prefix(b"]:")?))
        }
    };
    // No IPv6 address has fewer than two colons.
    if host.iter().filter(|byte| **byte == b':').count() > 1
        && let Some(address) = std::str::from_utf8(host)
            .ok()
            .and_then(|text| text.parse::<Ipv6Addr>().ok())
    {
        return Some(Endpoint {
            address: address.into(),
            port: given_port(behind_bracket, protocol, names)?,
            lost_port: None,
        });
    }
    let (host, port_text) = match host.iter().rposition(|byte| *byte == b':') {
        Some(colon) => (&host[..colon], Some(&host[colon + 1..])),
        None => (host, None),
    };
    let address = inet_aton(host).or_else(|| names.address(host))?;
    Some(Endpoint {
        address: address.into(),
        port: given_port(port_text, protocol, names)?,
        lost_port: behind_bracket
            .filter(|_| port_text.is_none())
            .map(|text| port(text, protocol, names).map_or(65536, u32::from)),
    })
}

/// Reads the port if there is one; `None` is a wrong one.
fn given_port(
    text: Option<&[u8]>,
    protocol: Option<Protocol>,
    names: &Names,
) -> Option<Option<u16>> {
    let Some(text) = text else {
        return Some(None);
    };
    port(text, protocol, names).map(Some)
}

fn port(text: &[u8], protocol: Option<Protocol>, names: &Names) -> Option<u16> {
    match number_within(text, 0, 65535) {
        Some(port) => u16::try_from(port).ok(),
        None => names.port(text, protocol?),
    }
}

/// Returns bytes as text; what is no UTF-8 becomes `?`, a character that no name of a kernel has.
pub(super) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes
            .iter()
            .map(|byte| {
                if byte.is_ascii() {
                    char::from(*byte)
                } else {
                    '?'
                }
            })
            .collect(),
    }
}

/// Returns the beginning of bytes.
pub(super) fn cut(bytes: &[u8], longest: usize) -> &[u8] {
    bytes.get(..longest).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::{inet_aton, leading_number, number};

    #[test]
    fn addresses_are_read_as_the_c_library_reads_them() {
        for (text, address) in [
            ("10.0.0.2", Some("10.0.0.2")),
            ("10.2", Some("10.0.0.2")),
            ("10.1.2", Some("10.1.0.2")),
            ("10.1.258", Some("10.1.1.2")),
            ("0x0a000002", Some("10.0.0.2")),
            ("167772162", Some("10.0.0.2")),
            ("012.0.0.2", Some("10.0.0.2")),
            ("10.0.0.2 junk", Some("10.0.0.2")),
            ("0", Some("0.0.0.0")),
            ("24", Some("0.0.0.24")),
            ("10.0.0.256", None),
            ("10.0.0.08", None),
            ("10.0.0", Some("10.0.0.0")),
            ("10.0.0.", None),
            ("10..0.1", None),
            ("", None),
            (" 10.0.0.1", None),
            ("1.2.3.4.5", None),
            ("4294967296", None),
            ("256.1", None),
            ("1.16777216", None),
            ("+1.2.3.4", None),
            ("0x", None),
            ("a.b.c.d", None),
        ] {
            let read = inet_aton(text.as_bytes()).map(|address| address.to_string());
            assert_eq!(read.as_deref(), address, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_as_the_c_library_reads_them() {
        for (text, value) in [
            (" 7", Some(7)),
            ("+8", Some(8)),
            ("010", Some(10)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("", None),
            ("-", None),
            ("1.5", None),
            ("0x10", None),
            ("5 ", None),
            ("+-5", None),
        ] {
            assert_eq!(number(text.as_bytes()), value, "{text}");
        }
        assert_eq!(leading_number(b"64abc"), 64);
        assert_eq!(leading_number(b" -3x"), -3);
        assert_eq!(leading_number(b"x"), 0);
    }
}
