//! What a file holds if it is not what was asked for: documents, scripts and the files of other programs lie in the same folders.

use crate::ipvsadm::syntax::typed;
use crate::model::shown;

/// What a file holds, by the first thing in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A table document.
    Document,
    /// A plan, as `ipvsh plan --out` writes it.
    Plan,
    /// JSON that is neither.
    Json,
    /// Lines of `ipvsadm`.
    IpvsadmLines,
    /// A configuration of keepalived.
    Keepalived,
    /// YAML.
    Yaml,
    /// TOML, which settings are written in.
    Toml,
    /// A script.
    Script,
}

/// How much of a file is looked at.
const LOOKED_AT: usize = 4096;

impl FileKind {
    /// Recognises what a text is, if its beginning tells.
    #[must_use]
    pub fn of(text: &[u8]) -> Option<Self> {
        let head = String::from_utf8_lossy(&text[..text.len().min(LOOKED_AT)]);
        let head = head.trim_start_matches('\u{feff}');
        if head.trim_start().starts_with('{') {
            return Self::of_object(head);
        }
        if head.starts_with("#!") && head.lines().next()?.contains("ipvsh") {
            return Some(Self::Script);
        }
        let lines = || {
            let plain = head.lines().map(str::trim_end);
            plain.filter(|line| !line.trim().is_empty())
        };
        let meant = |line: &&str| !line.trim_start().starts_with(['#', '!']);
        let first = lines().find(meant)?;
        if first.trim_start().starts_with("//") || first.trim_start().starts_with("/*") {
            return Some(Self::Script);
        }
        let word = first.split_whitespace().next()?;
        if typed(first).is_some() {
            return Some(Self::IpvsadmLines);
        }
        if KEEPALIVED.contains(&word) {
            return Some(Self::Keepalived);
        }
        if first.starts_with('[') && first.ends_with(']') && is_name(&first[1..first.len() - 1]) {
            return Some(Self::Toml);
        }
        if is_script(head) {
            return Some(Self::Script);
        }
        if first == "---" || first.starts_with("%YAML") || is_yaml(first) {
            return Some(Self::Yaml);
        }
        None
    }

    /// Tells JSON of ours from other JSON; a block of a script begins with a bracket too.
    fn of_object(head: &str) -> Option<Self> {
        let inner = head.trim_start()[1..].trim_start();
        if !(inner.is_empty() || inner.starts_with(['"', '}'])) {
            return None;
        }
        let first_field = inner[1.min(inner.len())..].split('"').next();
        if head.contains("\"kind\"") && head.contains("\"fingerprint\"") {
            Some(Self::Plan)
        } else if matches!(
            first_field,
            Some("version" | "services" | "sysctl" | "timeouts" | "daemons")
        ) {
            Some(Self::Document)
        } else {
            Some(Self::Json)
        }
    }

    /// Says what a file is and which command takes it.
    #[must_use]
    pub fn way_out(self, path: &str) -> String {
        let path = shown(path);
        match self {
            Self::Document => format!("this is a table document; `ipvsh apply {path}` takes it"),
            Self::Plan => format!("this is a plan; `ipvsh apply {path}` takes it"),
            Self::Json => "this is JSON, and neither a table document nor a plan".to_owned(),
            Self::IpvsadmLines if path == "-" => "these are lines of ipvsadm; `ipvsh ipvsadm -R` reads them from standard input, and with --dry-run shows what they change".to_owned(),
            Self::IpvsadmLines => format!(
                "these are lines of ipvsadm; `ipvsh ipvsadm -R < {path}` takes them, and with --dry-run shows what they change"
            ),
            Self::Keepalived => {
                "this is a configuration of keepalived, which no command of ipvsh reads".to_owned()
            }
            Self::Yaml => format!(
                "this is YAML; if it is a table document, `ipvsh apply {path}` takes it"
            ),
            Self::Toml => {
                "this is TOML; a table document is JSON or YAML, and settings are read from the file that `ipvsh config` names"
                    .to_owned()
            }
            Self::Script => format!("this is a script; `ipvsh run {path}` takes it"),
        }
    }
}

/// The blocks that a configuration of keepalived begins with.
const KEEPALIVED: &[&str] = &[
    "global_defs",
    "include",
    "static_ipaddress",
    "virtual_server",
    "virtual_server_group",
    "vrrp_instance",
    "vrrp_script",
    "vrrp_sync_group",
];

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|character| {
            character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.')
        })
}

fn is_script(head: &str) -> bool {
    const MARKS: &[&str] = &["let ", "fn ", "import ", "runbook ", "transaction ", "for "];
    let begins = |line: &str| MARKS.iter().any(|mark| line.starts_with(mark));
    let calls = |line: &str| {
        let name = line.split("::").next().unwrap_or_default();
        line.contains("::") && is_name(name)
    };
    head.lines()
        .map(str::trim)
        .any(|line| begins(line) || calls(line) || line.ends_with(';'))
}

/// A key and its value, as `version: 1` or `services:`.
fn is_yaml(line: &str) -> bool {
    line.split_once(':').is_some_and(|(key, rest)| {
        is_name(key.trim_matches('"')) && (rest.is_empty() || rest.starts_with(' '))
    })
}

#[cfg(test)]
mod tests {
    use super::FileKind;

    #[test]
    fn files_are_told_by_what_they_begin_with() {
        use FileKind::{Document, IpvsadmLines, Json, Keepalived, Plan, Script, Toml, Yaml};
        for (text, kind) in [
            ("{\"version\": 1}", Some(Document)),
            ("\n { \"services\": [] }", Some(Document)),
            ("{}", Some(Json)),
            ("{\"name\": 1}", Some(Json)),
            (
                "{\"version\":1,\"kind\":\"plan\",\"fingerprint\":\"crc32:0\"}",
                Some(Plan),
            ),
            ("# saved\n-A -t 192.0.2.1:80 -s rr\n", Some(IpvsadmLines)),
            ("\u{feff}-A -f 1\n", Some(IpvsadmLines)),
            ("sudo ipvsadm -Ln\n", Some(IpvsadmLines)),
            (
                "ipvsadm -A -f 1\nipvsadm -a -f 1 -r 10.0.0.1\n",
                Some(IpvsadmLines),
            ),
            (
                "! Configuration File\n\nvirtual_server 192.0.2.1 80 {\n",
                Some(Keepalived),
            ),
            ("global_defs {\n", Some(Keepalived)),
            ("version: 1\nservices:\n  - id: x\n", Some(Yaml)),
            ("---\nversion: 1\n", Some(Yaml)),
            ("# mine\n[guards]\nmin_weight_percent = 5\n", Some(Toml)),
            ("#!/usr/bin/env ipvsh\nprint(1)\n", Some(Script)),
            ("// drains\nprint(1)", Some(Script)),
            ("service::add(\"tcp://192.0.2.1:80\")", Some(Script)),
            ("let a = 1;", Some(Script)),
            ("{ let a = 1; }", None),
            ("[1, 2]", None),
            ("5 + 3", None),
            ("", None),
        ] {
            assert_eq!(FileKind::of(text.as_bytes()), kind, "{text:?}");
        }
    }
}
