//! What is wrong with a document, in words: the object, the field, and the place where the value begins.
//!
//! While a document is read, an error goes up from the value to the whole, and each level puts its name before it ([`under`]).
//! Here the names are taken off again and the place is looked up in the text. The reader's own words are never shown.

use std::ops::Range;

use serde::de::Error;

use super::error::DocumentError;
use super::file_kind::FileKind;
use super::scan::{self, Step};
use super::yaml::{converted, is_yaml};
use crate::model::{DestinationKey, ObjectId, Protocol, ServerNumber, ServiceKey, shown};

/// Ends a name.
const MARK: char = '\u{1f}';

/// Puts the name of a field before an error that comes from below it.
pub(super) fn under<E: Error>(name: &str, error: &E) -> E {
    // The reader takes line and column back out of the text, where they are last.
    E::custom(format_args!("{name}{MARK}{error}"))
}

/// Puts the number of an item before an error that comes from within it.
pub(super) fn under_item<E: Error>(number: usize, error: &E) -> E {
    E::custom(format_args!("#{number}{MARK}{error}"))
}

/// Makes the error of a text that can't be read as what it should be.
pub(super) fn invalid(
    path: &str,
    text: &[u8],
    wanted: FileKind,
    error: &serde_json::Error,
) -> DocumentError {
    match other_kind(text, wanted) {
        Some(kind) => DocumentError::OtherKind {
            path: path.to_owned(),
            kind,
        },
        None => Complaint::of(text, error).placed(path, text),
    }
}

/// Says what is wrong with a text that can't be read, without its place.
pub(super) fn words(text: &[u8], error: &serde_json::Error) -> String {
    Complaint::of(text, error).words
}

/// Makes the error of a value that can be read, and turned out to be wrong for an object of this document; `None` if the
/// document does not name the object.
#[must_use]
pub fn invalid_object(
    path: &str,
    text: &[u8],
    object: &ObjectId,
    field: &str,
    words: &str,
) -> Option<DocumentError> {
    if is_yaml(path, text) {
        let converted = converted(path, text).ok()?;
        let found = invalid_in(path, &converted.json, object, field, words)?;
        return Some(found.placed_by(|line| converted.place(line)));
    }
    invalid_in(path, text, object, field, words)
}

fn invalid_in(
    path: &str,
    text: &[u8],
    object: &ObjectId,
    field: &str,
    words: &str,
) -> Option<DocumentError> {
    let place = place_of(text, object)?;
    let start = inner_field(text, &place, field).unwrap_or(place.start);
    let complaint = Complaint {
        start,
        words: words.to_owned(),
        object: Some(object.clone()),
    };
    Some(complaint.placed(path, text))
}

/// What a file is, if it is of a kind of its own.
fn other_kind(text: &[u8], wanted: FileKind) -> Option<FileKind> {
    FileKind::of(text).filter(|kind| *kind != wanted && *kind != FileKind::Json)
}

struct Complaint {
    start: usize,
    words: String,
    object: Option<ObjectId>,
}

impl Complaint {
    const fn at(start: usize, words: String) -> Self {
        Self {
            start,
            words,
            object: None,
        }
    }

    fn placed(self, path: &str, text: &[u8]) -> DocumentError {
        let (line, column) = scan::line_and_column(text, self.start);
        DocumentError::Invalid {
            path: path.to_owned(),
            line,
            column,
            text: self.words,
            object: self.object,
        }
    }

    fn of(text: &[u8], error: &serde_json::Error) -> Self {
        let message = error.to_string();
        let message = message
            .rsplit_once(" at line ")
            .map_or(message.as_str(), |(message, _)| message);
        let (path, message) = steps(message);
        let stopped = scan::offset_of(text, error.line(), error.column().max(1));
        if let Some(complaint) = syntax(text, message, stopped) {
            return complaint;
        }
        let place = scan::find(text, &path).unwrap_or_else(|| scan::whole(text));
        let place = wrong_text_in_list(text, &path, &place).unwrap_or(place);
        let object = object_on(text, &path);
        let field = path.iter().rev().find_map(|step| match step {
            Step::Field(name) => Some(name.as_str()),
            Step::Item(_) => None,
        });
        let (start, words) = if let Some(name) = unexpected_name(message) {
            let named = scan::members(text, &place)
                .filter(|member| text[member.name.clone()] == *name.as_bytes());
            // Of one that is given twice, the last.
            let start = named
                .last()
                .map_or(place.start, |member| member.name.start - 1);
            (start, message.to_owned())
        } else if message.starts_with("invalid type: ") || message.starts_with("invalid value: ") {
            (place.start, wrong_value(text, &path, field, &place))
        } else {
            let again = listed_again(text, &place, message);
            (again.unwrap_or(place.start), message.to_owned())
        };
        let words = match &object {
            Some(object) => format!("{object}: {words}"),
            None => words,
        };
        Self {
            start,
            words,
            object,
        }
    }
}

