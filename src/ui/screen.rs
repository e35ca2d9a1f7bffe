//! A whole terminal: entered, drawn on, and given back as it was, however the program ends.

use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode, size,
};
use ratatui::crossterm::{cursor, execute, queue};
use ratatui::{Frame, Terminal};

use super::key::Key;

/// What is drawn gathers here, whoever flushes: a frame is one write, as lines may be slow.
#[derive(Clone, Default)]
struct Gathered(Rc<RefCell<Vec<u8>>>);

impl Write for Gathered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Gathered {
    /// Writes what gathered.
    fn show(&self) -> io::Result<()> {
        let bytes = std::mem::take(&mut *self.0.borrow_mut());
        let mut out = io::stdout().lock();
        out.write_all(&bytes)?;
        out.flush()
    }
}

/// The terminal that results are shown on, as long as it is wholly ours.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Gathered>>,
    gathered: Gathered,
}

/// Gives the terminal back.
fn give_back() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let left = execute!(out, LeaveAlternateScreen, cursor::Show);
    disable_raw_mode().and(left)
}

/// Has the terminal given back before a panic is told.
fn give_back_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let _told_anyway = give_back();
        before(panic);
    }));
}

impl Screen {
    /// Returns how wide and high the terminal is, if input and output are one.
    #[must_use]
    pub fn size() -> Option<(u16, u16)> {
        let both = io::stdin().is_terminal() && io::stdout().is_terminal();
        both.then(|| size().ok()).flatten()
    }

    /// Takes the terminal; a program does that once.
    ///
    /// # Errors
    /// The system's error.
    pub fn enter() -> io::Result<Self> {
        give_back_on_panic();
        let gathered = Gathered::default();
        let mut screen = Self {
            terminal: Terminal::new(CrosstermBackend::new(gathered.clone()))?,
            gathered,
        };
        screen.take_again()?;
        Ok(screen)
    }

    /// Gives the terminal back for as long as `away` takes, and takes it again.
    ///
    /// # Errors
    /// The system's error.
    pub fn leave_for(&mut self, away: impl FnOnce()) -> io::Result<()> {
        give_back()?;
        away();
        self.take_again()
    }

    /// Takes the terminal again, empty, as somebody else may have changed it. It is not asked where its cursor is: some don't answer.
    ///
    /// # Errors
    /// The system's error.
    pub fn take_again(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        queue!(
            self.gathered,
            EnterAlternateScreen,
            cursor::Hide,
            Clear(ClearType::All)
        )?;
        self.terminal = Terminal::new(CrosstermBackend::new(self.gathered.clone()))?;
        self.gathered.show()
    }

    /// Draws a frame: what differs from the one before, in one write.
    ///
    /// # Errors
    /// The system's error.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw)?;
        self.gathered.show()
    }

    /// Waits for keys.
    ///
    /// (The library that draws can read them too; but it reads a terminal that is gone for ever, and forgets keys that come together
    /// with another size.)
    ///
    /// # Errors
    /// The system's error, also if the terminal is gone.
    pub fn wait(&self, at_most: Duration) -> io::Result<Vec<Key>> {
        let input = io::stdin();
        let mut wanted = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
        let time = PollTimeout::try_from(at_most).unwrap_or(PollTimeout::MAX);
        match poll(&mut wanted, time) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => return Ok(Vec::new()),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut bytes = [0; 256];
        match nix::unistd::read(input.as_fd(), &mut bytes) {
            Ok(0) => Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the terminal is gone",
            )),
            Ok(length) => Ok(Key::read(&bytes[..length])),
            Err(nix::errno::Errno::EINTR | nix::errno::Errno::EAGAIN) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // There is no better place to complain.
        let _given_or_gone = give_back();
    }
}
