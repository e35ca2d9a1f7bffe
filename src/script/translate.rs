//! Rhai's own errors in the words of this language.

use rhai::{EvalAltResult, ParseError};

/// Returns a compile error in words.
pub(super) fn parse_error(error: &ParseError) -> String {
    if let rhai::ParseErrorType::ForbiddenVariable(name) = error.err_type() {
        return format!("`{name}` is a word of the language; a variable needs another name");
    }
    clean(&error.err_type().to_string())
}

/// Returns a run-time error in words.
pub(super) fn run_error(error: &EvalAltResult) -> String {
    match error {
        EvalAltResult::ErrorDataRace(..) => {
            "a value is used inside a closure while a method works on it: take what the closure needs before, as in `let sum = svc.weight_sum;`".to_owned()
        }
        EvalAltResult::ErrorNonPureMethodCallOnConstant(name, _) => format!(
            "`{name}` would change a snapshot or another constant, which can't be changed; `sort_by`, `filter`, `map` and `first` return new lists"
        ),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            format!("there is no function {}", clean(signature))
        }
        EvalAltResult::ErrorPropertyNotFound(name, _) => {
            format!("there is no property {}", clean(name))
        }
        EvalAltResult::ErrorParsing(error, _) => clean(&error.to_string()),
        EvalAltResult::ErrorAssignmentToConstant(name, _) => {
            format!("`{name}` can't be changed: it is a constant or part of a snapshot")
        }
        other => clean(&other.to_string()),
    }
}

/// Replaces the names of types inside the program by the words of the language.
pub(super) fn clean(text: &str) -> String {
    let words = [
        ("&str | ImmutableString | String", "text"),
        ("ImmutableString", "text"),
        ("&str", "text"),
        ("i64", "number"),
        ("f64", "number"),
        ("alloc::string::String", "text"),
        ("rhai::types::fn_ptr::FnPtr", "closure"),
    ];
    let mut text = text.to_owned();
    for (rust, word) in words {
        text = text.replace(rust, word);
    }
    text
}
