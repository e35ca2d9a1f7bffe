//! Lines of `ipvsadm` in the words of the language.
//!
//! What twenty years have put into the fingers is not lost: a lone line such as `ipvsadm -A -t 192.0.2.1:80 -s wrr`
//! or `-Ln` is understood well enough to say how it is written here. It is not the drop-in: nothing but a listing
//! is run.

/// What a line of `ipvsadm` is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// Code that lists and can be run at once.
    Listing(String),
    /// Code that changes something: shown, not run.
    Change(String),
    /// It is a line of `ipvsadm` that has no counterpart.
    Unknown(String),
}

/// Tells whether an input is a line of `ipvsadm`.
pub(super) fn is_ipvsadm(input: &str) -> bool {
    let first = input.split_whitespace().next().unwrap_or_default();
    if first == "ipvsadm" {
        return true;
    }
    // A minus of an expression stands before a digit or a blank.
    let mut characters = first.chars();
    characters.next() == Some('-')
        && match characters.next() {
            Some('-') => characters.next().is_some_and(char::is_alphabetic),
            Some(letter) => {
                "AEDCRSaedLlZ".contains(letter)
                    && first[2..].chars().all(|c| c.is_ascii_alphabetic())
            }
            None => false,
        }
}

#[derive(Default)]
struct Line {
    command: Option<char>,
    service: Option<String>,
    server: Option<String>,
    fields: Vec<String>,
    timeouts: Vec<String>,
}

const COMMANDS: [(&str, char); 13] = [
    ("add-service", 'A'),
    ("edit-service", 'E'),
    ("delete-service", 'D'),
    ("clear", 'C'),
    ("restore", 'R'),
    ("save", 'S'),
    ("add-server", 'a'),
    ("edit-server", 'e'),
    ("delete-server", 'd'),
    ("list", 'L'),
    ("zero", 'Z'),
    ("set", '='),
    ("help", 'h'),
];

const OPTIONS: [(&str, char); 14] = [
    ("tcp-service", 't'),
    ("udp-service", 'u'),
    ("sctp-service", '+'),
    ("fwmark-service", 'f'),
    ("real-server", 'r'),
    ("scheduler", 's'),
    ("persistent", 'p'),
    ("netmask", 'M'),
    ("weight", 'w'),
    ("masquerading", 'm'),
    ("gatewaying", 'g'),
    ("ipip", 'i'),
    ("u-threshold", 'x'),
    ("l-threshold", 'y'),
];

/// Reads a line of `ipvsadm`.
pub(super) fn words(input: &str) -> Words {
    let all: Vec<&str> = input.split_whitespace().collect();
    let all = all.strip_prefix(&["ipvsadm"]).unwrap_or(&all);
    match parse(all) {
        Ok(line) => render(&line),
        Err(word) => Words::Unknown(format!(
            "`{word}` of ipvsadm has no counterpart at this prompt"
        )),
    }
}

fn parse(words: &[&str]) -> Result<Line, String> {
    let mut line = Line::default();
    let mut rest = words.iter().copied().peekable();
    while let Some(word) = rest.next() {
        let letters: Vec<char> = if let Some(long) = word.strip_prefix("--") {
            let known = COMMANDS
                .iter()
                .chain(&OPTIONS)
                .find(|(name, _)| *name == long);
            let quiet = [
                "numeric",
                "stats",
                "rate",
                "exact",
                "ipv6",
                "thresholds",
                "sort",
                "nosort",
            ];
            match known {
                Some((_, letter)) => vec![*letter],
                None if quiet.contains(&long) => continue,
                None => return Err(word.to_owned()),
            }
        } else {
            word.strip_prefix('-').ok_or(word)?.chars().collect()
        };
        for letter in letters {
            let mut value = || {
                rest.next()
                    .map(str::to_owned)
                    .ok_or_else(|| word.to_owned())
            };
            match letter {
                'A' | 'E' | 'D' | 'C' | 'R' | 'S' | 'a' | 'e' | 'd' | 'L' | 'l' | 'Z'
                    if line.command.is_none() =>
                {
                    line.command = Some(if letter == 'l' { 'L' } else { letter });
                }
                '=' => {
                    line.command = Some('=');
                    line.timeouts = vec![value()?, value()?, value()?];
                }
                'n' | '6' | 'c' => {}
                't' => line.service = Some(format!("tcp://{}", value()?)),
                'u' => line.service = Some(format!("udp://{}", value()?)),
                '+' => line.service = Some(format!("sctp://{}", value()?)),
                'f' => {
                    let family = if words.contains(&"-6") || words.contains(&"--ipv6") {
                        "fwmark6"
                    } else {
                        "fwmark"
                    };
                    line.service = Some(format!("{family}://{}", value()?));
                }
                'r' => line.server = Some(value()?),
                's' => {
                    let name = value()?;
                    line.fields.push(format!("scheduler: \"{name}\""));
                }
                'p' => {
                    let seconds = rest.next_if(|next| !next.starts_with('-')).unwrap_or("360");
                    line.fields.push(format!("persistence: \"{seconds}s\""));
                }
                'w' => {
                    let weight = value()?;
                    line.fields.push(format!("weight: {weight}"));
                }
                'x' | 'y' => {
                    let name = if letter == 'x' {
                        "upper_threshold"
                    } else {
                        "lower_threshold"
                    };
                    let number = value()?;
                    line.fields.push(format!("{name}: {number}"));
                }
                'm' => line.fields.push("forwarding: \"masquerading\"".to_owned()),
                'g' => line
                    .fields
                    .push("forwarding: \"direct_routing\"".to_owned()),
                'i' => line.fields.push("forwarding: \"tunneling\"".to_owned()),
                _ => return Err(word.to_owned()),
            }
        }
    }
    Ok(line)
}

