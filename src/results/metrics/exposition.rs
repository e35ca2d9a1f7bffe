//! The two text formats: Prometheus' 0.0.4, and OpenMetrics 1.0.
//!
//! They differ in the name of a counter's family, which in OpenMetrics has no `_total`, in what a HELP escapes, and in the end.
//! Sources: prometheus.io/docs/instrumenting/exposition_formats, and the OpenMetrics specification of 2020.

use std::io::{self, Write};

/// A text format of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposition {
    /// Prometheus' text format, version 0.0.4.
    Prometheus,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

impl Exposition {
    /// Returns the type that is told over HTTP.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Which families of real servers go first when there are too many series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Traffic,
    Info,
    Limits,
    OpenConnections,
    Connections,
    Weights,
}

impl Weight {
    pub(super) const FIRST_TO_GO: [Self; 6] = [
        Self::Traffic,
        Self::Info,
        Self::Limits,
        Self::OpenConnections,
        Self::Connections,
        Self::Weights,
    ];
}

/// What a family is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It grows, until it is zeroed.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// A value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    Whole(u64),
    Fraction(f64),
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Whole(value.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Whole(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Fraction(value)
    }
}

/// Goes through a snapshot, sample by sample.
pub(super) type Samples<'s> = Box<dyn Fn(&mut Sink<'_, '_>) + 's>;

/// Series of one name.
pub(super) struct Family<'s> {
    /// The name of its samples; that of a counter ends in `_total`.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
    /// When it goes if there are too many series; `None` is never.
    pub(super) weight: Option<Weight>,
    pub(super) samples: Samples<'s>,
}

/// Counts series.
#[derive(Debug, Default)]
pub(super) struct Counting {
    pub(super) series: u64,
}

/// Where samples go.
pub(super) enum Sink<'k, 'o> {
    /// They are counted.
    Count(&'k mut Counting),
    /// They are written under a name.
    Write(&'k mut Writing<'o>, &'k str),
}

impl Sink<'_, '_> {
    /// Adds a sample.
    pub(super) fn add(&mut self, labels: &[(&str, &str)], value: impl Into<Value>) {
        match self {
            Self::Count(counting) => counting.series += 1,
            Self::Write(writing, name) => writing.sample(name, labels, value.into()),
        }
    }
}

/// Writes families.
pub(super) struct Writing<'o> {
    out: &'o mut dyn Write,
    exposition: Exposition,
    constant: &'o [(String, String)],
    line: String,
    series: u64,
    failure: Option<io::Error>,
}

impl<'o> Writing<'o> {
    pub(super) const fn new(
        out: &'o mut dyn Write,
        exposition: Exposition,
        constant: &'o [(String, String)],
    ) -> Self {
        Self {
            out,
            exposition,
            constant,
            line: String::new(),
            series: 0,
            failure: None,
        }
    }

    /// Writes a family with its samples; one that has none is left out.
    pub(super) fn family(&mut self, family: &Family<'_>) -> io::Result<()> {
        let mut counting = Counting::default();
        (family.samples)(&mut Sink::Count(&mut counting));
        if counting.series == 0 {
            return Ok(());
        }
        let is_open = self.exposition == Exposition::OpenMetrics;
        let name = match family.kind {
            Kind::Counter if is_open => family.name.trim_end_matches("_total"),
            _ => family.name,
        };
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let mut help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
        if is_open {
            help = help.replace('"', "\\\"");
        }
        writeln!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}")?;
        (family.samples)(&mut Sink::Write(self, family.name));
        self.failure.take().map_or(Ok(()), Err)
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: Value) {
        use std::fmt::Write as _;
        if self.failure.is_some() {
            return;
        }
        self.series += 1;
        let line = &mut self.line;
        line.clear();
        line.push_str(name);
        let mut open = '{';
        let constant = self
            .constant
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            // What a document says of one object is said of it, and not of all.
            .filter(|(name, _)| !labels.iter().any(|(own, _)| own == name));
        for (name, value) in labels.iter().copied().chain(constant) {
            line.push(open);
            open = ',';
            line.push_str(name);
            line.push_str("=\"");
            for character in value.chars() {
                match character {
                    '\\' => line.push_str("\\\\"),
                    '"' => line.push_str("\\\""),
                    '\n' => line.push_str("\\n"),
                    plain => line.push(plain),
                }
            }
            line.push('"');
        }
        if open == ',' {
            line.push('}');
        }
        // A text takes what is written.
        let _infallible = match value {
            Value::Whole(value) => writeln!(line, " {value}"),
            Value::Fraction(value) => writeln!(line, " {value}"),
        };
        if let Err(error) = self.out.write_all(line.as_bytes()) {
            self.failure = Some(error);
        }
    }

    /// Ends the text, and returns how many series it has.
    pub(super) fn end(self) -> io::Result<u64> {
        if self.exposition == Exposition::OpenMetrics {
            self.out.write_all(b"# EOF\n")?;
        }
        Ok(self.series)
    }
}
