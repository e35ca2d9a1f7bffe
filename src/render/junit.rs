//! What became of runbooks and of tests, in the form that continuous integration reads.

use std::io::{self, Write};

use crate::results::{TestShape, TestsShape};
use crate::session::{RunbookEnd, RunbookReport, StepEnd};

/// Writes runbooks as JUnit test suites: each step is a case, and so is the rollback.
///
/// # Errors
/// The writer's error.
pub fn junit(out: &mut dyn Write, reports: &[RunbookReport]) -> io::Result<()> {
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<testsuites name=\"ipvsh\">")?;
    for report in reports {
        suite(out, report)?;
    }
    writeln!(out, "</testsuites>")
}

/// Writes tests as JUnit: a suite for each file, a case for each test.
///
/// # Errors
/// The writer's error.
pub fn test_junit(out: &mut dyn Write, tests: &TestsShape) -> io::Result<()> {
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<testsuites name=\"ipvsh\" tests=\"{}\" failures=\"{}\" time=\"{:.3}\">",
        tests.tests.len(),
        tests.failed,
        tests.seconds
    )?;
    for file in tests.tests.chunk_by(|one, next| one.file == next.file) {
        let name = file.first().map_or("", |test| test.file.as_str());
        let failed = file.iter().filter(|test| !test.passed()).count();
        let seconds: f64 = file.iter().map(|test| test.seconds).sum();
        writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\" time=\"{seconds:.3}\">",
            escaped(name),
            file.len()
        )?;
        writeln!(
            out,
            "    <properties><property name=\"seed\" value=\"{}\"/></properties>",
            tests.seed
        )?;
        for test in file {
            test_case(out, test)?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

fn test_case(out: &mut dyn Write, test: &TestShape) -> io::Result<()> {
    write!(
        out,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
        escaped(&test.file),
        escaped(&test.name),
        test.seconds
    )?;
    if test.passed() && test.output.is_empty() {
        return writeln!(out, "/>");
    }
    writeln!(out, ">")?;
    if let Some(first) = test.failures.first() {
        let texts: Vec<&str> = test
            .failures
            .iter()
            .map(|failure| failure.text.as_str())
            .collect();
        writeln!(
            out,
            "      <failure type=\"{}\" message=\"{}\">{}</failure>",
            escaped(&first.kind),
            escaped(&first.message),
            escaped(&texts.join("\n"))
        )?;
    }
    if !test.output.is_empty() {
        writeln!(
            out,
            "      <system-out>{}</system-out>",
            escaped(&test.output)
        )?;
    }
    writeln!(out, "    </testcase>")
}

fn suite(out: &mut dyn Write, report: &RunbookReport) -> io::Result<()> {
    let is_end = |end: StepEnd| report.steps.iter().filter(|step| step.end == end).count();
    let is_whole = matches!(report.end, RunbookEnd::Completed | RunbookEnd::Rehearsed);
    // The cause of what happened between steps belongs to no step.
    let fails_between = !is_whole && is_end(StepEnd::Failed) == 0;
    let cases = report.steps.len() + usize::from(!is_whole);
    let errors = usize::from(report.end == RunbookEnd::Residue);
    writeln!(
        out,
        "  <testsuite name=\"{}\" tests=\"{cases}\" failures=\"{}\" errors=\"{errors}\" skipped=\"{}\" time=\"{:.3}\" timestamp=\"{}\">",
        escaped(&report.name),
        is_end(StepEnd::Failed) + usize::from(fails_between && errors == 0),
        is_end(StepEnd::Skipped),
        report.elapsed.as_secs_f64(),
        escaped(report.time.trim_end_matches('Z')),
    )?;
    for step in &report.steps {
        let name = if step.is_between() {
            "(between steps)"
        } else {
            &step.name
        };
        write!(
            out,
            "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
            escaped(&report.name),
            escaped(name),
            step.elapsed.as_secs_f64()
        )?;
        let cause = step.cause.as_deref().unwrap_or_default();
        match step.end {
            StepEnd::Failed => writeln!(
                out,
                "><failure message=\"{}\">{}</failure></testcase>",
                escaped(cause.lines().next().unwrap_or_default()),
                escaped(cause)
            )?,
            StepEnd::Skipped => writeln!(
                out,
                "><skipped message=\"an earlier run did it\"/></testcase>"
            )?,
            StepEnd::Open | StepEnd::Done | StepEnd::Left => writeln!(out, "/>")?,
        }
    }
    if !is_whole {
        way_back(out, report, fails_between)?;
    }
    writeln!(out, "  </testsuite>")
}

fn way_back(out: &mut dyn Write, report: &RunbookReport, fails: bool) -> io::Result<()> {
    let cause = report.cause.as_deref().unwrap_or_default();
    write!(
        out,
        "    <testcase classname=\"{}\" name=\"(rollback)\"",
        escaped(&report.name)
    )?;
    if report.end == RunbookEnd::Residue {
        let left = report.left.iter().map(ToString::to_string);
        let lines: Vec<String> = left.chain(report.complaints.iter().cloned()).collect();
        return writeln!(
            out,
            "><error message=\"not everything could be rolled back\">{}</error></testcase>",
            escaped(&lines.join("\n"))
        );
    }
    if fails {
        return writeln!(
            out,
            "><failure message=\"{}\">{}</failure></testcase>",
            escaped(cause.lines().next().unwrap_or_default()),
            escaped(cause)
        );
    }
    writeln!(out, "/>")
}

/// Returns a text as it may stand in XML, where most control characters may not stand at all.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            other if other.is_control() || matches!(other, '\u{fffe}' | '\u{ffff}') => {
                out.push('\u{fffd}');
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn what_xml_can_not_have_is_replaced() {
        assert_eq!(
            escaped("a<b & \"c\"\n\u{1b}[0m"),
            "a&lt;b &amp; &quot;c&quot;&#10;\u{fffd}[0m"
        );
    }
}
