//! One line for each commit in the system's log, where there is one.

use std::os::unix::net::UnixDatagram;

/// Where the log takes lines.
const SOCKET: &str = "/dev/log";
/// Facility `user`, severity `notice`.
const PRIORITY: u8 = 8 + 5;

/// What the log is told of a commit.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The commit, or 0 if it has no number.
    pub number: u64,
    /// Who.
    pub user: &'a str,
    /// Which table.
    pub table: &'a str,
    /// How it ended.
    pub outcome: &'a str,
    /// What was changed, in words.
    pub changes: &'a str,
    /// What it was called, if anything.
    pub label: Option<&'a str>,
}

/// Tells the system's log. A log that is not there or does not take it is no reason to fail, nor to wait.
pub fn tell(facts: &Facts<'_>) {
    send(SOCKET, &line(facts));
}

/// Tells the system's log a sentence.
pub fn tell_text(text: &str) {
    let line = format!("<{PRIORITY}>ipvsh[{}]: {text:?}", std::process::id());
    send(SOCKET, &line);
}

fn line(facts: &Facts<'_>) -> String {
    let label = facts
        .label
        .map(|label| format!(" label={label:?}"))
        .unwrap_or_default();
    format!(
        "<{PRIORITY}>ipvsh[{}]: commit {} {}: {} user={} table={:?}{label}",
        std::process::id(),
        facts.number,
        facts.outcome,
        facts.changes,
        facts.user,
        facts.table,
    )
}

fn send(socket: &str, line: &str) {
    let sent = UnixDatagram::unbound().and_then(|log| {
        log.set_nonblocking(true)?;
        log.send_to(line.as_bytes(), socket)
    });
    // There may be no log.
    let _unheard = sent;
}

#[cfg(test)]
mod tests {
    use super::{Facts, line, send};
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn the_log_gets_one_line_and_nobody_waits_for_it() {
        let facts = Facts {
            number: 12,
            user: "alice",
            table: "namespace 4:100",
            outcome: "committed",
            changes: "1 to add",
            label: Some("open\nthe \"shop\""),
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let path = path.to_str().unwrap();
        send(path, "no one is there");
        let log = UnixDatagram::bind(path).unwrap();
        send(path, &line(&facts));
        let mut bytes = [0; 1024];
        let length = log.recv(&mut bytes).unwrap();
        let text = std::str::from_utf8(&bytes[..length]).unwrap();
        assert!(text.starts_with("<13>ipvsh["), "{text}");
        assert!(
            text.ends_with("commit 12 committed: 1 to add user=alice table=\"namespace 4:100\" label=\"open\\nthe \\\"shop\\\"\""),
            "{text}"
        );
        // A log that is full takes nothing, and that takes no time.
        for _ in 0..10_000 {
            send(path, "x");
        }
    }
}
