//! How tests go, as text: a line for each, then why some failed, and what it comes to.

use std::fmt::Write;
use std::time::Duration;

use super::columns::{Rows, columns};
use super::count;
use super::difference::difference;
use crate::model::shown;
use crate::results::{CoverageShape, TestFailureShape, TestShape, TestsShape, Verdict};
use crate::ui::style::{BAD, CARE, FAINT, GOOD, NAME, Style};

/// Makes the lines.
#[derive(Clone, Copy, Debug)]
pub struct TestsText {
    /// Whether nothing is said while tests run.
    pub is_silent: bool,
    /// The time from which on a test is slow.
    pub slow: Duration,
}

/// Columns of the words that verdicts are.
const WORDS: usize = 12;

fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{}", style.render_reset())
}

const fn word(verdict: Verdict) -> (&'static str, Style) {
    match verdict {
        Verdict::Passed => ("PASS", GOOD),
        Verdict::Failed => ("FAIL", BAD),
        Verdict::Timeout => ("TIMEOUT", BAD),
        Verdict::Crashed => ("CRASH", BAD),
    }
}

/// A line of one test: its word stands right-aligned.
fn line((word, style): (&str, Style), time: &str, file: &str, name: &str) -> String {
    let blanks = " ".repeat(WORDS.saturating_sub(word.len()));
    format!(
        "{blanks}{} [{time}] {} {}",
        painted(style.bold(), word),
        painted(FAINT, &shown(file)),
        painted(NAME, &shown(name))
    )
}

fn seconds(time: f64) -> String {
    format!("{time:>8.3}s")
}

fn failed_line(test: &TestShape) -> String {
    line(
        word(test.verdict),
        &seconds(test.seconds),
        &test.file,
        &test.name,
    )
}

impl TestsText {
    /// Says what begins.
    #[must_use]
    pub fn begin(&self, files: usize, seed: u32) -> String {
        if self.is_silent {
            return String::new();
        }
        let word = painted(GOOD.bold(), "Starting");
        let blanks = " ".repeat(WORDS - "Starting".len());
        format!("{blanks}{word} {}, seed {seed}", count(files, "file"))
    }

    /// Says that a test takes long.
    #[must_use]
    pub fn slow(&self, file: &str, name: &str) -> String {
        if self.is_silent {
            return String::new();
        }
        let time = format!(">{:>7.3}s", self.slow.as_secs_f64());
        line(("SLOW", CARE), &time, file, name)
    }

    /// Says how a test ended.
    #[must_use]
    pub fn status(&self, test: &TestShape) -> String {
        if self.is_silent {
            return String::new();
        }
        failed_line(test)
    }

    fn is_slow(&self, test: &TestShape) -> bool {
        test.seconds >= self.slow.as_secs_f64()
    }

    /// Says why tests failed, and what all of them come to; those that failed stand last.
    #[must_use]
    pub fn end(&self, tests: &TestsShape, is_interrupted: bool) -> String {
        let mut text = String::new();
        let failed: Vec<&TestShape> = tests.tests.iter().filter(|test| !test.passed()).collect();
        for test in &failed {
            details(&mut text, test);
        }
        if !failed.is_empty() {
            text.push('\n');
        }
        let rule = "─".repeat(WORDS);
        let _never = writeln!(text, "{rule}");
        let style = if failed.is_empty() { GOOD } else { BAD };
        let title = if is_interrupted {
            "Interrupted"
        } else {
            "Summary"
        };
        let slow = tests
            .tests
            .iter()
            .filter(|test| test.passed() && self.is_slow(test))
            .count();
        let slow = if slow > 0 {
            format!(" ({slow} slow)")
        } else {
            String::new()
        };
        let mut parts = vec![format!("{} passed{slow}", tests.passed)];
        let counted = [Verdict::Failed, Verdict::Timeout, Verdict::Crashed].map(|verdict| {
            let number = failed.iter().filter(|test| test.verdict == verdict).count();
            (number, verdict)
        });
        parts.extend(
            counted
                .iter()
                .filter(|(number, _)| *number > 0)
                .map(|(number, verdict)| {
                    let word = match verdict {
                        Verdict::Timeout => "timed out",
                        Verdict::Crashed => "crashed",
                        _ => "failed",
                    };
                    format!("{number} {word}")
                }),
        );
        let _never = writeln!(
            text,
            "{}{} [{}] {} run: {}",
            " ".repeat(WORDS.saturating_sub(title.len())),
            painted(style.bold(), title),
            seconds(tests.seconds),
            count(tests.tests.len(), "test"),
            parts.join(", ")
        );
        for test in &failed {
            let _never = writeln!(text, "{}", failed_line(test));
        }
        if !failed.is_empty() {
            let _never = writeln!(
                text,
                "{}--seed {} repeats this run",
                " ".repeat(WORDS + 1),
                tests.seed
            );
        }
        text
    }
}