/// Takes the steps off that [`under`] put before a message.
fn steps(message: &str) -> (Vec<Step>, &str) {
    let mut path = Vec::new();
    let mut rest = message;
    while let Some((name, below)) = rest.split_once(MARK) {
        let step = match name.strip_prefix('#') {
            Some(number) => number.parse().ok().map(Step::Item),
            None => name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
                .then(|| Step::Field(name.to_owned())),
        };
        let Some(step) = step else { break };
        path.push(step);
        rest = below;
    }
    (path, rest)
}

/// The name in a complaint about a field that should not be there, or not again.
fn unexpected_name(message: &str) -> Option<&str> {
    let rest = message
        .strip_prefix("unknown field `")
        .or_else(|| message.strip_prefix("field `"))?;
    Some(rest.split_once('`')?.0)
}

/// Finds the item that is no text, where a list is of texts.
fn wrong_text_in_list(text: &[u8], path: &[Step], list: &Range<usize>) -> Option<Range<usize>> {
    match path.last() {
        Some(Step::Field(name)) if name == "scheduler_flags" || name == "waits" => {
            scan::items(text, list).find(|item| text[item.start] != b'"')
        }
        _ => None,
    }
}

/// Says what a value is and what it should be.
fn wrong_value(text: &[u8], path: &[Step], field: Option<&str>, place: &Range<usize>) -> String {
    let value = String::from_utf8_lossy(&text[place.clone()]);
    let kind = match value.bytes().next() {
        Some(b'{') => Some("an object"),
        Some(b'[') => Some("a list"),
        _ => None,
    };
    let Some(field) = field else {
        let found = kind.map_or_else(|| shown(&value), str::to_owned);
        return format!(
            "{found} stands here; a document is an object, such as {{\"version\": 1, \"services\": []}}"
        );
    };
    let of_server = path
        .iter()
        .any(|step| matches!(step, Step::Field(name) if name == "destinations"));
    let item = matches!(path.last(), Some(Step::Item(_)));
    let wanted = if item {
        item_of(field)
    } else {
        wanted(field, of_server)
    };
    match kind {
        Some(kind) if item => format!("{kind} stands in `{field}`; {wanted}"),
        Some(kind) => format!("`{field}` is {kind}; {wanted}"),
        None => format!("invalid {field} `{}`: {wanted}", shown(&value)),
    }
}

/// What belongs into a field.
fn wanted(field: &str, of_server: bool) -> &'static str {
    if let Some(number) = ServerNumber::named(field) {
        return number.expected;
    }
    match field {
        "version" => "it is the number 1",
        "services" => {
            "it is a list of virtual services, such as [{\"id\": \"tcp://192.0.2.1:80\"}]"
        }
        "destinations" => "it is a list of real servers, such as [{\"id\": \"10.0.0.1:80\"}]",
        "daemons" => {
            "it is a list of sync daemons, such as [{\"state\": \"master\", \"interface\": \"eth0\"}]"
        }
        "timeouts" => "it is an object, such as {\"tcp_seconds\": 900}",
        "sysctl" => "it is an object, such as {\"conntrack\": \"1\"}",
        "tcp_seconds" | "tcp_fin_seconds" | "udp_seconds" | "timeout_seconds" => {
            "it is a whole number of seconds"
        }
        "state" => "it is \"master\" or \"backup\"",
        "interface" => "it is a text, such as \"eth0\"",
        "sync_id" => "it is a whole number from 0 to 255",
        "sync_maxlen" => "it is a whole number from 1 to 65507, or null",
        "group" => "it is an address in quotes, such as \"224.0.0.81\"",
        "ttl" => "it is a whole number from 1 to 255",
        "id" if of_server => "it is a text, such as \"10.0.0.1:80\"",
        "id" => "it is a text, such as \"tcp://192.0.2.1:80\"",
        "protocol" => "it is \"tcp\", \"udp\" or \"sctp\"",
        "address" => "it is an address in quotes, such as \"192.0.2.1\"",
        "port" | "flags" => "it is a whole number from 0 to 65535",
        "fwmark" => "it is a whole number from 1 to 4294967295",
        "other_flags" => "it is a whole number from 0 to 4294967295",
        "family" => "it is \"inet\" or \"inet6\"",
        "scheduler" => "it is a text, such as \"wlc\"",
        "scheduler_flags" => "it is a list of texts, such as [\"sh-port\"]",
        "one_packet" => "it is true or false",
        "persistence" | "dormant_persistence" => {
            "it is an object, such as {\"timeout_seconds\": 300}, or null"
        }
        "netmask" => "it is a netmask in quotes, such as \"255.255.255.0\"",
        "prefix_length" => "it is a whole number from 1 to 128",
        "engine" => "it is a text, such as \"sip\", or null",
        "forwarding" => "it is a text, such as \"masquerading\"",
        "tunnel" => "it is an object, such as {\"type\": \"ipip\"}, or null",
        "weight" => "it is a whole number from 0 to 2147483647",
        "type" => "it is \"ipip\", \"gue\" or \"gre\"",
        "checksum" => "it is \"none\", \"csum\" or \"remcsum\"",
        "kind" => "it is \"plan\"",
        "fingerprint" => "it is the text that `ipvsh plan` wrote",
        "before" | "after" => "it is a table document",
        _ => "`ipvsh plan --out` writes it in another form",
    }
}

