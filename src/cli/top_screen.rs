//! `ipvsh top` on a terminal: what comes from keys, signals, the reader of the table and a recording, and what is drawn.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime};

use super::args::Globals;
use super::context::Context;
use super::failure::Failure;
use super::list::place_words;
use super::list_watch::observe;
use super::looking_back::{Past, local};
use super::outcome::CommandOutcome;
use super::top::{estimate, show_past, take_past_clients};
use crate::model::ObjectId;
use crate::observe::{Depth, Made, Observer, View};
use crate::render::time_of_day;
use crate::session::Error;
use crate::top::{App, Clients, LEAST_HEIGHT, LEAST_WIDTH, Mask, Wish, draw};
use crate::ui::Screen;

/// How long a signal or a reading waits at most until it is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How many commits of an object are told.
const COMMITS: usize = 5;

/// Returns whether there is a terminal that is large enough.
pub(super) fn fits() -> bool {
    Screen::size().is_some_and(|(width, height)| width >= LEAST_WIDTH && height >= LEAST_HEIGHT)
}

/// SIGTSTP and SIGCONT, noted.
struct Pauses {
    stop: Arc<AtomicBool>,
    resume: Arc<AtomicBool>,
}

impl Pauses {
    fn heed() -> io::Result<Self> {
        let pauses = Self {
            stop: Arc::default(),
            resume: Arc::default(),
        };
        signal_hook::flag::register(signal_hook::consts::SIGTSTP, Arc::clone(&pauses.stop))?;
        signal_hook::flag::register(signal_hook::consts::SIGCONT, Arc::clone(&pauses.resume))?;
        Ok(pauses)
    }

    /// Is suspended, with the terminal given back, until it is resumed.
    fn suspend(&self, screen: &mut Screen) -> io::Result<()> {
        screen.leave_for(|| {
            let stopped =
                signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP);
            // Who can't be stopped goes on.
            let _went_on = stopped;
        })?;
        self.resume.store(false, Ordering::SeqCst);
        self.stop.store(false, Ordering::SeqCst);
        Ok(())
    }

    fn look(&self, screen: &mut Screen) -> io::Result<bool> {
        if self.stop.swap(false, Ordering::SeqCst) {
            self.suspend(screen)?;
            return Ok(true);
        }
        if self.resume.swap(false, Ordering::SeqCst) {
            screen.take_again()?;
            return Ok(true);
        }
        Ok(false)
    }
}

/// What the reader will tell.
type Told<T> = Receiver<Result<T, Error>>;

/// What waits for the reader of the table.
struct Asked {
    observer: Observer,
    view: View,
    clients: Option<(Mask, Told<Clients>)>,
    commits: Option<(ObjectId, Told<Vec<Made>>)>,
}

/// Where what is shown comes from.
enum Origin {
    Live(Box<Asked>),
    Past(Box<Past>),
}

struct Show<'c> {
    context: &'c Context,
    app: App,
    origin: Origin,
    began: Instant,
    /// How large the terminal was.
    size: Option<(u16, u16)>,
}

/// Shows the table as it lives.
pub(super) fn live(
    context: &Context,
    globals: &Globals,
    app: App,
    interval: Duration,
) -> Result<CommandOutcome, Failure> {
    let observer = observe(globals, interval)?;
    // What can't be read at all is an error, and not an empty screen.
    let first = observer.snapshot(Depth::Everything, Duration::ZERO);
    let first = first.map_err(|error| (*error).clone())?;
    let view = observer.view(Depth::Everything);
    let asked = Asked {
        observer,
        view,
        clients: None,
        commits: None,
    };
    let mut show = Show {
        context,
        app,
        origin: Origin::Live(Box::new(asked)),
        began: Instant::now(),
        size: None,
    };
    show.app.take(first);
    show.run()
}

/// Shows a recording.
pub(super) fn past(context: &Context, app: App, past: Past) -> Result<CommandOutcome, Failure> {
    context.interrupt.install().map_err(Failure::Signals)?;
    let mut show = Show {
        context,
        app,
        origin: Origin::Past(Box::new(past)),
        began: Instant::now(),
        size: None,
    };
    show.go_to_moment()?;
    show.run()
}

