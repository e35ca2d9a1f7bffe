//! What is shown, and what a key does to that.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::choice::{Choice, Filter, What};
use super::clients::{Clients, Mask};
use super::details::Details;
use super::history::{History, Measured};
use super::lines::Lines;
use super::sheet::Sheet;
use super::sight::Sight;
use super::view::{Column, View};
use crate::config::Characters;
use crate::model::{ObjectId, ServiceKey};
use crate::observe::{Made, Snapshot};

/// What is wanted of the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To end.
    Quit,
    /// To be suspended.
    Suspend,
    /// To have the clients read.
    Clients(Mask),
    /// To be told of the last commits of an object.
    Commits(ObjectId),
    /// To go so many snapshots forward or back in a recording.
    Step(i32),
    /// To go so much time back (or forward) in a recording.
    Jump {
        /// How far.
        time: Duration,
        /// Where to.
        is_back: bool,
    },
}

/// How far `{` and `}` go.
pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// What is shown of a table.
pub struct App {
    pub(super) history: History,
    pub(super) clients: Clients,
    pub(super) clients_read: Option<Duration>,
    pub(super) view: View,
    pub(super) sorts: [(Column, bool); 4],
    pub(super) filter: String,
    pub(super) parsed: Filter,
    pub(super) misread: Option<String>,
    pub(super) folded: HashSet<ServiceKey>,
    pub(super) hides_idle: bool,
    pub(super) is_kernels: bool,
    pub(super) is_bytes: bool,
    /// The number of the snapshot that is looked at; `None` is the newest.
    pub(super) frozen: Option<u64>,
    /// Whether snapshots come from a recording.
    pub(super) is_recording: bool,
    pub(super) selected: [Option<What>; 4],
    pub(super) first: [usize; 4],
    pub(super) lines: Lines,
    /// How many lines can be seen.
    pub(super) height: usize,
    pub(super) details: Option<Details>,
    pub(super) helps: bool,
    /// A filter that is being typed, and the one before it.
    pub(super) typing: Option<(String, String)>,
    pub(super) message: Option<String>,
    pub(super) failure: Option<String>,
    pub(super) characters: Characters,
}

impl App {
    /// Makes one that shows nothing yet.
    #[must_use]
    pub fn new(view: View, characters: Characters, is_recording: bool) -> Self {
        Self {
            history: History::default(),
            clients: Clients::default(),
            clients_read: None,
            view,
            sorts: View::ALL.map(View::usual_sort),
            filter: String::new(),
            parsed: Filter::All,
            misread: None,
            folded: HashSet::new(),
            hides_idle: false,
            is_kernels: false,
            is_bytes: false,
            frozen: None,
            is_recording,
            selected: [const { None }; 4],
            first: [0; 4],
            lines: Lines::default(),
            height: 10,
            details: None,
            helps: false,
            typing: None,
            message: None,
            failure: None,
            characters,
        }
    }

    /// Sorts by a column, if the view has it.
    pub fn sort_by(&mut self, column: Column, is_reversed: bool) {
        if self.view.columns().contains(&column) {
            self.sorts[self.place()] = (column, is_reversed);
            self.arrange();
        }
    }

    /// Shows the lines alone that a text takes: an expression over fields, or part of a name.
    pub fn filter_by(&mut self, text: &str) {
        text.clone_into(&mut self.filter);
        self.read_filter();
        self.arrange();
    }

    /// Reads the filter for the view that is shown.
    pub(super) fn read_filter(&mut self) {
        let (filter, misread) = Filter::parse(&self.filter, self.view);
        self.parsed = filter;
        self.misread = misread.map(|misread| misread.to_string());
    }

    /// Returns what is wrong with a filter that looks like an expression, and is taken for part of a name.
    #[must_use]
    pub fn misread(&self) -> Option<&str> {
        self.misread.as_deref()
    }

    pub(super) fn place(&self) -> usize {
        View::ALL
            .iter()
            .position(|view| *view == self.view)
            .unwrap_or(0)
    }

    pub(super) fn sort(&self) -> (Column, bool) {
        self.sorts[self.place()]
    }

    /// Takes the newest snapshot.
    pub fn take(&mut self, snapshot: Arc<Snapshot>) {
        self.history.add(snapshot);
        self.failure = None;
        if self.frozen.is_none() || self.frozen_place().is_none() {
            self.arrange();
        }
    }

    /// Takes the snapshots of a recording up to the one that is looked at, instead of all before.
    pub fn show(&mut self, snapshots: Vec<Arc<Snapshot>>) {
        self.history = History::default();
        self.clients_read = None;
        for snapshot in snapshots {
            self.history.add(snapshot);
        }
        self.arrange();
    }

    /// Takes the clients as they were read at a time.
    pub fn take_clients(&mut self, clients: Clients, now: Duration) {
        self.clients = clients;
        self.clients_read = Some(now);
        self.arrange();
    }

    /// Takes the last commits of the object whose details are shown.
    pub fn take_commits(&mut self, object: &ObjectId, commits: Result<Vec<Made>, String>) {
        if let Some(details) = &mut self.details
            && details.what.object().as_ref() == Some(object)
        {
            details.commits = Some(commits);
        }
    }

