//! The prompt. The only place that knows the line editor.
//!
//! `prompt` is what the prompt does with an input, without any terminal, `meta` its own commands, `listings` and `undo` some of them;
//! `counterpart` answers lines of `ipvsadm` with those that do the same here; `complete` and `highlight` help while one types; `terminal` is the loop
//! around the editor.

mod complete;
mod counterpart;
mod highlight;
mod listings;
mod meta;
mod pager;
mod prompt;
mod tell;
mod terminal;
mod undo;

pub use complete::{Candidate, Completer};
pub use prompt::{Next, Prompt, Screen};
pub use terminal::{Setup, run};
