//! Errors of a script that can't be compiled, in the words of the language.

use rhai::{LexError, ParseError, ParseErrorType};

use super::{names, undefined};
use crate::model::{shown, suggestion};

/// Returns a compile error in words.
pub(in crate::script) fn parse_error(error: &ParseError) -> String {
    of_type(error.err_type())
}

/// Returns the kind of a compile error in words.
pub(super) fn of_type(error: &ParseErrorType) -> String {
    use ParseErrorType as Is;
    match error {
        Is::ForbiddenVariable(name) => {
            format!("`{name}` is a word of the language; a variable needs another name")
        }
        Is::VariableUndefined(name) => undefined(name),
        Is::ModuleUndefined(name) => no_namespace(name),
        Is::BadInput(error) => lexical(error),
        Is::UnexpectedEOF => "the script ends in the middle of this".to_owned(),
        Is::UnknownOperator(text) => {
            format!("`{}` is no operator of the language", shown(text))
        }
        Is::MissingToken(token, why) => {
            format!("a `{}` is missing here {}", shown(token), names(why))
        }
        Is::MissingSymbol(_) => "a word of the language is missing here".to_owned(),
        Is::MalformedIndexExpr(_) => {
            "a number or a text belongs into the brackets, as in `list[0]` or `map[\"name\"]`"
                .to_owned()
        }
        Is::MalformedCapture(_) => "`!` can't stand before the brackets of this call".to_owned(),
        Is::DuplicatedProperty(name) => format!("`{}` is given twice in this map", shown(name)),
        Is::DuplicatedVariable(name) | Is::VariableExists(name) => {
            format!("there is a variable `{}` already", shown(name))
        }
        Is::WrongSwitchIntegerCase => {
            "single numbers of a `switch` stand before its ranges".to_owned()
        }
        Is::WrongSwitchDefaultCase => "`_` is the last case of a `switch`".to_owned(),
        Is::WrongSwitchCaseCondition => "this case of a `switch` takes no `if`".to_owned(),
        Is::PropertyExpected => "the name of a field belongs here".to_owned(),
        Is::VariableExpected => "the name of a variable belongs here".to_owned(),
        Is::Reserved(word) if word.starts_with(|first: char| first.is_ascii_alphabetic()) => {
            format!("`{}` is a word that the language keeps for itself", shown(word))
        }
        Is::Reserved(symbol) => format!("`{}` means nothing here", shown(symbol)),
        Is::MismatchedType(wanted, found) => {
            format!("{} belongs here, not {}", super::a(wanted), super::a(found))
        }
        Is::ExprExpected(_) => "a value belongs here".to_owned(),
        Is::WrongDocComment => {
            "a comment of `///` belongs right before a function; `//` is for all others".to_owned()
        }
        Is::WrongFnDefinition => {
            "functions are defined at the outermost level of a script, not inside a block".to_owned()
        }
        Is::FnDuplicatedDefinition(name, count) => format!(
            "there is a function `{}` with {count} parameters already",
            shown(name)
        ),
        Is::FnMissingName => "the name of the function is missing".to_owned(),
        Is::FnMissingParams(name) => format!(
            "the parameters of `{}` are missing: `fn {}(…) {{ … }}`",
            shown(name),
            shown(name)
        ),
        Is::FnDuplicatedParam(name, parameter) => format!(
            "`{}` has two parameters named `{}`",
            shown(name),
            shown(parameter)
        ),
        Is::FnMissingBody(_) => {
            "the body of the function is missing: it stands in `{` and `}`".to_owned()
        }
        Is::WrongExport => "`export` stands at the outermost level of a script".to_owned(),
        Is::AssignmentToConstant(name) if name.is_empty() => {
            "a value can't be assigned to: `==` compares".to_owned()
        }
        Is::AssignmentToConstant(name) => format!("`{}` is a constant", shown(name)),
        Is::AssignmentToInvalidLHS(_) => {
            "only a variable, a field of a map or an item of a list can be assigned to; a verb such as `service::edit(…)` changes the table".to_owned()
        }
        Is::ExprTooDeep => "this lies too deep within brackets or blocks".to_owned(),
        Is::TooManyFunctions => "the script has too many functions".to_owned(),
        Is::LiteralTooLarge(_, most) => {
            format!("this is longer than a value may be ({most})")
        }
        Is::LoopBreak => "`break` and `continue` stand inside a loop".to_owned(),
        // The list may grow with the language.
        other => names(&other.to_string()),
    }
}

fn lexical(error: &LexError) -> String {
    use LexError as Is;
    match error {
        Is::MalformedChar(text) => format!(
            "'{0}' is not a character; a text stands in double quotes: \"{0}\"",
            shown(text)
        ),
        Is::UnexpectedInput(text) => format!("`{}` belongs nowhere here", shown(text)),
        Is::UnterminatedString => "the text that begins here has no end".to_owned(),
        Is::StringTooLong(most) => {
            format!("a text between quotes has at most {most} characters")
        }
        Is::MalformedEscapeSequence(text) => format!(
            "`{}` is no escape; a backslash is written `\\\\`, a newline `\\n`",
            shown(text)
        ),
        Is::MalformedNumber(text) => format!("`{}` is no number", shown(text)),
        Is::MalformedIdentifier(text) => format!("`{}` can't be a name", shown(text)),
        Is::ImproperSymbol(symbol, text) => improper(symbol, text),
        Is::Runtime(text) => names(text),
        // The list may grow with the language.
        other => names(&other.to_string()),
    }
}

/// A symbol where none belongs: what the language says itself of its blocks is said, of the rest what was meant.
fn improper(symbol: &str, text: &str) -> String {
    let symbol = shown(symbol);
    if text.contains("is disabled") || text.contains("reserved") {
        return format!("`{symbol}` is a word that the language keeps for itself");
    }
    if !text.is_empty() && !text.contains("is not a valid") {
        return names(text);
    }
    let meant = text
        .split_once("Should it be '")
        .and_then(|(_, rest)| rest.split('\'').next());
    match meant {
        Some(meant) => format!("`{symbol}` means nothing; did you mean `{meant}`?"),
        None => format!("`{symbol}` means nothing here"),
    }
}

fn no_namespace(name: &str) -> String {
    match suggestion(name, super::NAMESPACES) {
        Some(near) => format!(
            "there is no namespace `{}`; did you mean `{near}`?",
            shown(name)
        ),
        None => format!(
            "there is no namespace `{}`; there are {}, and what `import` names",
            shown(name),
            super::NAMESPACES.join(", ")
        ),
    }
}
