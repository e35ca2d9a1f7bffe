//! Markdown as text for a terminal: paragraphs are broken anew, examples stay as they are, rows of tables become entries.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// How far the text below a heading, and the meaning below a term, are indented.
const INDENT: usize = 4;

/// How long a term may be for its meaning to stand beside it.
const TERM: usize = 14;

/// Returns a page as text whose lines have at most so many characters; examples and single words can be longer.
#[must_use]
pub fn text(markdown: &str, width: usize) -> String {
    let mut page = Page {
        width: width.max(20),
        ..Page::default()
    };
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        page.take(event);
    }
    page.lines.join("\n").trim_end().to_owned()
}

#[derive(Default)]
struct Page {
    width: usize,
    lines: Vec<String>,
    /// The paragraph, heading or cell that is being read.
    open: String,
    in_example: bool,
    /// The cell of the row: the first is the term, the others its meaning.
    cell: usize,
    in_head: bool,
}

impl Page {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Text(text) if self.in_example => {
                self.lines.extend(
                    text.lines()
                        .map(|line| format!("        {line}").trim_end().to_owned()),
                );
            }
            Event::Text(text) => self.open.push_str(&text),
            Event::Code(code) => {
                self.open.push('`');
                // What is short is not broken.
                if code.len() <= 24 {
                    self.open.push_str(&code.replace(' ', "\u{a0}"));
                } else {
                    self.open.push_str(&code);
                }
                self.open.push('`');
            }
            Event::SoftBreak | Event::HardBreak => self.open.push(' '),
            Event::Start(tag) => self.begin(&tag),
            Event::End(tag) => self.end(tag),
            _ => {}
        }
    }

    fn begin(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::CodeBlock(_) => {
                self.in_example = true;
            }
            Tag::TableHead => self.in_head = true,
            Tag::TableRow => self.cell = 0,
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => {
                let heading = std::mem::take(&mut self.open);
                let heading = if level == pulldown_cmark::HeadingLevel::H1 {
                    heading.to_uppercase()
                } else {
                    heading
                };
                self.wrapped(&heading, 0, 0);
                self.lines.push(String::new());
            }
            TagEnd::Paragraph => {
                let paragraph = std::mem::take(&mut self.open);
                self.wrapped(&paragraph, INDENT, INDENT);
                self.lines.push(String::new());
            }
            TagEnd::CodeBlock => {
                self.in_example = false;
                self.lines.push(String::new());
            }
            TagEnd::Item => {
                let item = std::mem::take(&mut self.open);
                if !item.is_empty() {
                    self.wrapped(&format!("- {item}"), INDENT, INDENT + 2);
                }
            }
            TagEnd::List(_) | TagEnd::Table => self.lines.push(String::new()),
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.open);
                if !self.in_head {
                    self.cell(&cell);
                }
                self.cell += 1;
            }
            TagEnd::TableHead => self.in_head = false,
            _ => {}
        }
    }

    /// Adds a cell: the first is a term, with its meaning beside it where it is short and below it where it is long.
    fn cell(&mut self, text: &str) {
        let column = INDENT + TERM + 2;
        if self.cell == 0 {
            self.wrapped(text, INDENT, INDENT);
            return;
        }
        let term = match self.lines.last() {
            Some(line) if line.chars().count() <= INDENT + TERM && self.cell == 1 => {
                self.lines.pop().unwrap_or_default()
            }
            _ => String::new(),
        };
        let begun = self.lines.len();
        self.wrapped(text, column, column);
        if let Some(first) = self.lines.get_mut(begun) {
            *first = format!("{term:column$}{}", first.trim_start());
        }
    }

    /// Adds a text, broken where it gets too long.
    fn wrapped(&mut self, text: &str, first: usize, others: usize) {
        let mut line = " ".repeat(first);
        let mut is_begun = false;
        for word in text.split([' ', '\n']).filter(|word| !word.is_empty()) {
            let long = line.chars().count() + 1 + word.chars().count() > self.width;
            if is_begun && long {
                self.lines.push(unbroken(&line));
                line = " ".repeat(others);
                is_begun = false;
            }
            if is_begun {
                line.push(' ');
            }
            line.push_str(word);
            is_begun = true;
        }
        self.lines.push(unbroken(&line));
    }
}

fn unbroken(line: &str) -> String {
    line.replace('\u{a0}', " ")
}
