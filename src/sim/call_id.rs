//! What the engine of persistence `sip` reads in a datagram: the Call-ID (`net/netfilter/ipvs/ip_vs_pe_sip.c`).

/// Longer ones are of no use to the kernel.
const LONGEST: usize = 255;

/// Finds the Call-ID of a SIP message: the header `Call-ID`, or `i` for short, in lines that end with CR, LF or both.
pub(super) fn find(message: &[u8]) -> Option<&[u8]> {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let mut rest = message;
    // The first line is no header.
    while let Some(end) = rest.iter().position(is_end) {
        rest = rest.get(end + 1..)?;
        let Some(value) = header(rest) else { continue };
        let length = value.iter().position(|byte| !is_word(*byte));
        // What follows must be the end of the line.
        let length = length?;
        return (length > 0 && length <= LONGEST && is_end(value.get(length)?))
            .then(|| value.get(..length))
            .flatten();
    }
    None
}

/// Returns what stands behind the name, the colon and blanks.
fn header(line: &[u8]) -> Option<&[u8]> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = line.get(..colon)?.trim_ascii_end();
    if !name.eq_ignore_ascii_case(b"call-id") && !name.eq_ignore_ascii_case(b"i") {
        return None;
    }
    let value = line.get(colon + 1..)?;
    let begin = value
        .iter()
        .position(|byte| !matches!(byte, b' ' | b'\t'))?;
    value.get(begin..)
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'@' | b'-'
                | b'.'
                | b'!'
                | b'%'
                | b'*'
                | b'_'
                | b'+'
                | b'`'
                | b'\''
                | b'~'
                | b'('
                | b')'
                | b'<'
                | b'>'
                | b':'
                | b'\\'
                | b'"'
                | b'/'
                | b'['
                | b']'
                | b'?'
                | b'{'
                | b'}'
        )
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_call_is_named_by_its_header() {
        let message =
            b"INVITE sip:a@b SIP/2.0\r\nVia: x\r\nCall-ID: abc123@host\r\nCSeq: 1\r\n\r\n";
        assert_eq!(find(message), Some(&b"abc123@host"[..]));
        assert_eq!(find(b"INVITE\ni:x\n"), Some(&b"x"[..]));
        assert_eq!(
            find(b"INVITE\r\ncall-id :\t y \r\n"),
            None,
            "a blank is no end of line"
        );
        assert_eq!(
            find(b"INVITE\r\nCall-ID: abc"),
            None,
            "the line does not end"
        );
        assert_eq!(
            find(b"Call-ID: abc\r\n"),
            None,
            "the first line is no header"
        );
        assert_eq!(find(b""), None);
    }
}
