//! What a running script is connected to.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use rhai::{Dynamic, FnPtr, NativeCallContext, Position};

use super::backstop::{self, Away};
use super::environment::{Output, RunEnvironment};
use super::error::{ScriptError, Scripted};
use super::modules::Sources;
use super::permission::SharedPermissions;
use crate::session::{Error, Origin, Session};

/// The connections of a running script.
pub(super) struct Host {
    pub(super) session: RefCell<Session>,
    pub(super) path: String,
    pub(super) arguments: Vec<String>,
    pub(super) output: Output,
    pub(super) permissions: SharedPermissions,
    /// The texts of the script and of what it imported.
    pub(super) sources: Sources,
    /// The first failure to print; the script goes on, but the run is no success.
    pub(super) output_failure: RefCell<Option<io::Error>>,
    /// Lines that nobody reads any more.
    pub(super) unread: Cell<u64>,
    /// The status that the script gave to `exit`, if it did.
    pub(super) exit: Cell<Option<u8>>,
    /// Why `rollback` leaves the innermost block, until that is left.
    pub(super) rollback: RefCell<Option<String>>,
    /// The undos of the open runbook's steps, by their places.
    pub(super) undos: RefCell<BTreeMap<usize, FnPtr>>,
    /// Operations so far. Rhai counts those of closures that its own functions call apart.
    pub(super) operations: Cell<u64>,
    /// Whether the undos of a runbook run, which may take some memory more than the script.
    pub(super) is_rolling_back: Cell<bool>,
    /// Blocks of the script that are open within each other.
    pub(super) blocks: Cell<usize>,
    /// Whether the script is watched from outside.
    pub(super) is_watched: Cell<bool>,
    /// Whether the program is the script's alone and may be ended with it, and the command line that recovers what it leaves
    /// then.
    pub(super) last_resort: Option<Vec<OsString>>,
    /// Whether lines of a prompt are run, where a transaction can be open without a block.
    pub(super) is_prompt: bool,
    /// What a test may do beside, if this is one.
    pub(super) test: Option<TestContext>,
}

/// What a test knows of itself.
pub(super) struct TestContext {
    /// Where the random numbers of the run began.
    pub(super) seed: u64,
    /// Under what the scripts run that it runs.
    pub(super) environment: RunEnvironment,
    /// What it was warned of so far.
    pub(super) warnings: Rc<RefCell<Vec<String>>>,
}

/// A session that is worked with.
pub(super) struct AtWork<'h> {
    session: RefMut<'h, Session>,
    _away: Away,
}

impl Deref for AtWork<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl DerefMut for AtWork<'_> {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.session
    }
}

/// The handle that travels with the engine.
#[derive(Clone)]
pub(super) struct HostHandle(pub(super) Rc<Host>);

impl Host {
    /// Connects a script to a session, as its environment says. What only some of them have is set by whoever makes them.
    pub(super) fn new(
        (path, arguments): (&str, &[String]),
        session: Session,
        environment: &RunEnvironment,
        permissions: SharedPermissions,
        sources: &Sources,
    ) -> Self {
        Self {
            session: RefCell::new(session),
            path: path.to_owned(),
            arguments: arguments.to_vec(),
            output: Rc::clone(&environment.output),
            permissions,
            sources: Rc::clone(sources),
            output_failure: RefCell::new(None),
            unread: Cell::new(0),
            exit: Cell::new(None),
            rollback: RefCell::new(None),
            undos: RefCell::default(),
            operations: Cell::new(0),
            is_rolling_back: Cell::new(false),
            blocks: Cell::new(0),
            is_watched: Cell::new(false),
            last_resort: environment.last_resort.clone(),
            is_prompt: false,
            test: None,
        }
    }

    /// Returns whether the script asked to end, or to leave a block: then nothing of it runs any more, even if a
    /// `catch` took the error that says so.
    pub(super) fn is_leaving(&self) -> bool {
        self.exit.get().is_some() || self.rollback.borrow().is_some()
    }

    /// Returns whether there is a block, or a transaction of the prompt, to speak of.
    pub(super) fn has_block(&self) -> bool {
        self.blocks.get() > 0 || (self.is_prompt && self.session.borrow().is_open())
    }

    /// Returns the session to work with. Nothing is interrupted until that is over.
    pub(super) fn session(&self) -> AtWork<'_> {
        let session = self.session.borrow_mut();
        // A large table takes its time to be read.
        if let Some(recover) = self.last_resort.as_ref().filter(|_| !self.is_prompt) {
            backstop::attend(session.interrupt(), recover);
        }
        AtWork {
            session,
            _away: backstop::away(),
        }
    }

    pub(super) fn print(&self, text: &str) {
        if let Err(error) = (self.output)(text) {
            if error.kind() == io::ErrorKind::BrokenPipe {
                self.unread.set(self.unread.get() + 1);
                return;
            }
            self.output_failure.borrow_mut().get_or_insert(error);
        }
    }

    /// Calls the session from a place in the script, and turns its error into one that the script can catch.
    pub(super) fn call<T>(
        &self,
        source: Option<&str>,
        position: Position,
        work: impl FnOnce(&mut Session) -> Result<T, Error>,
    ) -> Scripted<T> {
        let mut session = self.session();
        let source = source.unwrap_or(&self.path);
        let origin = Origin {
            source: source.to_owned(),
            line: position.line().unwrap_or_default(),
            column: position.position().unwrap_or_default(),
        };
        session.set_origin(Some(origin));
        let done = work(&mut session);
        session.set_origin(None);
        done.map_err(|error| {
            let staged = error
                .object()
                .and_then(|object| session.origin_of(&object).cloned());
            ScriptError::of(error, staged)
                .at(source, position)
                .raise(position)
        })
    }
}

/// Returns the host of a call.
pub(super) fn host(ctx: &NativeCallContext<'_>) -> Scripted<Rc<Host>> {
    let handle = ctx
        .tag()
        .and_then(|tag| tag.clone().try_cast::<HostHandle>());
    handle.map(|handle| handle.0).ok_or_else(|| {
        ScriptError::new(
            "unavailable",
            "this function needs a table, and there is none here",
        )
        .raise(ctx.call_position())
    })
}

/// Calls the session for a bound function.
pub(super) fn with<T>(
    ctx: &NativeCallContext<'_>,
    work: impl FnOnce(&mut Session) -> Result<T, Error>,
) -> Scripted<T> {
    host(ctx)?.call(ctx.call_source(), ctx.call_position(), work)
}

/// Returns the host of an engine's default tag.
pub(super) fn tag_of(host: &Rc<Host>) -> Dynamic {
    Dynamic::from(HostHandle(Rc::clone(host)))
}