impl Show<'_> {
    fn run(&mut self) -> Result<CommandOutcome, Failure> {
        let pauses = Pauses::heed().map_err(Failure::Signals)?;
        let mut screen = Screen::enter().map_err(Failure::Output)?;
        let ended = self.go_on(&mut screen, &pauses);
        drop(screen);
        ended?;
        Ok(CommandOutcome::Shown)
    }

    fn go_on(&mut self, screen: &mut Screen, pauses: &Pauses) -> Result<(), Failure> {
        let mut is_new = true;
        let mut drawn = Instant::now();
        loop {
            // The age of what is shown goes on without anything new.
            if is_new || drawn.elapsed() >= Duration::from_secs(1) {
                self.draw(screen).map_err(Failure::Output)?;
                drawn = Instant::now();
            }
            is_new = false;
            if self.context.interrupt.take().is_some() {
                return Ok(());
            }
            is_new |= pauses.look(screen).map_err(Failure::Output)?;
            let mut wait = LOOK;
            // What was typed ahead is taken before anything is drawn.
            loop {
                let keys = screen.wait(wait).map_err(Failure::Output)?;
                if keys.is_empty() {
                    break;
                }
                is_new = true;
                wait = Duration::ZERO;
                for key in keys {
                    match self.app.press(key) {
                        None => {}
                        Some(Wish::Quit) => return Ok(()),
                        Some(Wish::Suspend) => pauses.suspend(screen).map_err(Failure::Output)?,
                        Some(other) => self.grant(other)?,
                    }
                }
            }
            let size = Screen::size();
            is_new |= std::mem::replace(&mut self.size, size) != size;
            is_new |= self.hear()?;
            let now = self.began.elapsed();
            if let Some(wish) = self.app.due(now) {
                self.grant(wish)?;
            }
        }
    }

    fn draw(&mut self, screen: &mut Screen) -> io::Result<()> {
        let measured = self.app.measured();
        let (place, time, age) = match measured {
            None => (String::new(), String::new(), None),
            Some(measured) => {
                let snapshot = &measured.snapshot;
                let time = match self.origin {
                    Origin::Live(_) => time_of_day(Some(snapshot.time)),
                    Origin::Past(_) => local(snapshot.time),
                };
                let age = SystemTime::now().duration_since(snapshot.time).ok();
                (
                    place_words(&snapshot.place),
                    time,
                    age.map(|age| age.as_secs()),
                )
            }
        };
        let colours = self.context.ui.colours_results();
        let app = &mut self.app;
        screen.draw(|frame| draw(frame, app, (&place, &time, age), colours))
    }

    /// Does what is wanted of the outside.
    fn grant(&mut self, wish: Wish) -> Result<(), Failure> {
        match &mut self.origin {
            Origin::Past(_) => self.grant_past(wish),
            Origin::Live(asked) => {
                match wish {
                    Wish::Clients(mask) => self.ask_clients(mask),
                    Wish::Commits(object) => {
                        let wanted = object.clone();
                        let told = asked
                            .observer
                            .ask_source(move |source| source.commits(&wanted, COMMITS));
                        asked.commits = Some((object, told));
                    }
                    _ => {}
                }
                Ok(())
            }
        }
    }

    fn ask_clients(&mut self, mask: Mask) {
        let count = self
            .app
            .measured()
            .map_or(0, |measured| estimate(&measured.snapshot));
        if let Origin::Live(asked) = &mut self.origin
            && asked.clients.is_none()
        {
            let told = asked
                .observer
                .ask_source(move |source| Clients::read(source, count, mask));
            asked.clients = Some((mask, told));
        }
    }

    fn grant_past(&mut self, wish: Wish) -> Result<(), Failure> {
        let Origin::Past(past) = &mut self.origin else {
            return Ok(());
        };
        let recording = &past.recording;
        let found = match wish {
            Wish::Clients(mask) => {
                take_past_clients(&mut self.app, past, mask);
                return Ok(());
            }
            Wish::Step(step) if step < 0 => recording.previous(past.moment)?,
            Wish::Step(_) => recording.next(past.moment)?,
            Wish::Jump { time, is_back } => {
                let here = recording.time(past.moment)?;
                let target = if is_back { here - time } else { here + time };
                match recording.at(target) {
                    Ok(moment) if moment != past.moment => Some(moment),
                    Ok(_) => None,
                    Err(_) => recording.first()?.filter(|first| *first != past.moment),
                }
            }
            _ => return Ok(()),
        };
        match found {
            Some(moment) => {
                past.go_to(moment)?;
                self.go_to_moment()?;
            }
            None => self
                .app
                .say("the recording has nothing further there".to_owned()),
        }
        Ok(())
    }

    /// Shows the moment of the recording, and says what happened since the one before.
    fn go_to_moment(&mut self) -> Result<(), Failure> {
        let Origin::Past(past) = &mut self.origin else {
            return Ok(());
        };
        show_past(&mut self.app, past)?;
        let before = past.recording.previous(past.moment)?;
        if let Some(before) = before {
            let (from, until) = (past.recording.time(before)?, past.snapshot.time);
            let told = past.recording.told(from, until)?;
            let words: Vec<String> = told
                .iter()
                .map(|(_, told)| super::record::told_words(told))
                .collect();
            if !words.is_empty() {
                self.app.say(words.join("; "));
            }
        }
        Ok(())
    }

    /// Takes what came from the reader meanwhile. Returns whether there was anything.
    fn hear(&mut self) -> Result<bool, Failure> {
        let Origin::Live(asked) = &mut self.origin else {
            return Ok(false);
        };
        let mut is_new = false;
        if let Some(reading) = asked.view.next(Duration::ZERO) {
            match reading {
                Ok(snapshot) => self.app.take(snapshot),
                Err(error) => self.app.fail(error.to_string()),
            }
            is_new = true;
        } else if asked.view.is_over() {
            return Err(Failure::NoReader(io::Error::other("it ended by itself")));
        }
        let clients = asked
            .clients
            .as_ref()
            .and_then(|(mask, told)| Some((*mask, told.try_recv().ok()?)));
        if let Some((mask, clients)) = clients {
            asked.clients = None;
            let read = clients.unwrap_or_else(|error| Clients::refused(error.to_string(), mask));
            self.app.take_clients(read, self.began.elapsed());
            is_new = true;
        }
        let commits = asked
            .commits
            .as_ref()
            .and_then(|(object, told)| Some((object.clone(), told.try_recv().ok()?)));
        if let Some((object, commits)) = commits {
            asked.commits = None;
            let commits = commits.map_err(|error| error.to_string());
            self.app.take_commits(&object, commits);
            is_new = true;
        }
        Ok(is_new)
    }
}
