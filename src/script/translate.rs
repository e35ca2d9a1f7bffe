//! Rhai's own errors in the words of this language.

use rhai::{EvalAltResult, LexError, ParseError, ParseErrorType};

use crate::model::shown;

/// Returns a compile error in words.
pub(super) fn parse_error(error: &ParseError) -> String {
    match error.err_type() {
        ParseErrorType::ForbiddenVariable(name) => {
            format!("`{name}` is a word of the language; a variable needs another name")
        }
        ParseErrorType::VariableUndefined(name) => undefined(name),
        ParseErrorType::BadInput(LexError::MalformedChar(text)) => format!(
            "'{}' is not a character; a text stands in double quotes: \"{}\"",
            shown(text),
            shown(text)
        ),
        other => clean(&other.to_string()),
    }
}

/// Says that there is no such variable, and which form works of what people try first.
fn undefined(name: &str) -> String {
    const NAMESPACES: [&str; 9] = [
        "service",
        "destination",
        "scheduler",
        "stats",
        "table",
        "timeouts",
        "daemon",
        "sysctl",
        "history",
    ];
    const FIELDS: [&str; 8] = [
        "weight",
        "forwarding",
        "tunnel",
        "persistence",
        "one_packet",
        "scheduler_flags",
        "upper_threshold",
        "lower_threshold",
    ];
    let form = match name {
        "list" | "ls" => "the table is listed by `service::list()`; at the prompt `:list` shows it".to_owned(),
        "args" => "`args` is a function: `args()[0]` is the first argument".to_owned(),
        "tcp" | "udp" | "sctp" | "fwmark" | "fwmark6" => {
            format!("the name of a service is a text: \"{name}://…\"")
        }
        "add" | "edit" | "delete" | "ensure" | "absent" => {
            format!("verbs are functions of a namespace: `service::{name}(\"tcp://192.0.2.1:80\")`, `destination::{name}(…)`")
        }
        "drain" | "undrain" => "draining is part of the library: `import \"std/drain\" as drain; drain::server(\"10.0.0.2\")`".to_owned(),
        "undo" | "redo" => format!("`history::undo()` takes the last commit back; at the prompt `:{name}`"),
        name if NAMESPACES.contains(&name) => {
            format!("`{name}` is a namespace: what is in it is called as `{name}::NAME(…)`, and `help {name}` lists it")
        }
        name if FIELDS.contains(&name) => {
            format!("a map of fields is written `#{{ {name}: … }}`")
        }
        _ => return format!("there is no variable `{}`", shown(name)),
    };
    format!("there is no variable `{name}`; {form}")
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
            missing_argument(signature)
                .unwrap_or_else(|| format!("there is no function {}", clean(signature)))
        }
        EvalAltResult::ErrorPropertyNotFound(name, _) => {
            format!("there is no property {}", clean(name))
        }
        EvalAltResult::ErrorParsing(error, _) => clean(&error.to_string()),
        EvalAltResult::ErrorVariableNotFound(name, _) if name.contains("::") => {
            format!("`{name}` is no value; a function is called with brackets: `{name}()`")
        }
        EvalAltResult::ErrorVariableNotFound(name, _) => undefined(name),
        EvalAltResult::ErrorDotExpr(text, _) if text.contains("setter") => {
            "a snapshot can't be changed; a verb changes the table, as in `d.edit(#{ weight: 5 })` or `destination::edit(…, #{ weight: 5 })`".to_owned()
        }
        EvalAltResult::ErrorAssignmentToConstant(name, _) => {
            format!("`{name}` can't be changed: it is a constant or part of a snapshot")
        }
        other => clean(&other.to_string()),
    }
}

/// Says which argument of a call is `()`, if one is: no function takes that, and it is mostly a slip before the call.
fn missing_argument(signature: &str) -> Option<String> {
    let (name, arguments) = signature.split_once(" (")?;
    let arguments = arguments.strip_suffix(')')?;
    let place = arguments
        .split(", ")
        .position(|argument| argument == "()")?;
    Some(format!(
        "argument {} of {name} is (), which is what a misspelt property or a missing field gives",
        place + 1
    ))
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
