//! Markdown as a man page. Packages that convert Markdown to roff lose tables; `roff` writes what the page is made of.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use roff::{Inline, Roff, bold, italic, roman};

use super::{REVISED, Topic};

/// Returns a page as a man page of section 7.
#[must_use]
pub fn man_page(topic: &Topic, version: &str) -> String {
    let mut page = Page::default();
    let title = format!("IPVSH-{}", topic.name.to_uppercase());
    let source = format!("ipvsh {version}");
    page.out
        .control("TH", [title.as_str(), "7", REVISED, &source, "ipvsh"]);
    for event in Parser::new_ext(topic.page, Options::ENABLE_TABLES) {
        page.take(topic, event);
    }
    tidy(&page.out.render())
}

/// Returns the part of a command's man page that shows how it is called, a line for each way.
#[must_use]
pub fn synopsis(usages: &[String]) -> String {
    let mut out = Roff::new();
    out.control("SH", ["SYNOPSIS"]);
    out.control("nf", []);
    for usage in usages {
        out.text([roman(usage.clone())]);
    }
    out.control("fi", []);
    out.to_roff()
}

/// Returns a part that is a list of terms, each with what there is to say of it.
#[must_use]
pub fn terms(heading: &str, terms: &[(String, &str)]) -> String {
    let mut out = Roff::new();
    out.control("SH", [heading]);
    for (term, meaning) in terms {
        out.control("TP", []);
        out.text([bold(term.clone())]);
        out.text([roman(*meaning)]);
    }
    out.to_roff()
}

/// Returns the part that names other pages, with their sections.
#[must_use]
pub fn see_also(pages: &[(String, u8)]) -> String {
    let mut out = Roff::new();
    out.control("SH", ["SEE ALSO"]);
    let mut line = Vec::new();
    for (place, (name, section)) in pages.iter().enumerate() {
        if place > 0 {
            line.push(roman(", "));
        }
        line.push(bold(name.clone()));
        line.push(roman(format!("({section})")));
    }
    out.text(line);
    out.to_roff()
}

/// Makes a page what `mandoc -T lint` asks for: lines of running text no longer than a screen is wide, no request without effect. Nothing
/// changes in what is shown.
#[must_use]
pub fn tidy(page: &str) -> String {
    const WIDEST: usize = 78;
    let mut out = String::new();
    let mut is_example = false;
    let lines: Vec<&str> = page.lines().collect();
    for (place, &line) in lines.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|place| lines.get(place));
        let is_idle = match line {
            ".PP" => before.is_some_and(|before| before.starts_with(".SH")),
            ".br" => before == Some(&"") || lines.get(place + 1) == Some(&""),
            _ => false,
        };
        if is_idle {
            continue;
        }
        match line {
            ".nf" => is_example = true,
            ".fi" => is_example = false,
            _ => {}
        }
        if is_example || line.starts_with(['.', '\'']) || length_of(line) <= WIDEST {
            out.push_str(line.trim_end());
            out.push('\n');
            continue;
        }
        if before == Some(&".TP") {
            // What is explained is one line, however long: as a request it may be.
            out.push_str(&format!(
                ".B \"{}\"\n",
                line.trim_end().replace('"', "\"\"")
            ));
            continue;
        }
        let mut length = 0;
        for word in line.split(' ').filter(|word| !word.is_empty()) {
            // At the beginning of a line these would be requests.
            let may_begin = !word.starts_with(['.', '\'']);
            if length > 0 && length + 1 + length_of(word) > WIDEST && may_begin {
                out.push('\n');
                length = 0;
            } else if length > 0 {
                out.push(' ');
                length += 1;
            }
            out.push_str(word);
            length += length_of(word);
        }
        out.push('\n');
    }
    out
}

/// Returns how long a text is once every character beyond ASCII is written out, as mandoc counts.
fn length_of(text: &str) -> usize {
    const WRITTEN_OUT: usize = "\\[u2026]".len();
    text.chars()
        .map(|c| if c.is_ascii() { 1 } else { WRITTEN_OUT })
        .sum()
}

#[derive(Default)]
struct Page {
    out: Roff,
    /// The paragraph, heading or cell that is being read.
    open: Vec<Inline>,
    example: Option<String>,
    emphasis: bool,
    cell: usize,
    in_head: bool,
    in_item: bool,
}

impl Page {
    fn take(&mut self, topic: &Topic, event: Event<'_>) {
        match event {
            Event::Text(text) => match &mut self.example {
                Some(example) => example.push_str(&text),
                None if self.emphasis => self.open.push(italic(text.to_string())),
                None => self.open.push(roman(text.to_string())),
            },
            Event::Code(code) => self.open.push(bold(code.to_string())),
            Event::SoftBreak | Event::HardBreak => self.open.push(roman(" ")),
            Event::Start(tag) => self.begin(&tag),
            Event::End(tag) => self.end(topic, tag),
            _ => {}
        }
    }

    fn begin(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::CodeBlock(_) => self.example = Some(String::new()),
            Tag::Item => self.in_item = true,
            Tag::TableHead => self.in_head = true,
            Tag::TableRow => self.cell = 0,
            Tag::Strong | Tag::Emphasis => self.emphasis = true,
            _ => {}
        }
    }

    fn end(&mut self, topic: &Topic, tag: TagEnd) {
        match tag {
            TagEnd::Heading(HeadingLevel::H1) => {
                self.open.clear();
                let summary = topic.summary().trim_end_matches('.').replace('`', "");
                self.out.control("SH", ["NAME"]);
                self.out
                    .text([roman(format!("ipvsh-{} - {summary}", topic.name))]);
                self.out.control("SH", ["DESCRIPTION"]);
            }
            TagEnd::Heading(_) => {
                let heading: String = self.open.drain(..).map(|part| text_of(&part)).collect();
                self.out.control("SH", [heading.to_uppercase().as_str()]);
            }
            TagEnd::Paragraph => {
                if !self.in_item {
                    self.out.control("PP", []);
                }
                self.flush();
            }
            TagEnd::CodeBlock => {
                let example = self.example.take().unwrap_or_default();
                self.out.control("PP", []);
                self.out.control("RS", ["4"]);
                self.out.control("nf", []);
                for line in example.trim_end().lines() {
                    self.out.text([roman(line)]);
                }
                self.out.control("fi", []);
                self.out.control("RE", []);
            }
            TagEnd::Item => {
                self.in_item = false;
                let item = std::mem::take(&mut self.open);
                if !item.is_empty() {
                    self.out.control("IP", ["-", "2"]);
                    self.out.text(item);
                }
            }
            TagEnd::TableCell => {
                if self.in_head {
                    self.open.clear();
                } else if self.cell == 0 {
                    self.out.control("TP", []);
                    self.flush();
                } else {
                    self.flush();
                }
                self.cell += 1;
            }
            TagEnd::TableHead => self.in_head = false,
            TagEnd::Strong | TagEnd::Emphasis => self.emphasis = false,
            _ => {}
        }
    }

    fn flush(&mut self) {
        let open = std::mem::take(&mut self.open);
        self.out.text(open);
    }
}

fn text_of(part: &Inline) -> String {
    match part {
        Inline::Roman(text) | Inline::Italic(text) | Inline::Bold(text) => text.clone(),
        Inline::LineBreak => String::new(),
    }
}