    /// Says what went wrong; what is shown is from before.
    pub fn fail(&mut self, why: String) {
        self.failure = Some(why);
    }

    /// Says something.
    pub fn say(&mut self, text: String) {
        self.message = Some(text);
    }

    /// Returns the view.
    #[must_use]
    pub const fn view(&self) -> View {
        self.view
    }

    /// Returns what is to be read of the outside now, `now` being the time since the beginning.
    #[must_use]
    pub fn due(&self, now: Duration) -> Option<Wish> {
        let age = self.clients_read.and_then(|read| now.checked_sub(read));
        // Of a recorded moment there is nothing new.
        let is_due = match (self.is_recording, self.frozen) {
            (true, _) => self.clients_read.is_none(),
            (false, frozen) => frozen.is_none() && Clients::is_due(age),
        };
        (self.view == View::Clients && is_due).then_some(Wish::Clients(self.clients.mask))
    }

    /// Returns which snapshot is looked at, by its place in the history.
    pub(super) fn at(&self) -> usize {
        let newest = self.history.len().saturating_sub(1);
        match self.frozen {
            None => newest,
            Some(_) => self.frozen_place().unwrap_or(0),
        }
    }

    fn frozen_place(&self) -> Option<usize> {
        let number = self.frozen?;
        (0..self.history.len()).find(|place| {
            let one = self.history.get(*place);
            one.is_some_and(|one| one.snapshot.number == number)
        })
    }

    /// Returns whether the newest snapshot is not what is looked at.
    #[must_use]
    pub const fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Returns the snapshot that is looked at.
    #[must_use]
    pub fn measured(&self) -> Option<&Measured> {
        self.history.get(self.at())
    }

    pub(super) fn sight(&self) -> Option<Sight<'_>> {
        Some(Sight {
            history: &self.history,
            at: self.at(),
            measured: self.measured()?,
            clients: &self.clients,
        })
    }

    pub(super) fn choice(&self) -> Choice<'_> {
        Choice {
            view: self.view,
            sort: self.sort(),
            filter: &self.parsed,
            folded: &self.folded,
            hides_idle: self.hides_idle,
            is_kernels: self.is_kernels,
            is_bytes: self.is_bytes,
        }
    }

    /// Puts the lines in order; the selection stays at what it is about.
    pub(super) fn arrange(&mut self) {
        let lines = match self.sight() {
            Some(sight) => Lines::of(&sight, &self.choice()),
            None => Lines::default(),
        };
        self.lines = lines;
        self.follow();
    }

    pub(super) fn selected_place(&self) -> usize {
        let what = self.selected[self.place()].as_ref();
        let found = what.and_then(|what| self.lines.all.iter().position(|one| one == what));
        found.unwrap_or(0)
    }

    /// Returns what is selected.
    #[must_use]
    pub fn selected(&self) -> Option<&What> {
        self.lines.all.get(self.selected_place())
    }

    /// Keeps what is selected in sight.
    pub(super) fn follow(&mut self) {
        let (place, selected, height) = (self.place(), self.selected_place(), self.height.max(1));
        let last = self.lines.all.len().saturating_sub(height);
        let first = self.first[place].min(last).min(selected);
        self.first[place] = first.max((selected + 1).saturating_sub(height));
    }

    /// Says how many lines can be seen.
    pub(super) fn resize(&mut self, height: usize) {
        self.height = height;
        self.follow();
    }

    /// Returns how many lines there are, the first that is seen, and the one that is selected.
    pub(super) fn window(&self) -> (usize, usize, usize) {
        (
            self.lines.all.len(),
            self.first[self.place()],
            self.selected_place(),
        )
    }

    /// Lays out so many lines from one on.
    #[must_use]
    pub fn sheet(&self, first: usize, count: usize, width: Option<usize>) -> Sheet {
        let (Some(sight), choice) = (self.sight(), self.choice()) else {
            return Sheet::default();
        };
        let shown = self.lines.all.iter().skip(first).take(count);
        let rows: Vec<(&str, Vec<super::cell::Cell>)> = shown
            .map(|what| {
                let lead = match what {
                    What::Service(key) if self.folded.contains(key) => "+ ",
                    What::Destination(..) => "    ",
                    What::Service(_) => "- ",
                    _ => "",
                };
                let cells = self.lines.cells(what, self.view.columns(), &sight, &choice);
                (lead, cells)
            })
            .collect();
        let layout = (self.is_bytes, self.characters, width);
        Sheet::of(self.view, &rows, self.sort(), layout)
    }

    /// Returns the cells of all lines.
    pub(super) fn all_cells(&self) -> Vec<(What, Vec<super::cell::Cell>)> {
        let (Some(sight), choice) = (self.sight(), self.choice()) else {
            return Vec::new();
        };
        let columns = self.view.columns();
        let of = |what: &What| {
            (
                what.clone(),
                self.lines.cells(what, columns, &sight, &choice),
            )
        };
        self.lines.all.iter().map(of).collect()
    }

    /// Sets the snapshot that is looked at by its number; the steps through them are in `steps`.
    pub(super) fn freeze(&mut self, number: Option<u64>) {
        self.frozen = number;
        self.arrange();
    }
}
