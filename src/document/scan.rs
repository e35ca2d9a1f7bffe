//! Where a value stands in the text of a document: a walk over JSON that goes as far as the text does, whether or not the rest
//! of it is whole. Only errors are looked up so; reading a document does not come here.

use std::ops::Range;

/// A step from a value to one within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// To a field of an object.
    Field(String),
    /// To an item of a list, from 0.
    Item(usize),
}

/// A field of an object: where its name and its value stand.
pub(super) struct Member {
    pub(super) name: Range<usize>,
    pub(super) value: Range<usize>,
}

/// Returns where the value at the end of a path stands.
pub(super) fn find(text: &[u8], path: &[Step]) -> Option<Range<usize>> {
    let mut place = whole(text);
    for step in path {
        place = match step {
            Step::Field(name) => member(text, &place, name)?.value,
            Step::Item(number) => items(text, &place).nth(*number)?,
        };
    }
    Some(place)
}

/// Returns where the outermost value stands.
pub(super) fn whole(text: &[u8]) -> Range<usize> {
    let start = after_blanks(text, 0);
    start..end_of(text, start)
}

/// Returns a field of the object that stands at a place.
pub(super) fn member(text: &[u8], object: &Range<usize>, name: &str) -> Option<Member> {
    members(text, object).find(|member| text[member.name.clone()] == *name.as_bytes())
}

/// Walks over the fields of an object; the names are without their quotes.
pub(super) fn members<'t>(
    text: &'t [u8],
    object: &Range<usize>,
) -> impl Iterator<Item = Member> + use<'t> {
    let mut at = match text.get(object.start) {
        Some(b'{') => object.start + 1,
        _ => text.len(),
    };
    std::iter::from_fn(move || {
        let start = after_blanks(text, at);
        if text.get(start) != Some(&b'"') {
            return None;
        }
        let name = start + 1..end_of(text, start) - 1;
        let colon = after_blanks(text, name.end + 1);
        if text.get(colon) != Some(&b':') {
            return None;
        }
        let value = value_after(text, colon + 1)?;
        at = after_comma(text, value.end);
        Some(Member { name, value })
    })
}

/// Walks over the items of a list.
pub(super) fn items<'t>(
    text: &'t [u8],
    list: &Range<usize>,
) -> impl Iterator<Item = Range<usize>> + use<'t> {
    let mut at = match text.get(list.start) {
        Some(b'[') => list.start + 1,
        _ => text.len(),
    };
    std::iter::from_fn(move || {
        let item = value_after(text, at)?;
        at = after_comma(text, item.end);
        Some(item)
    })
}

/// Returns where the innermost list, object or text begins that the end of the text leaves open.
pub(super) fn unclosed(text: &[u8]) -> Option<usize> {
    let mut open = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                let end = end_of(text, at);
                if end == text.len() && !closes(&text[at..]) {
                    return Some(at);
                }
                at = end;
                continue;
            }
            b'{' | b'[' => open.push(at),
            b'}' | b']' => {
                open.pop();
            }
            _ => {}
        }
        at += 1;
    }
    open.pop()
}

/// Returns whether a text in quotes ends with the quote that closes it.
fn closes(quoted: &[u8]) -> bool {
    let Some((b'"', inner)) = quoted.split_last() else {
        return false;
    };
    let escapes = inner.iter().rev().take_while(|byte| **byte == b'\\');
    !inner.is_empty() && escapes.count() % 2 == 0
}

/// Returns line and column of a place, both from 1; columns are characters.
pub(super) fn line_and_column(text: &[u8], offset: usize) -> (usize, usize) {
    let before = &text[..offset.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |newline| newline + 1);
    // Every character has one byte that does not continue another.
    let characters = before[start..].iter().filter(|byte| **byte & 0xc0 != 0x80);
    (line, characters.count() + 1)
}

/// Returns the place that a line and a column of bytes name, both from 1.
pub(super) fn offset_of(text: &[u8], line: usize, column: usize) -> usize {
    let mut start = 0;
    for _ in 1..line {
        match text[start..].iter().position(|byte| *byte == b'\n') {
            Some(newline) => start += newline + 1,
            None => return text.len(),
        }
    }
    (start + column.saturating_sub(1)).min(text.len())
}

