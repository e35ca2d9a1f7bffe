//! The only door to standard output and standard error.
//!
//! Results go to standard output, status, warnings and hints to standard error. A reader that went away ends
//! the output quietly; any other failure to write is remembered, because a result that no one got is no success.

mod filter;
mod key;
mod meter;
#[cfg(feature = "tui")]
mod screen;

use std::io::{self, IsTerminal, Read, Write};

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::{AutoStream, ColorChoice};
use anstyle::AnsiColor;
pub use key::Key;
pub use meter::Meter;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
#[cfg(feature = "tui")]
pub use screen::Screen;

use crate::model::shown;
use filter::Guard;

/// Whether standard output was closed when the program started.
static OUTPUT_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Looks at standard output before the language's runtime opens what is closed on `/dev/null`: from then on what
/// is written would be lost without a word.
#[ctor::ctor(unsafe)]
fn look_at_output() {
    let open = io::stdout().as_fd().try_clone_to_owned().is_ok();
    OUTPUT_WAS_CLOSED.store(!open, Ordering::Relaxed);
}

/// Fails if standard output was closed when the program started.
fn output_is_open() -> io::Result<()> {
    if OUTPUT_WAS_CLOSED.load(Ordering::Relaxed) {
        return Err(io::Error::other("standard output is closed"));
    }
    Ok(())
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// On terminals.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Colour {
    const fn choice(self) -> ColorChoice {
        match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        }
    }
}

/// How much is said beside results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// Status, warnings, hints.
    #[default]
    Normal,
    /// Errors and warnings.
    Quiet,
}

/// Standard output and standard error of this program.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ui {
    colour: Colour,
    verbosity: Verbosity,
}

/// Styles of the text views.
pub mod style {
    use super::AnsiColor;
    pub use anstyle::Style;

    /// Of what appears, and of success.
    pub const GOOD: Style = AnsiColor::Green.on_default();
    /// Of what changes, and of warnings.
    pub const CARE: Style = AnsiColor::Yellow.on_default();
    /// Of what goes, and of errors.
    pub const BAD: Style = AnsiColor::Red.on_default();
    /// Of names to find quickly.
    pub const NAME: Style = Style::new().bold();
    /// Of titles and explanations.
    pub const FAINT: Style = Style::new().dimmed();
}

impl Ui {
    /// Makes the door.
    #[must_use]
    pub const fn new(colour: Colour, verbosity: Verbosity) -> Self {
        Self { colour, verbosity }
    }

