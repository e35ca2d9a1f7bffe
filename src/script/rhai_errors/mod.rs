//! Rhai's own errors in the words of this language.

mod compile;

use rhai::EvalAltResult;

pub(super) use compile::parse_error;

use super::keys;
use super::reference;
use crate::model::{shown, suggestion};

/// The namespaces of the language.
pub const NAMESPACES: [&str; 12] = [
    "connections",
    "test",
    "service",
    "destination",
    "scheduler",
    "stats",
    "table",
    "timeouts",
    "daemon",
    "sysctl",
    "history",
    "sim",
];

/// Says that there is no such variable, and which form works of what people try first.
fn undefined(name: &str) -> String {
    const OF_SERVICES: [&str; 3] = ["persistence", "one_packet", "scheduler_flags"];
    let is_field = |name: &str| OF_SERVICES.contains(&name) || keys::DESTINATION.contains(&name);
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
        "undo" | "redo" => format!("it is a function: `history::{name}()`; at the prompt `:{name}`"),
        name if NAMESPACES.contains(&name) => {
            format!("`{name}` is a namespace: what is in it is called as `{name}::NAME(…)`, and `help {name}` lists it")
        }
        name if is_field(name) => {
            format!("a map of fields is written `#{{ {name}: … }}`")
        }
        _ => return format!("there is no variable `{}`", shown(name)),
    };
    format!("there is no variable `{name}`; {form}")
}

/// Returns a run-time error in words.
pub(super) fn run_error(error: &EvalAltResult) -> String {
    use EvalAltResult as Is;
    match error {
        Is::ErrorDataRace(..) => {
            "a value is used inside a closure while a method works on it: take what the closure needs before, as in `let sum = svc.weight_sum;`".to_owned()
        }
        Is::ErrorNonPureMethodCallOnConstant(name, _) => format!(
            "`{name}` would change a snapshot or another constant, which can't be changed; `sort_by`, `filter`, `map` and `first` return new lists"
        ),
        Is::ErrorFunctionNotFound(signature, _) => missing_argument(signature)
            .or_else(|| other_arguments(signature))
            .unwrap_or_else(|| format!("there is no function {}", clean(signature))),
        Is::ErrorPropertyNotFound(name, _) => format!("there is no property {}", clean(name)),
        Is::ErrorParsing(error, _) => compile::of_type(error),
        Is::ErrorVariableNotFound(name, _) if name.contains("::") => {
            format!("`{name}` is no value; a function is called with brackets: `{name}()`")
        }
        Is::ErrorVariableNotFound(name, _) => undefined(name),
        Is::ErrorVariableExists(name, _) => format!("there is a variable `{}` already", shown(name)),
        Is::ErrorForbiddenVariable(name, _) => {
            format!("`{}` is a word of the language; a variable needs another name", shown(name))
        }
        Is::ErrorModuleNotFound(name, _) => format!("there is nothing to import as {}", shown(name)),
        Is::ErrorDotExpr(text, _) => property(text),
        Is::ErrorAssignmentToConstant(name, _) => {
            format!("`{name}` can't be changed: it is a constant or part of a snapshot")
        }
        Is::ErrorIndexingType(text, _) => index(text),
        Is::ErrorIndexNotFound(value, _) => format!("there is no item {}", shown(&value.to_string())),
        Is::ErrorArrayBounds(length, place, _) => match length {
            0 => format!("there is no item {place}: the list is empty"),
            1 => format!("there is no item {place}: the list has one, which is item 0"),
            _ => format!("there is no item {place}: the list has {length}, from 0 to {}", length - 1),
        },
        Is::ErrorStringBounds(length, place, _) => match length {
            0 => format!("there is no character {place}: the text is empty"),
            1 => format!("there is no character {place}: the text has one, which is character 0"),
            _ => format!("there is no character {place}: the text has {length}, from 0 to {}", length - 1),
        },
        Is::ErrorBitFieldBounds(_, place, _) => {
            format!("there is no bit {place}: a number has those from 0 to 63")
        }
        Is::ErrorFor(_) => "`for` goes over a list, a range or the keys of a map, and this is none".to_owned(),
        Is::ErrorMismatchDataType(wanted, found, _) => {
            format!("{} belongs here, not {}", a(wanted), a(found))
        }
        Is::ErrorMismatchOutputType(wanted, found, _) => {
            format!("this gives {}, where {} belongs", a(found), a(wanted))
        }
        Is::ErrorArithmetic(text, _) => arithmetic(text),
        Is::ErrorUnboundThis(_) => "`this` is the object that a method is called on, and there is none".to_owned(),
        Is::ErrorTooManyVariables(_) => "the script has too many variables at once".to_owned(),
        Is::ErrorTooManyModules(_) => "the script imports too many modules".to_owned(),
        Is::ErrorDataTooLarge(..) => "a value is larger than a value may be".to_owned(),
        Is::ErrorSystem(text, cause) if text.is_empty() => names(&cause.to_string()),
        Is::ErrorSystem(text, _) => names(text),
        Is::LoopBreak(..) => "`break` and `continue` stand inside a loop".to_owned(),
        // The list may grow with the language.
        other => names(&clean(&other.to_string())),
    }
}