fn after_blanks(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
    from + blanks.count()
}

fn after_comma(text: &[u8], from: usize) -> usize {
    let comma = after_blanks(text, from);
    match text.get(comma) {
        Some(b',') => comma + 1,
        _ => text.len(),
    }
}

fn value_after(text: &[u8], from: usize) -> Option<Range<usize>> {
    let start = after_blanks(text, from);
    match text.get(start) {
        None | Some(b']' | b'}' | b',') => None,
        Some(_) => Some(start..end_of(text, start)),
    }
}

/// Returns where the value that begins here ends: behind its last byte, or where the text ends.
fn end_of(text: &[u8], start: usize) -> usize {
    let mut depth = 0usize;
    let mut at = start;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at += 1;
                while let Some(byte) = text.get(at).filter(|byte| **byte != b'"') {
                    at += if *byte == b'\\' { 2 } else { 1 };
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 0 => depth -= 1,
            b'}' | b']' | b',' if depth == 0 => return at,
            byte if depth == 0 && byte.is_ascii_whitespace() => return at,
            _ if depth == 0 => {
                at += 1;
                continue;
            }
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at.min(text.len());
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::{Step, find, line_and_column, offset_of, unclosed};

    fn field(name: &str) -> Step {
        Step::Field(name.to_owned())
    }

    #[test]
    fn values_are_found_by_their_path_in_a_text_that_is_not_whole() {
        let text = br#" {"a": [1, {"b": "x]\"}", "c": -1.5e3 }, [ ]], "d":tru"#;
        let at = |path: &[Step]| {
            find(text, path).map(|place| std::str::from_utf8(&text[place]).unwrap())
        };
        assert_eq!(at(&[field("a"), Step::Item(0)]), Some("1"));
        let inner = |name| [field("a"), Step::Item(1), field(name)];
        assert_eq!(at(&inner("b")), Some(r#""x]\"}""#));
        assert_eq!(at(&inner("c")), Some("-1.5e3"));
        assert_eq!(at(&[field("a"), Step::Item(2)]), Some("[ ]"));
        assert_eq!(at(&[field("d")]), Some("tru"));
        assert_eq!(at(&[field("a"), Step::Item(3)]), None);
        assert_eq!(at(&[field("a"), field("b")]), None);
        assert_eq!(at(&[field("e")]), None);
    }

    #[test]
    fn what_is_left_open_is_the_innermost() {
        assert_eq!(unclosed(br#"{"a": [1, 2"#), Some(6));
        assert_eq!(unclosed(br#"{"a": [1], "b": "x\""#), Some(16));
        assert_eq!(unclosed(br#"{"a": [1]"#), Some(0));
        assert_eq!(unclosed(br#"{"a": "b""#), Some(0));
        assert_eq!(unclosed(b"1"), None);
    }

    #[test]
    fn every_text_can_be_walked_over_to_its_end() {
        // Cut anywhere, nothing panics and nothing is found beyond the end.
        let text = r#"{"services":[{"id":"tcp:\"//","x":[{},[]]}],"é":"\u00e9"}"#.as_bytes();
        for end in 0..text.len() {
            let cut = &text[..end];
            let path = [field("services"), Step::Item(0), field("x"), Step::Item(1)];
            for length in 0..=path.len() {
                assert!(find(cut, &path[..length]).is_none_or(|place| place.end <= end));
            }
            assert!(unclosed(cut).is_none_or(|place| place < end));
        }
    }

    #[test]
    fn places_are_lines_and_columns_of_characters() {
        let text = "ab\né\"x".as_bytes();
        assert_eq!(line_and_column(text, 0), (1, 1));
        assert_eq!(line_and_column(text, 5), (2, 2));
        assert_eq!(offset_of(text, 2, 3), 5);
        assert_eq!(offset_of(text, 9, 3), text.len());
    }
}
