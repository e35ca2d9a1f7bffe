//! The keys of the pager. They pass through the line editor, which may have read ahead what was typed or pasted: what is none of
//! the pager's is for the prompt.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rustyline::{
    Cmd, ConditionalEventHandler, Event, EventContext, KeyCode, KeyEvent, Modifiers, RepeatCount,
};

/// Whether a single key is waited for, or a line; and the key that came. The keys pass through the line editor, which may
/// have read ahead what was typed or pasted.
#[derive(Default)]
pub(super) struct Asked {
    /// For an answer and not for a line of the prompt: the history knows nothing of answers.
    pub(super) answer: AtomicBool,
    /// For a single key.
    pub(super) key: AtomicBool,
    came: Mutex<Option<KeyEvent>>,
}

/// Ends the line at once when a single key is waited for.
pub(super) struct SingleKey(pub(super) Arc<Asked>);

impl ConditionalEventHandler for SingleKey {
    fn handle(
        &self,
        event: &Event,
        _: RepeatCount,
        _: bool,
        context: &EventContext<'_>,
    ) -> Option<Cmd> {
        if !self.0.key.load(Ordering::SeqCst) || !context.line().is_empty() {
            return None;
        }
        let key = *event.get(0)?;
        // What is pasted is for the prompt as a whole.
        if key.0 == KeyCode::BracketedPasteStart {
            return None;
        }
        if let Ok(mut came) = self.0.came.lock() {
            *came = Some(key);
        }
        Some(Cmd::AcceptLine)
    }
}

/// What a pager is told.
pub(super) enum Turn {
    Page,
    All,
    Stop,
    /// And this is the beginning of the next line of the prompt.
    Typed(String),
}

impl Asked {
    /// Returns what the key that came tells the pager; `line` is what the editor had by then.
    pub(super) fn turn(&self, line: String) -> Turn {
        let came = self.came.lock().ok().and_then(|mut came| came.take());
        match came {
            Some(KeyEvent(KeyCode::Enter | KeyCode::Char(' ') | KeyCode::PageDown, _)) => {
                Turn::Page
            }
            Some(KeyEvent(KeyCode::Char('J' | 'M'), Modifiers::CTRL)) => Turn::Page,
            Some(KeyEvent(KeyCode::Char('a'), Modifiers::NONE)) => Turn::All,
            Some(KeyEvent(KeyCode::Char('q') | KeyCode::Esc, _)) => Turn::Stop,
            Some(KeyEvent(KeyCode::Char(key), Modifiers::NONE | Modifiers::SHIFT)) => {
                Turn::Typed(key.to_string())
            }
            Some(_) => Turn::Stop,
            None => Turn::Typed(line),
        }
    }
}