/// Writes what a test printed, and why it failed.
fn details(text: &mut String, test: &TestShape) {
    let _never = writeln!(text, "\n{}", failed_line(test));
    if !test.output.trim().is_empty() {
        let _never = writeln!(text, "  {}", painted(FAINT, "output:"));
        indented(text, test.output.trim_end());
    }
    for failure in &test.failures {
        if failure.phase != "test" && failure.phase != "process" {
            let _never = writeln!(text, "  in {}:", phase(failure));
        }
        indented(text, failure.text.trim_end());
        if let (Some(found), Some(expected)) = (&failure.found, &failure.expected) {
            indented(text, &difference(found, expected));
        }
        if let Some(hint) = &failure.hint {
            indented(text, &format!("hint: {hint}"));
        }
    }
}

fn phase(failure: &TestFailureShape) -> &str {
    match failure.phase.as_str() {
        "top" => "what stands at the top of the file",
        "setup" => "setup()",
        "teardown" => "teardown()",
        "rows" => "its rows",
        other => other,
    }
}

fn indented(text: &mut String, lines: &str) {
    for line in lines.lines() {
        let _never = writeln!(text, "    {line}");
    }
}

/// The lines of scripts, as rows of a table.
#[derive(Clone, Copy, Debug)]
pub struct CoverageRows<'a>(pub &'a [CoverageShape]);

/// Returns which lines of scripts were run, as a table.
#[must_use]
pub fn coverage_table(rows: &CoverageRows<'_>) -> String {
    let share = |run: usize, lines: usize| {
        let percent = (run * 100).checked_div(lines).unwrap_or(100);
        format!("{percent} %")
    };
    let titles = ["SCRIPT", "LINES", "RUN", "SHARE", "NOT RUN"].map(str::to_owned);
    let mut cells: Vec<Vec<String>> = rows
        .0
        .iter()
        .map(|row| {
            vec![
                row.script.clone(),
                row.lines.to_string(),
                row.run.to_string(),
                share(row.run, row.lines),
                ranges(&row.not_run),
            ]
        })
        .collect();
    let lines: usize = rows.0.iter().map(|row| row.lines).sum();
    let run: usize = rows.0.iter().map(|row| row.run).sum();
    cells.push(vec![
        "all together".to_owned(),
        lines.to_string(),
        run.to_string(),
        share(run, lines),
        String::new(),
    ]);
    let rows = Rows {
        titles: titles.to_vec(),
        cells,
    };
    let table = columns(&rows, None);
    let trimmed: Vec<&str> = table.lines().map(str::trim_end).collect();
    format!("\n{}\n", trimmed.join("\n"))
}

/// Returns numbers as ranges: `3-5, 9`.
fn ranges(numbers: &[usize]) -> String {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    for number in numbers {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => parts.push((*number, *number)),
        }
    }
    let texts = parts.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    texts.collect::<Vec<String>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn numbers_that_follow_each_other_are_a_range() {
        assert_eq!(ranges(&[3, 4, 5, 9, 11, 12]), "3-5, 9, 11-12");
        assert_eq!(ranges(&[]), "");
    }
}