/// What belongs into a list.
fn item_of(field: &str) -> &'static str {
    match field {
        "services" => "a virtual service is an object, such as {\"id\": \"tcp://192.0.2.1:80\"}",
        "destinations" => "a real server is an object, such as {\"id\": \"10.0.0.1:80\"}",
        "daemons" => {
            "a sync daemon is an object, such as {\"state\": \"master\", \"interface\": \"eth0\"}"
        }
        _ => "`ipvsh plan --out` writes it in another form",
    }
}

/// What is no JSON at all: the reader's messages, and ours.
fn syntax(text: &[u8], message: &str, stopped: usize) -> Option<Complaint> {
    if scan::whole(text).start == text.len() {
        return Some(Complaint::at(0, "the document is empty".to_owned()));
    }
    if message.starts_with("EOF while parsing") {
        let start = scan::unclosed(text).unwrap_or(text.len());
        let what = match text.get(start) {
            Some(b'{') => "object",
            Some(b'[') => "list",
            Some(b'"') => "text",
            _ => {
                return Some(Complaint::at(
                    start,
                    "the document ends too early".to_owned(),
                ));
            }
        };
        return Some(Complaint::at(
            start,
            format!("the document ends before the {what} that begins here"),
        ));
    }
    let word = word_around(text, stopped);
    let named = || shown(&String::from_utf8_lossy(&text[word.clone()]));
    let stopped = stopped.min(text.len().saturating_sub(1));
    let here = |words: &str| Some(Complaint::at(stopped, words.to_owned()));
    match message {
        "expected value" | "expected ident" | "invalid number" | "number out of range" => {
            Some(Complaint::at(
                word.start,
                format!(
                    "`{}` is no value of JSON: a text stands in double quotes, a number begins with a digit other than 0, and then there are true, false and null",
                    named()
                ),
            ))
        }
        "expected `:`" => here("a colon belongs here, between the name of a field and its value"),
        "expected `,` or `]`" => here("a comma belongs here, or the end of the list"),
        "expected `,` or `}`" => here("a comma belongs here, or the end of the object"),
        "key must be a string" | "expected `\"`" => Some(Complaint::at(
            word.start,
            "the name of a field stands in double quotes, as in \"version\"".to_owned(),
        )),
        "trailing comma" => here("there is a comma before this, and nothing after it"),
        "trailing characters" => here("the document has ended before this"),
        "invalid escape" => here("this is no escape of JSON; a backslash is written \\\\"),
        "invalid unicode code point"
        | "lone leading surrogate in hex escape"
        | "unexpected end of hex escape" => here("this escape names no character"),
        "control character (\\u0000-\\u001F) found while parsing a string" => {
            here("a control character stands in a text; it is written as an escape, such as \\n")
        }
        "recursion limit exceeded" => here("this lies too deep within lists and objects"),
        _ => None,
    }
}

/// The word at a place: up to the next blank, comma or bracket on both sides.
fn word_around(text: &[u8], place: usize) -> Range<usize> {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b",:{}[]\"".contains(byte);
    let place = place.min(text.len().saturating_sub(1));
    let start = text[..place]
        .iter()
        .rposition(ends)
        .map_or(0, |end| end + 1);
    let length = text[start..]
        .iter()
        .position(ends)
        .unwrap_or(text.len() - start);
    start..start + length.max(1)
}