    /// Writes a result to standard output. A reader that went away is no error.
    ///
    /// # Errors
    /// Any other error of the system, such as a full disk.
    pub fn data(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        output_is_open()?;
        let stdout = io::stdout().lock();
        let out =
            io::BufWriter::with_capacity(64 * 1024, AutoStream::new(stdout, self.colour.choice()));
        let mut out = Guard::new(out);
        let written = write(&mut out);
        let mut out = match (written, out.into_inner()) {
            (Ok(()), Ok(out)) => out,
            (Err(error), _) | (Ok(()), Err(error)) => {
                return if error.kind() == io::ErrorKind::BrokenPipe {
                    Ok(())
                } else {
                    Err(error)
                };
            }
        };
        match out.flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                // What is left in the buffer has no reader.
                let _unread = out.into_parts();
                Ok(())
            }
            other => other,
        }
    }

    /// Writes a line of a result to standard output.
    ///
    /// # Errors
    /// As [`Ui::data`].
    pub fn line(&self, text: &str) -> io::Result<()> {
        self.data(|out| writeln!(out, "{text}"))
    }

    /// Writes a line of what a script prints to standard output. A reader that went away is an error of its own: who prints on
    /// and on should know.
    ///
    /// # Errors
    /// The system's error, [`io::ErrorKind::BrokenPipe`] too.
    pub fn print(&self, text: &str) -> io::Result<()> {
        output_is_open()?;
        let out = AutoStream::new(io::stdout().lock(), self.colour.choice());
        let mut out = Guard::new(out);
        writeln!(out, "{text}")?;
        out.into_inner()?.flush()
    }

    /// Clears the terminal that results are shown on.
    ///
    /// # Errors
    /// As [`Ui::data`].
    pub fn clear(&self) -> io::Result<()> {
        output_is_open()?;
        let mut out = io::stdout().lock();
        out.write_all(b"\x1b[H\x1b[2J\x1b[3J")?;
        out.flush()
    }

    /// Shows a text in place of what the terminal shows, in one write; of one that is higher the beginning, and how much is left out.
    ///
    /// # Errors
    /// The system's error, [`io::ErrorKind::BrokenPipe`] too.
    pub fn redraw(&self, text: &str) -> io::Result<()> {
        output_is_open()?;
        let height = terminal_size::terminal_size_of(io::stdout())
            .map_or(usize::MAX, |(_, height)| usize::from(height.0))
            .max(3);
        let lines: Vec<&str> = text.trim_end().lines().collect();
        let mut shown = lines.join("\n");
        if lines.len() > height {
            let kept = height - 1;
            shown = format!(
                "{}\n... and {} more lines",
                lines[..kept].join("\n"),
                lines.len() - kept
            );
        }
        let mut screen = Vec::new();
        let mut out = Guard::new(AutoStream::new(&mut screen, self.choice()));
        write!(out, "{shown}")?;
        out.into_inner()?.flush()?;
        let mut all = b"\x1b[H\x1b[2J".to_vec();
        all.extend(screen);
        let mut out = io::stdout().lock();
        out.write_all(&all)?;
        out.flush()
    }

    /// Returns whether colours are used on standard output, decided.
    fn choice(&self) -> ColorChoice {
        if self.colours_results() {
            ColorChoice::AlwaysAnsi
        } else {
            ColorChoice::Never
        }
    }

    fn note(&self, text: &str) {
        let err = AutoStream::new(io::stderr().lock(), self.colour.choice());
        let mut err = Guard::new(err);
        // There is no better place to complain that complaining failed.
        let _unheard = writeln!(err, "{text}").and_then(|()| err.into_inner()?.flush());
    }

    /// Writes a line of a script's output where results are not: to standard error.
    pub fn aside(&self, text: &str) {
        self.note(text);
    }

    /// Says what is going on.
    pub fn status(&self, text: &str) {
        if self.verbosity == Verbosity::Normal {
            self.note(text);
        }
    }

    /// Says what the user should know.
    pub fn warning(&self, text: &str) {
        // A further line is not taken for one of ours.
        self.note(&format!(
            "{}warning:{} {}",
            style::CARE,
            style::CARE.render_reset(),
            text.replace('\n', "\n         ")
        ));
    }

    /// Says what went wrong, in full lines.
    pub fn error(&self, text: &str) {
        self.note(&format!(
            "{}error:{} {text}",
            style::BAD,
            style::BAD.render_reset()
        ));
    }

    /// Says what went wrong in a text that begins with its own heading.
    pub fn error_text(&self, text: &str) {
        self.note(text.trim_end());
    }

    /// Says what to do about it.
    pub fn hint(&self, text: &str) {
        if self.verbosity == Verbosity::Normal {
            self.note(&format!("hint: {text}"));
        }
    }

    /// Asks a question that is answered by yes or no; whatever is neither is no, and so is a signal, which `stopped` tells of.
    #[must_use]
    pub fn ask(&self, question: &str, stopped: &dyn Fn() -> bool) -> bool {
        const LOOK_MILLISECONDS: u8 = 100;
        let mut err = io::stderr().lock();
        let _unseen = write!(err, "{} [y/N] ", shown(question)).and_then(|()| err.flush());
        let input = io::stdin();
        loop {
            let mut wanted = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
            let ready = poll(&mut wanted, PollTimeout::from(LOOK_MILLISECONDS));
            if stopped() {
                let _unseen = writeln!(err);
                return false;
            }
            match ready {
                Ok(0) | Err(nix::errno::Errno::EINTR) => {}
                Ok(_) => break,
                Err(_) => return false,
            }
        }
        let mut line = String::new();
        let read = input.read_line(&mut line);
        read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes")
    }

    /// Returns whether results are shown with colours.
    #[must_use]
    pub fn colours_results(&self) -> bool {
        match self.colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => AutoStream::choice(&io::stdout()) != ColorChoice::Never,
        }
    }

    /// Returns how many characters a line of results may have: as COLUMNS says, or the terminal; `None` is any number.
    #[must_use]
    pub fn width(&self) -> Option<usize> {
        let named = std::env::var("COLUMNS").ok();
        let named = named
            .and_then(|text| text.parse().ok())
            .filter(|width| *width > 0);
        named.or_else(|| {
            let size = terminal_size::terminal_size_of(io::stdout());
            size.map(|(width, _)| usize::from(width.0))
        })
    }

    /// Returns whether someone watches the results appear.
    #[must_use]
    pub fn results_are_seen(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Returns whether errors are shown with colours.
    #[must_use]
    pub fn colours_errors(&self) -> bool {
        match self.colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => AutoStream::choice(&io::stderr()) != ColorChoice::Never,
        }
    }
}