fn render(line: &Line) -> Words {
    let service = line.service.clone().unwrap_or_default();
    let port = service.rsplit_once(':').map_or("0", |(_, port)| port);
    // The original takes the service's port for a server without one.
    let server = line.server.as_ref().map(|server| {
        if server.ends_with(']') || !server.contains(':') {
            format!("{server}:{port}")
        } else {
            server.clone()
        }
    });
    let fields = if line.fields.is_empty() {
        String::new()
    } else {
        format!(", #{{ {} }}", line.fields.join(", "))
    };
    let with_server = |verb: &str| match &server {
        Some(server) => Words::Change(format!(
            "destination::{verb}(\"{service}\", \"{server}\"{fields})"
        )),
        None => Words::Unknown("a real server is named by -r".to_owned()),
    };
    match line.command {
        Some('L') | None if line.service.is_none() => Words::Listing("service::list()".to_owned()),
        Some('L') => Words::Listing(format!("destination::list(\"{service}\")")),
        Some('A') => Words::Change(format!("service::add(\"{service}\"{fields})")),
        Some('E') => Words::Change(format!("service::edit(\"{service}\"{fields})")),
        Some('D') => Words::Change(format!("service::delete(\"{service}\")")),
        Some('a') => with_server("add"),
        Some('e') => with_server("edit"),
        Some('d') => match &server {
            Some(server) => {
                Words::Change(format!("destination::delete(\"{service}\", \"{server}\")"))
            }
            None => Words::Unknown("a real server is named by -r".to_owned()),
        },
        Some('C') => Words::Change("table::clear()".to_owned()),
        Some('Z') if line.service.is_none() => Words::Change("stats::zero()".to_owned()),
        Some('Z') => Words::Change(format!("stats::zero(\"{service}\")")),
        Some('S') => Words::Listing("print(to_json(table::get()))".to_owned()),
        Some('R') => Words::Change("table::apply(read_json(\"table.json\"))".to_owned()),
        Some('=') => {
            let names = ["tcp", "tcp_fin", "udp"];
            let set: Vec<String> = names
                .iter()
                .zip(&line.timeouts)
                .filter(|(_, seconds)| *seconds != "0")
                .map(|(name, seconds)| format!("{name}: \"{seconds}s\""))
                .collect();
            Words::Change(format!("timeouts::set(#{{ {} }})", set.join(", ")))
        }
        _ => Words::Unknown("this line of ipvsadm has no counterpart at this prompt".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Words, is_ipvsadm, words};

    #[test]
    fn lines_of_ipvsadm_are_told_from_expressions() {
        for line in [
            "-Ln",
            "ipvsadm",
            "ipvsadm -Ln",
            "-A -t 192.0.2.1:80",
            "--list",
            "-C",
        ] {
            assert!(is_ipvsadm(line), "{line}");
        }
        for line in ["-1", "-x", "-d.weight", "--", "- 1", "service::list()", ""] {
            assert!(!is_ipvsadm(line), "{line}");
        }
    }

    #[test]
    fn each_is_shown_in_the_words_of_the_language() {
        let change = |text: &str| Words::Change(text.to_owned());
        for (line, expected) in [
            ("-Ln", Words::Listing("service::list()".to_owned())),
            (
                "ipvsadm -L -n -t 192.0.2.1:80",
                Words::Listing("destination::list(\"tcp://192.0.2.1:80\")".to_owned()),
            ),
            (
                "ipvsadm -A -t 192.0.2.1:80 -s wrr -p 300",
                change(
                    "service::add(\"tcp://192.0.2.1:80\", #{ scheduler: \"wrr\", persistence: \"300s\" })",
                ),
            ),
            (
                "-a -u [2001:db8::1]:53 -r [fd00::2] -m -w 3",
                change(
                    "destination::add(\"udp://[2001:db8::1]:53\", \"[fd00::2]:53\", #{ forwarding: \"masquerading\", weight: 3 })",
                ),
            ),
            (
                "-e -f 7 -r 10.0.0.2:80 -w 0",
                change("destination::edit(\"fwmark://7\", \"10.0.0.2:80\", #{ weight: 0 })"),
            ),
            (
                "-d -t 192.0.2.1:80 -r 10.0.0.2",
                change("destination::delete(\"tcp://192.0.2.1:80\", \"10.0.0.2:80\")"),
            ),
            ("-C", change("table::clear()")),
            (
                "--set 900 0 300",
                change("timeouts::set(#{ tcp: \"900s\", udp: \"300s\" })"),
            ),
        ] {
            assert_eq!(words(line), expected, "{line}");
        }
        assert!(matches!(words("-A -t x -X"), Words::Unknown(_)));
    }
}