/// Names the virtual service or real server that a path leads through.
fn object_on(text: &[u8], path: &[Step]) -> Option<ObjectId> {
    let item_of = |list: &str| {
        path.windows(2)
            .position(|pair| matches!(pair, [Step::Field(name), Step::Item(_)] if name == list))
    };
    let object = |end: usize| scan::find(text, path.get(..end + 2)?);
    let service = service_key(text, &object(item_of("services")?)?)?;
    let server = item_of("destinations")
        .and_then(object)
        .and_then(|place| server_key(text, &place));
    Some(match server {
        Some(server) => ObjectId::Destination(service, server),
        None => ObjectId::Service(service),
    })
}

/// Finds where an object that is listed twice, as a message says, stands for the second time.
fn listed_again(text: &[u8], place: &Range<usize>, message: &str) -> Option<usize> {
    let named = message.strip_suffix(" is listed twice")?;
    let mut found: Vec<Range<usize>> = if let Some(key) = named.strip_prefix("virtual service ") {
        let wanted = ServiceKey::parse(key).ok()?;
        let services = scan::member(text, place, "services")?.value;
        scan::items(text, &services)
            .filter(|place| service_key(text, place) == Some(wanted))
            .collect()
    } else {
        let (server, _) = named.strip_prefix("real server ")?.split_once(" of ")?;
        let wanted = DestinationKey::parse(server).ok()?;
        let servers = scan::member(text, place, "destinations")?.value;
        scan::items(text, &servers)
            .filter(|place| server_key(text, place) == Some(wanted))
            .collect()
    };
    (found.len() > 1).then(|| found.swap_remove(1).start)
}

/// Finds where an object stands.
fn place_of(text: &[u8], object: &ObjectId) -> Option<Range<usize>> {
    let top = |name: &str| scan::find(text, &[Step::Field(name.to_owned())]);
    match object {
        ObjectId::Service(wanted) => scan::items(text, &top("services")?)
            .find(|place| service_key(text, place).as_ref() == Some(wanted)),
        ObjectId::Destination(service, wanted) => {
            let service = place_of(text, &ObjectId::Service(*service))?;
            let servers = scan::member(text, &service, "destinations")?.value;
            scan::items(text, &servers)
                .find(|place| server_key(text, place).as_ref() == Some(wanted))
        }
        ObjectId::Timeouts => top("timeouts"),
        ObjectId::Daemon(_) => top("daemons"),
        ObjectId::Sysctl(name) => Some(scan::member(text, &top("sysctl")?, name.as_str())?.value),
    }
}

/// Finds the value of a field within an object, or within an object in it.
fn inner_field(text: &[u8], place: &Range<usize>, field: &str) -> Option<usize> {
    if let Some(member) = scan::member(text, place, field) {
        return Some(member.value.start);
    }
    scan::members(text, place)
        .filter(|member| text[member.value.start] == b'{')
        .find_map(|member| inner_field(text, &member.value, field))
}

fn text_of<'t>(text: &'t [u8], object: &Range<usize>, name: &str) -> Option<&'t str> {
    let value = scan::member(text, object, name)?.value;
    let value = std::str::from_utf8(&text[value]).ok()?;
    Some(value.trim_matches('"'))
}

fn service_key(text: &[u8], object: &Range<usize>) -> Option<ServiceKey> {
    if let Some(id) = text_of(text, object, "id") {
        return ServiceKey::parse(id).ok();
    }
    if let Some(mark) = text_of(text, object, "fwmark") {
        let six = text_of(text, object, "family") == Some("inet6");
        return ServiceKey::parse(&format!("fwmark{}://{mark}", if six { "6" } else { "" })).ok();
    }
    Some(ServiceKey::Endpoint {
        protocol: Protocol::parse(text_of(text, object, "protocol")?).ok()?,
        address: text_of(text, object, "address")?.parse().ok()?,
        port: text_of(text, object, "port")?.parse().ok()?,
    })
}

fn server_key(text: &[u8], object: &Range<usize>) -> Option<DestinationKey> {
    if let Some(id) = text_of(text, object, "id") {
        return DestinationKey::parse(id).ok();
    }
    Some(DestinationKey {
        address: text_of(text, object, "address")?.parse().ok()?,
        port: text_of(text, object, "port")?.parse().ok()?,
    })
}
