//! The manual: one source in Markdown, compiled in.
//!
//! `ipvsh help` shows it, and the tests run its examples. A page is one file beside this one, `NAME.md`: a title, a sentence that
//! says what it is about, sections. Pages link to each other as files, so that they can be read in the source too.
//! `terminal` turns Markdown into text for a terminal, `roff` into man pages.

mod roff;
mod terminal;

pub use roff::{man_page, see_also, synopsis, terms, tidy};
pub use terminal::text;

/// When the pages were last gone through, for the head of man pages.
pub const REVISED: &str = "2026-11-27";

/// One page.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    /// The word to ask for it with.
    pub name: &'static str,
    /// The page, in Markdown.
    pub page: &'static str,
}

macro_rules! topics {
    ($($name:literal),* $(,)?) => {
        &[$(Topic { name: $name, page: include_str!(concat!($name, ".md")) }),*]
    };
}

/// All pages, in reading order.
pub const TOPICS: &[Topic] = topics![
    "tutorial",
    "commands",
    "documents",
    "looking",
    "recording",
    "journal",
    "runbooks",
    "draining",
    "guards",
    "scripting",
    "prompt",
    "simulation",
    "testing",
    "scenarios",
    "drop-in",
    "operations",
    "boot",
    "ansible",
    "promise",
    "formats",
    "troubleshooting",
];

/// A part of a page, from its heading to the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// The name of its page.
    pub topic: &'static str,
    /// Its heading; that of the first part is the page's title.
    pub heading: &'static str,
    /// What stands below the heading, in Markdown.
    pub body: &'static str,
}

impl Topic {
    /// Returns the parts of the page, in order.
    pub fn sections(&self) -> impl Iterator<Item = Section> {
        let page = self.page.strip_prefix("# ").unwrap_or(self.page);
        page.split("\n## ").map(|part| {
            let (heading, body) = part.split_once('\n').unwrap_or((part, ""));
            Section {
                topic: self.name,
                heading,
                body: body.trim(),
            }
        })
    }

    /// Returns what the page is about, in one sentence.
    #[must_use]
    pub fn summary(&self) -> &'static str {
        let first = self.sections().next().map_or("", |section| section.body);
        first.split("\n\n").next().unwrap_or_default()
    }
}

/// Returns the page of that name.
#[must_use]
pub fn topic(name: &str) -> Option<&'static Topic> {
    TOPICS.iter().find(|topic| topic.name == name)
}

/// Returns what there is to say of a kind of error.
#[must_use]
pub fn error_kind(kind: &str) -> Option<Section> {
    topic("troubleshooting")?
        .sections()
        .skip(1)
        .find(|section| section.heading == kind)
}

/// Returns what an exit status means: its row in the table of all.
#[must_use]
pub fn exit_status(status: &str) -> Option<&'static str> {
    let formats = topic("formats")?;
    let statuses = formats
        .sections()
        .find(|section| section.heading == "Exit statuses")?;
    statuses.body.lines().find_map(|line| {
        let (named, meaning) = line.strip_prefix("| ")?.split_once(" | ")?;
        let is_it = named.split(", ").any(|named| named == status);
        (is_it && status.parse::<u8>().is_ok()).then(|| meaning.trim_end_matches(" |"))
    })
}

/// Returns the sections that speak of a word, each with the first line that does. Case does not count.
#[must_use]
pub fn search(word: &str) -> Vec<(Section, &'static str)> {
    let word = word.to_lowercase();
    let speaks = |text: &str| text.to_lowercase().contains(&word);
    TOPICS
        .iter()
        .flat_map(Topic::sections)
        .filter_map(|section| {
            let mut in_example = false;
            let mut example = None;
            // A sentence says more than an example.
            let sentence = section.body.lines().find(|line| {
                in_example ^= line.starts_with("```");
                if in_example && speaks(line) {
                    example = example.or(Some(*line));
                }
                !in_example && speaks(line)
            });
            match sentence.or(example) {
                Some(line) => Some((section, line)),
                None => speaks(section.heading)
                    .then(|| (section, section.body.lines().next().unwrap_or_default())),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{TOPICS, error_kind, exit_status, search, text};

    #[test]
    fn every_page_has_a_title_and_says_in_a_line_what_it_is_about() {
        for topic in TOPICS {
            assert!(topic.page.starts_with("# "), "{}", topic.name);
            let summary = topic.summary();
            assert!(
                summary.ends_with('.') && !summary.contains('\n') && summary.len() < 120,
                "{}: {summary}",
                topic.name
            );
            for section in topic.sections() {
                assert!(!section.body.is_empty(), "{}: {section:?}", topic.name);
            }
        }
    }

    #[test]
    fn links_lead_to_pages() {
        let mut links = 0;
        for page in TOPICS {
            for link in page.page.split("](").skip(1) {
                let target = link.split(')').next().unwrap();
                let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual");
                assert!(folder.join(target).is_file(), "{}: {target}", page.name);
                links += 1;
            }
        }
        assert!(links > 5, "{links}");
    }

    #[test]
    fn kinds_statuses_and_words_are_found() {
        assert!(error_kind("guard").unwrap().body.contains("--override"));
        assert!(error_kind("nothing").is_none());
        assert!(exit_status("7").unwrap().contains("stand"));
        assert!(exit_status("130").unwrap().contains("signal"));
        assert!(exit_status("8").is_none() && exit_status("---").is_none());
        let found = search("KILLUSERPROCESSES");
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0.topic, "journal");
    }

    #[test]
    fn pages_are_readable_on_a_terminal() {
        for topic in TOPICS {
            for width in [40, 80] {
                let shown = text(topic.page, width);
                let mut in_example = false;
                for line in shown.lines() {
                    in_example = line.starts_with("    ") || (in_example && line.is_empty());
                    let long = line.chars().count() > width && line.trim().contains(' ');
                    assert!(!long || in_example, "{}: {line}", topic.name);
                    assert!(!line.contains("](") && !line.contains("**"), "{line}");
                }
            }
        }
    }
}
