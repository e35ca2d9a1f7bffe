//! Colours for what is typed: the visible text stays the same.

use anstyle::Style;

use crate::script::NAMESPACES;
use crate::ui::style;

/// The words of the language.
pub(super) const KEYWORDS: [&str; 25] = [
    "let",
    "const",
    "if",
    "else",
    "while",
    "loop",
    "for",
    "in",
    "break",
    "continue",
    "return",
    "throw",
    "try",
    "catch",
    "switch",
    "fn",
    "import",
    "as",
    "true",
    "false",
    "transaction",
    "rehearse",
    "runbook",
    "step",
    "undo",
];

/// Returns a line with colours.
pub(super) fn highlight(line: &str) -> String {
    let mut out = String::with_capacity(line.len() * 2);
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let (length, colour) = token(rest, first);
        let (token, behind) = rest.split_at(length);
        match colour {
            Some(colour) => out.push_str(&format!("{colour}{token}{colour:#}")),
            None => out.push_str(token),
        }
        rest = behind;
    }
    out
}

/// Returns the length of the first token in bytes, and its colour.
fn token(text: &str, first: char) -> (usize, Option<Style>) {
    if text.starts_with("//") {
        return (text.find('\n').unwrap_or(text.len()), Some(style::FAINT));
    }
    if first == '"' || first == '`' {
        return (text_length(text, first), Some(style::GOOD));
    }
    if first.is_alphabetic() || first == '_' {
        let length = text
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(text.len());
        let word = &text[..length];
        let is_space = NAMESPACES.contains(&word) && text[length..].starts_with("::");
        let colour = match word {
            word if KEYWORDS.contains(&word) => Some(style::CARE),
            _ if is_space => Some(style::NAME),
            _ => None,
        };
        return (length, colour);
    }
    if first == ':' && text.len() > 1 && !text.starts_with("::") {
        return (1, None);
    }
    (first.len_utf8(), None)
}

fn text_length(text: &str, quote: char) -> usize {
    let mut characters = text.char_indices().skip(1);
    while let Some((index, character)) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            _ if character == quote => return index + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::highlight;

    #[test]
    fn the_visible_text_stays_the_same() {
        for line in [
            "let x = service::edit(\"tcp://192.0.2.1:80\", #{ scheduler: \"rr\" }); // why",
            "print(`a ${1} \\` b",
            ":begin \"ü\"",
            "\"open",
            "",
            "transaction { }\n\"two\nlines\"",
        ] {
            let coloured = highlight(line);
            assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), line);
        }
        assert!(highlight("let x = 1").contains('\u{1b}'));
    }
}
