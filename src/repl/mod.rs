//! The prompt. The only place that knows the line editor.
//!
//! `prompt` is what the prompt does with an input, without any terminal, `meta` its own commands, `undo` two of them; `words` shows lines
//! of `ipvsadm` in the words of the language; `complete` and `highlight` help while one types; `terminal` is the loop
//! around the editor.

mod complete;
mod highlight;
mod meta;
mod pager;
mod prompt;
mod tell;
mod terminal;
mod undo;
mod words;

pub use complete::{Candidate, Completer};
pub use prompt::{Next, Prompt, Screen};
pub use terminal::{Setup, run};
