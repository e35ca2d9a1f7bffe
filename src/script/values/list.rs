//! Lists of snapshots: types of their own, because Rhai's arrays are copied whenever they are handed on.

use std::fmt::Display;
use std::rc::Rc;

use rhai::{Engine, EvalAltResult, Position};

/// A list that can be read and not changed.
#[derive(Debug)]
pub(in crate::script) struct List<T>(Rc<Vec<T>>);

impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T: Display> List<T> {
    pub(in crate::script) fn new(items: Vec<T>) -> Self {
        Self(Rc::new(items))
    }

    pub(in crate::script) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    /// Returns one line for each element.
    pub(in crate::script) fn lines(&self) -> String {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        lines.join("\n")
    }

    fn inline(&self) -> String {
        let items: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        format!("[{}]", items.join(", "))
    }
}

/// Walks a list without copying it.
pub(in crate::script) struct Walk<T> {
    list: List<T>,
    next: usize,
}

impl<T: Clone> Iterator for Walk<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let item = self.list.0.get(self.next).cloned();
        self.next += 1;
        item
    }
}

impl<T: Clone> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = Walk<T>;

    fn into_iter(self) -> Walk<T> {
        Walk {
            list: self,
            next: 0,
        }
    }
}

/// Something that can be named by its id.
pub(in crate::script) trait Named {
    /// Returns the id.
    fn id(&self) -> String;

    /// Returns whether a text is its id, or its full name.
    fn is_named(&self, text: &str) -> bool {
        self.id() == text
    }
}

/// Registers what a list can do: `len`, `is_empty`, index, iteration, `in`. The rest is bound in `bind/lists.rs`.
pub(super) fn register<T: Clone + Display + Named + 'static>(engine: &mut Engine, name: &str) {
    engine.register_type_with_name::<List<T>>(name);
    engine.register_iterator::<List<T>>();
    let length = |list: &mut List<T>| i64::try_from(list.0.len()).unwrap_or(i64::MAX);
    engine.register_fn("len", length);
    engine.register_get("len", length);
    engine.register_fn("is_empty", |list: &mut List<T>| list.0.is_empty());
    engine.register_get("is_empty", |list: &mut List<T>| list.0.is_empty());
    engine.register_fn("contains", |list: &mut List<T>, id: &str| {
        list.0.iter().any(|item| item.is_named(id))
    });
    engine.register_fn("to_string", |list: &mut List<T>| list.inline());
    engine.register_fn("to_debug", |list: &mut List<T>| list.inline());
    engine.register_indexer_get(
        |list: &mut List<T>, index: i64| -> Result<T, Box<EvalAltResult>> {
            let place = if index < 0 {
                usize::try_from(index.unsigned_abs())
                    .ok()
                    .and_then(|back| list.0.len().checked_sub(back))
            } else {
                usize::try_from(index).ok()
            };
            let item = place.and_then(|place| list.0.get(place)).cloned();
            item.ok_or_else(|| {
                EvalAltResult::ErrorArrayBounds(list.0.len(), index, Position::NONE).into()
            })
        },
    );
}