/// Says what is wrong behind a dot.
fn property(text: &str) -> String {
    if text.contains("setter") {
        return "a snapshot can't be changed; a verb changes the table, as in `d.edit(#{ weight: 5 })` or `destination::edit(…, #{ weight: 5 })`".to_owned();
    }
    let mut quoted = text.split('\'').skip(1).step_by(2);
    let (Some(name), Some(kind)) = (quoted.next(), quoted.next()) else {
        return names(text);
    };
    let name = shown(name);
    if kind == "()" {
        return format!(
            "there is no `{name}` of (): what stands before the dot is missing, as a misspelt property or a field that is not there"
        );
    }
    let entries = reference::entries();
    let prefix = format!("{kind}.");
    let known = entries
        .iter()
        .filter_map(|entry| entry.name.strip_prefix(&prefix));
    match suggestion(&name, known) {
        Some(near) => format!("{} has no `{name}`; did you mean `{near}`?", a(kind)),
        None if entries.iter().any(|entry| entry.name.starts_with(&prefix)) => {
            format!(
                "{} has no `{name}`; `help {kind}` lists what it has",
                a(kind)
            )
        }
        None => format!("{} has no `{name}`", a(kind)),
    }
}

/// Says what is wrong between square brackets.
fn index(text: &str) -> String {
    let (of, index) = text
        .strip_suffix(']')
        .and_then(|text| text.split_once(" ["))
        .unwrap_or((text, ""));
    match of {
        "()" => "there is no item of (): what stands before the brackets is missing, as a misspelt property or a field that is not there".to_owned(),
        "ServiceList" | "DestinationList" => format!(
            "{} is indexed by a number, as in `list[0]`, not by {}; `service::get(\"tcp://192.0.2.1:80\")` finds one by its key",
            a(of),
            a(index)
        ),
        "array" | "string" => format!("{} is indexed by a number, not by {}", a(of), a(index)),
        "map" => format!("a map is indexed by a text, not by {}", a(index)),
        _ => format!("{} can't be indexed; its properties stand behind a dot", a(of)),
    }
}

/// Says why a calculation has no result.
fn arithmetic(text: &str) -> String {
    let Some((what, calculation)) = text.split_once(": ") else {
        return names(text);
    };
    match what {
        "Division by zero" | "Modulo division by zero or overflow" => {
            format!("{calculation} divides by zero")
        }
        _ if what.ends_with("overflow") => {
            format!("{calculation} is larger than a whole number can be")
        }
        "Integer raised to a negative power" => format!("{calculation} is no whole number"),
        _ => names(text),
    }
}

/// Returns the name of a type with its article.
fn a(kind: &str) -> String {
    let bare = kind.strip_prefix("a ").or_else(|| kind.strip_prefix("an "));
    let name = match bare.unwrap_or(kind) {
        "i64" | "f64" | "number" | "decimal" => "a number",
        "string" | "ImmutableString" | "&str" | "text" | "&str | ImmutableString | String" => {
            "a text"
        }
        "array" | "Array" | "vector" | "iterable value" => "a list",
        "map" | "Map" => "a map",
        "bool" | "boolean" | "boolean expression" => "true or false",
        "Fn" | "FnPtr" | "rhai::types::fn_ptr::FnPtr" => "a closure",
        "char" => "a character",
        "timestamp" => "a point in time",
        "Service" => "a virtual service",
        "ServiceList" => "a list of virtual services",
        "Destination" => "a real server",
        "DestinationList" => "a list of real servers",
        "" | "()" => "()",
        other if other.starts_with(['A', 'E', 'I', 'O']) => {
            return format!("an {}", other.to_lowercase());
        }
        other => return format!("a {}", clean(other).to_lowercase()),
    };
    name.to_owned()
}

/// Replaces Rhai's names of things by those of the language.
fn names(text: &str) -> String {
    let words = [
        ("this object map literal", "this map"),
        ("this array literal", "this list"),
        ("object map", "map"),
        ("Object map", "map"),
        ("array", "list"),
        ("Array", "list"),
        ("string", "text"),
        ("String", "text"),
        ("arguments list", "arguments"),
        ("parameters list", "parameters"),
    ];
    words.iter().fold(clean(text), |text, (theirs, ours)| {
        text.replace(theirs, ours)
    })
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

/// Says what a function of the language takes that was called with something else.
fn other_arguments(signature: &str) -> Option<String> {
    let (name, arguments) = signature.split_once(" (")?;
    let given = arguments.strip_suffix(')')?;
    let entries = reference::entries();
    let taken: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.name == name)
        .filter_map(|entry| entry.signature.split(" -> ").next())
        .filter(|form| form.ends_with(')'))
        .collect();
    if taken.is_empty() {
        return None;
    }
    let given = match given {
        "" => "nothing".to_owned(),
        given => given.split(", ").map(a).collect::<Vec<_>>().join(", "),
    };
    Some(format!(
        "`{name}` is called with {given}; it is `{}`, and `help {name}` says what each takes",
        taken.join("` or `")
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