/// Where a program within this one reads and writes: the drop-in, whose bytes are those of another program.
pub struct Streams<'a> {
    /// What is read; `None` if someone reads it already.
    pub input: Option<&'a mut dyn Read>,
    /// Results.
    pub output: &'a mut dyn Write,
    /// Complaints.
    pub errors: &'a mut dyn Write,
    /// Whether views of ours have colours.
    pub coloured: bool,
    /// Whether someone watches the results appear: then each line of input is answered at once.
    pub watched: bool,
}

impl Streams<'_> {
    /// Hands over the standard streams.
    pub fn standard<T>(work: impl FnOnce(Streams<'_>) -> T) -> T {
        work(Streams {
            input: Some(&mut io::stdin().lock()),
            output: &mut StandardOutput,
            errors: &mut io::stderr(),
            coloured: Ui::default().colours_results(),
            watched: Ui::default().results_are_seen(),
        })
    }

    /// Writes bytes and the end of a line to `errors`.
    pub fn complain(&mut self, bytes: &[u8]) {
        let line = [bytes, b"\n"].concat();
        // There is no better place to complain that complaining failed.
        let _unheard = self.errors.write_all(&line);
    }

    /// Writes a view, with colours where they belong.
    ///
    /// # Errors
    /// The system's error.
    pub fn view(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let mut text = Vec::new();
        if self.coloured {
            write(&mut text)?;
        } else {
            write(&mut anstream::StripStream::new(&mut text))?;
        }
        self.output.write_all(&text)?;
        self.output.flush()
    }
}

/// Standard output as it is: bytes go out unchanged, and one that was closed is an error.
struct StandardOutput;

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        output_is_open()?;
        io::stdout().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

/// Returns whether standard input is a terminal.
#[must_use]
pub fn input_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Returns whether there is someone to ask: standard input and standard error are terminals.
#[must_use]
pub fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Returns our standard output or standard error, if a file is one of them.
#[must_use]
pub fn standard_stream(file: &std::fs::Metadata) -> Option<std::fs::File> {
    use std::os::unix::fs::MetadataExt;
    let (output, errors) = (io::stdout(), io::stderr());
    [output.as_fd(), errors.as_fd()]
        .into_iter()
        .find_map(|stream| {
            let stream = std::fs::File::from(stream.try_clone_to_owned().ok()?);
            let found = stream.metadata().ok()?;
            ((found.dev(), found.ino()) == (file.dev(), file.ino())).then_some(stream)
        })
}
