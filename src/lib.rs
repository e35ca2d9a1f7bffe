//! ipvsh: a scripting-embedded automation shell for IPVS, the load balancer in the Linux kernel.
//!
//! This page is the architecture: where things are, how they flow, what must never happen.
//!
//! # Bird's eye
//!
//! ```text
//! argv ─► cli ─► repl ─► script ─┐              ┌─ plan, inverse ─┐
//!              └─────────────────┴► session ─► txn ─┤              ├─► backend::Ipvs ─► wire ─► Transport
//!                             │                 └─ outcome ◄──────┘                              │
//!                             │                                            ┌───────────────────┴──────────────┐
//!                             ▼                                    KernelTransport ─► kernel   sim::SimulatedKernel
//!       model values ─► render (text) ────────────────┐
//!                   └─► document, results (JSON) ─────┴─► ui ─► stdout / stderr
//! ```
//!
//! *The seam is at the bytes.* [`backend::Transport`] has four doors (exchange datagrams, read a kernel file whole or in pieces, write
//! one, the clocks), the lock that belongs to them, and says which kernel and which table it is. Behind it is the running kernel or the simulated one, which
//! receives the very datagrams the kernel would. Nothing opens `/proc` of IPVS beside it.
//!
//! *A transaction works on a rehearsal.* [`session`] starts a simulated kernel that stands for the live table,
//! fetches what is touched when it is first touched, and runs every verb against it; the verb fails at its own line
//! with the kernel's error. The difference between what was fetched and what the rehearsal holds is a
//! [`txn::Plan`], which is shown, dropped or committed. What a rehearsal can't know (a scheduler of this kernel, an
//! interface, a point in which releases differ) passes, and the kernel's refusal at commit is undone.
//!
//! *Commit is honest.* [`txn::Plan::commit`] reads again what the plan touches (a difference is a conflict, nothing
//! is sent), sends many requests in one datagram with a request of its own at the end as the barrier, and reads
//! back. A refusal, a lost answer or a signal rolls back: only what still is as it was left is inverted. The
//! outcome is committed, rolled back, or indeterminate with what is left.
//!
//! *A commit outlives its program.* [`journal`] has its record on disk before the first request, and its outcome before
//! the commit lock is given back: whoever holds the lock and finds a record without outcome knows that its program
//! is gone, and rolls back from the record, by the same steps as a refusal does. A commit to be confirmed has a watcher, a
//! process of its own, before anything is sent. The lock ([`backend::CommitLock`]) is one that only who could commit can hold.
//!
//! *The simulated kernel balances*, on a clock of its own that stands still until somebody waits: packets go in at [`sim::SimulatedKernel::packet`],
//! what is to come is data on the clock ([`sim::Happening`], [`sim::Load`]), never code, and a savepoint shares the connection table until one side
//! changes it. What real kernels did is played again ([`session::replay()`]) and must come out the same. `sim::` of the language and
//! `ipvsh simulate` ([`session::WhatIf`]) are built on it.
//!
//! *A simulated table in a file is shared as a kernel is.* The lock spans reading the file, the journal and writing it; with every
//! request the simulated kernel takes over what others wrote ([`sim::Store`], [`session::TableFile`]).
//!
//! *A script ends when it must, whatever function it is in.* Functions ask for memory and look at signals (`script/limits`,
//! `script/bind/bounded`); where one does neither, the program is ended from outside, and the journal recovers
//! (`script/backstop`).
//!
//! *A test of a script cannot harm another one.* Each has a simulated kernel, a clock and a journal of its own ([`script::Suite`]), and each file
//! of tests a process of its own, which is replaced when it ends (`cli/test/pool`). Which lines ran is noted by the engine's debugger
//! (`script/coverage`).
//!
//! *All who look share one reader* ([`observe`]): a thread of its own, with a session of its own, which reads while somebody looks.
//! What changed between two looks is told with the commit that did it, or as foreign. A [`recording`] keeps what it saw, and is a source of it:
//! what looks at a table looks at any moment of one. Connections come from a [`session::ConnectionSource`] either way.
//!
//! *Signals are caught in [`session::Interrupt`]* and looked at when it is safe: between datagrams, while waiting, in every function of
//! a script. While something would be torn apart they are held.
//!
//! *Foreign text is written out.* [`model::shown`] puts it into sentences, and the door to the terminal lets nothing pass but our own
//! colours (`ui/filter`).
//!
//! *A runbook is commits that are rolled back as a whole.* Its record in [`journal`] is open, and its file locked, for as long as its
//! program lives; each commit names it. [`session`] rolls it back commit by commit, the latest first; if the program is gone, whoever
//! finds the record unlocked does. Guards ([`txn::Guards`]) are checked
//! inside of a commit, under the commit lock; before that only so that nobody is asked about what would be refused, and in
//! rehearsals.
//!
//! # Modules, in reading order
//!
//! [`model`] the vocabulary · [`config`] the environment · [`ui`] the door to the terminal · [`files`] written whole
//! · [`manual`] the pages that `ipvsh help` shows · [`wire`] bytes and records · [`backend`] a typed client for one kernel · [`sim`] the simulated
//! kernel · [`txn`] all or nothing · [`ipvsadm`] the language of the original, read and written ·
//! [`document`] what is read and written · [`journal`] what lasts of commits · [`session`] what front ends
//! drive · [`observe`] one reader for all who look · [`recording`] what it saw, on disk · [`results`] what other programs are told · [`render`] text for people · [`script`] the Rhai host · [`repl`] the prompt · [`top`] the table live · `cli` the command line.
//!
//! The language of the original is [`ipvsadm`], read and written side by side. The drop-in is `cli/ipvsadm`: it sends requests as they
//! are ([`session::Session::execute_each`]), and stages the same operations where lines are to be one transaction or
//! guards are set.
//!
//! `ipvsh drain` is a script of the built-in library: one form for the command line and for scripts.
//!
//! # Where to look
//!
//! - Why something can't be done, in words: `session/error`, and for the drop-in `cli/ipvsadm/compat`; what the kernel's refusals mean:
//!   `backend/refusal`.
//! - How a commit ended, and what to do about it: `cli/report`; in JSON `results/envelope`; exit statuses: `results/exit`.
//! - From Ctrl-C to the status: `session/interrupt`, `session/commit`, `txn/commit`, `backend/execute`, `txn/rollback`, `cli/failure`.
//! - A new number of a real server: [`model::ServerNumber`], `model/edit`, `wire`, `backend/convert`, `sim`, `script/values`. A new
//!   forwarding method: [`model::ForwardingMethod`], the same, and `ipvsadm`, `txn/footprint`, `sim/proc_files`.
//! - A new guard: `txn/guard` (`txn/weights` for weights), `cli/guard_file`, `cli/settings`.
//! - What rolls back: `txn/rollback` one commit, `session/runbook/rollback` a runbook, whether it failed or its program was killed;
//!   `session/history/recovery` finds what is due.
//!
//! # Words
//!
//! - *Plan*: the difference between what was read and what is to be, as changes; what is shown, kept and committed.
//! - *Commit*: sending a plan, checked before and verified after; its *record* is in the journal.
//! - *Commit lock*: held from the check until the outcome is recorded; only who could commit can hold it.
//! - *Roll back*: to reverse what a commit or runbook did that failed, was interrupted or was not confirmed.
//! - *Undo*: a new commit that reverses an earlier one; what was interrupted, or left residue, is rolled back first. *Redo*: a new commit that reverses the newest undo.
//! - *Restore*: to go back to a *savepoint*, a named moment of an open block.
//! - *Recover*: to roll back or complete what a crash interrupted.
//! - *Residue*: what is left in the table of a commit that neither went through nor was rolled back in full.
//! - *Guard*: a rule that a plan must keep; overridden by name alone.
//! - *Drain*: to take a real server out without cutting connections: weight 0, then waiting.
//! - *Runbook*: commits that are rolled back as a whole; each part is a *step*.
//! - *Rehearsal*: a simulated kernel that stands for the live table while a plan is made.
//! - *Destination* and *real server* are one thing: identifiers and scripts say the first, people the second.
//!
//! # What never happens
//!
//! - Imports point down; `tests/architecture.rs` holds the table. Files of a room that import each other in a circle get fewer;
//!   `tests/house.rs` holds the list, and a test for each line here that a test can notice.
//! - `model` does no I/O and has no serialised form: forms are derived in `document`, `results` and, for what is kept, in `journal` and `recording`.
//! - `wire` attaches no meaning, `backend::convert` attaches all of it.
//! - `sim` shares no rule with `model` or `txn`: it would agree with their mistakes.
//! - `txn` sees neither bytes nor errno numbers.
//! - Only `ui` and `cli` print. Only `config` and `cli` look at the environment, and `ui` at the width that it names.
//! - A clock is read in `backend` (the transport's, and waits for locks), `journal` and `session` (times of records), `observe` (when
//!   to look, and when that was), `render` (the time above a list, and what "five minutes ago" is), `cli/record` (when that ends), `cli/top_screen` (how old what is shown is) and `cli/test` (how long tests take), nowhere else.
//! - Rhai does not appear outside `script`, clap not outside `cli`, rustyline not outside `repl`, ratatui not outside `top` and `ui`, neli not outside `backend`, nor libc but for the
//!   shape of terminal settings (`repl`).
//! - No state outlives a call but whether standard output was closed from the start (`ui`), which signals were ignored (`config`), an
//!   engine to use again and what a script may take (`script`): there is one allocator.
//! - Unsafe code stands in `backend/socket.rs` alone; an attribute in `ui` has the word, as code before `main` is unsafe in principle.
//! - No module of a C library is loaded into a program that has one inside (`cargo static`): the machine's `getent` is asked for
//!   names, and `/etc/passwd` is read.
//! - What a user or a kernel wrote never makes the program panic.
//!
//! # Knowingly different from the first plan
//!
//! - `Transport` receives through a callback, so that replies are read where they lie.
//! - The lock is taken through the transport: it belongs to the network namespace that the transport owns, or to the store of a
//!   simulated table. It lies on two files, as no one file can be opened by all who could commit and by nobody else.
//! - `backend` asks `config` for users, `journal` asks `config` and `files` for users and for files without a name.
//! - A document and a command line are both turned into *edits* ([`model::ServiceEdit`]): one form says what to set,
//!   what to keep, and what no user may create.
//! - A rehearsal hands its requests to the simulated kernel as records: the same rules without framing and policy,
//!   which a test proves with random requests through both doors.
//! - A record holds both ends of what a plan touches, not a list of changes: the documents that are there already read and
//!   write them, and plan and inverse are their differences.
//! - What a guard refuses has the exit status of other refusals, 3, and not one of its own: nothing was sent either way.
//! - Framing is written by hand beside the attributes; neli owns the socket.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod model;

pub mod config;
pub mod ui;

pub mod files;
pub mod manual;

pub mod wire;

pub mod backend;

pub mod sim;

pub mod txn;

pub mod ipvsadm;

pub mod document;

pub mod journal;

pub mod session;

pub mod observe;

pub mod recording;

pub mod results;

pub mod render;

pub mod script;

pub mod repl;

// Without a terminal to draw on, what is drawn alone has no use.
#[cfg_attr(not(feature = "tui"), allow(dead_code))]
pub mod top;

mod cli;

pub use cli::{drop_in, run};
