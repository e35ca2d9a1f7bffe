//! A piece of source with a caret under the place that is meant.

use annotate_snippets::{Annotation, AnnotationKind, Element, Level, Origin, Renderer, Snippet};

/// A place in a source and what to say about it.
#[derive(Clone, Debug)]
pub struct Label<'a> {
    /// The source's name.
    pub path: &'a str,
    /// The whole source.
    pub source: &'a str,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What to say there.
    pub text: &'a str,
}

/// An error with its places.
#[derive(Clone, Debug)]
pub struct Excerpt<'a> {
    /// What is wrong.
    pub title: &'a str,
    /// Where, the most important place first.
    pub labels: Vec<Label<'a>>,
}

/// Lines longer than this are shown without their source.
const LONGEST_LINE: usize = 2000;

/// Renders an error with its places, as compilers do.
#[must_use]
pub fn excerpt(excerpt: &Excerpt<'_>, coloured: bool) -> String {
    let renderer = if coloured {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let mut elements: Vec<Element<'_>> = Vec::new();
    // Places of one source that follow each other are shown together.
    let mut open: Option<(&str, Snippet<'_, Annotation<'_>>)> = None;
    for (index, label) in excerpt.labels.iter().enumerate() {
        let Some(span) = span_of(label) else {
            elements.extend(open.take().map(|(_, snippet)| snippet.into()));
            let place = Origin::path(label.path).line(label.line);
            elements.push(place.char_column(label.column).into());
            if !label.text.is_empty() {
                elements.push(Level::NOTE.message(label.text).into());
            }
            continue;
        };
        let kind = if index == 0 {
            AnnotationKind::Primary
        } else {
            AnnotationKind::Context
        };
        let annotation = kind.span(span).label(label.text);
        open = Some(match open.take() {
            Some((path, snippet)) if path == label.path => (path, snippet.annotation(annotation)),
            other => {
                elements.extend(other.map(|(_, snippet)| snippet.into()));
                let snippet = Snippet::source(label.source).path(label.path);
                (label.path, snippet.annotation(annotation))
            }
        });
    }
    elements.extend(open.map(|(_, snippet)| snippet.into()));
    let group = Level::ERROR.primary_title(excerpt.title).elements(elements);
    renderer.render(&[group])
}

/// Finds the word that begins at line and column: Rhai gives a start and no length.
fn span_of(label: &Label<'_>) -> Option<std::ops::Range<usize>> {
    let mut start = 0;
    let mut lines = label.source.split_inclusive('\n');
    for _ in 1..label.line {
        start += lines.next()?.len();
    }
    let line = lines.next().unwrap_or_default();
    if line.len() > LONGEST_LINE {
        return None;
    }
    let text = line.trim_end_matches(['\n', '\r']);
    let offset = text
        .char_indices()
        .nth(label.column.saturating_sub(1))
        .map_or(text.len(), |(offset, _)| offset);
    let word = text[offset..]
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .map(char::len_utf8)
        .sum::<usize>();
    let first = text[offset..].chars().next().map_or(0, char::len_utf8);
    let from = start + offset;
    Some(from..from + word.max(first))
}

#[cfg(test)]
mod tests {
    use super::{Excerpt, LONGEST_LINE, Label, excerpt};

    #[test]
    fn a_long_line_is_named_without_its_source() {
        let source = format!("let a = 1;\nlet b = {};", "[".repeat(LONGEST_LINE));
        let label = |line, text| Label {
            path: "long.rhai",
            source: &source,
            line,
            column: 9,
            text,
        };
        let shown = |labels| {
            excerpt(
                &Excerpt {
                    title: "no",
                    labels,
                },
                false,
            )
        };
        assert_eq!(
            shown(vec![label(1, "")]),
            "error: no\n --> long.rhai:1:9\n  |\n1 | let a = 1;\n  |         ^"
        );
        assert_eq!(shown(vec![label(2, "")]), "error: no\n--> long.rhai:2:9");
        assert_eq!(
            shown(vec![label(2, "thrown here"), label(1, "called here")]),
            "error: no\n --> long.rhai:2:9\n  = note: thrown here\n  |\n ::: long.rhai:1:9\n  |\n1 | let a = 1;\n  |         - called here"
        );
    }
}
