//! What differs between two texts, line by line.

use similar::{ChangeTag, TextDiff};

/// Lines that are the same and shown around what differs.
const AROUND: usize = 3;

/// Lines that are shown at most.
const LONGEST: usize = 60;

/// Returns what differs: `-` is what was expected, `+` what was found. Of single lines both are shown whole.
#[must_use]
pub fn difference(found: &str, expected: &str) -> String {
    if !found.contains('\n') && !expected.contains('\n') {
        return format!("expected  {expected}\nfound     {found}");
    }
    let diff = TextDiff::from_lines(expected, found);
    let mut lines = vec!["- expected, + found".to_owned()];
    for (place, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if place > 0 {
            lines.push("  …".to_owned());
        }
        for change in group
            .iter()
            .flat_map(|operation| diff.iter_changes(operation))
        {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            lines.push(format!("{sign} {}", change.value().trim_end_matches('\n')));
        }
    }
    let more = lines.len().saturating_sub(LONGEST);
    if more > 0 {
        lines.truncate(LONGEST);
        lines.push(format!("({more} more lines)"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn single_lines_are_shown_whole_and_others_by_what_differs() {
        assert_eq!(difference("5", "4"), "expected  4\nfound     5");
        assert_eq!(
            difference("[\n  1,\n  3\n]", "[\n  1,\n  2\n]"),
            "- expected, + found\n  [\n    1,\n-   2\n+   3\n  ]"
        );
    }
}
