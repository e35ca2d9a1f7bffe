//! The journal: its files, what is kept, what is taken back after a crash, what is confirmed.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use ipvsh::config::Author;
use ipvsh::journal::{
    Event, EventKind, Intent, Journal, JournalError, Limits, Summary, TableIdentity,
};
use ipvsh::txn::Plan;

fn intent() -> Intent {
    Intent {
        number: 0,
        time: "2026-01-02T03:04:05Z".to_owned(),
        author: Author::default(),
        command: vec!["eval".to_owned()],
        label: Some("x\ny".to_owned()),
        script: None,
        undoes: None,
        confirm_seconds: None,
        table: TableIdentity::Simulation {
            file: "/x".to_owned(),
        },
        summary: Summary::default(),
    }
}

#[test]
fn a_record_is_private_and_says_how_it_ended() {
    let state = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(state.path()).unwrap();
    let number = journal.begin(&mut intent(), &Plan::default()).unwrap();
    assert_eq!(number, 1);
    let path = state.path().join("journal/00000001.open.json");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(journal.open_records().unwrap().len(), 1);
    journal
        .note(1, &Event::now(EventKind::Committed), true)
        .unwrap();
    assert!(journal.open_records().unwrap().is_empty());
    let record = journal.record(1).unwrap();
    assert_eq!(
        record.intent,
        Intent {
            number: 1,
            ..intent()
        }
    );
    assert_eq!(record.events[0].kind, EventKind::Committed);
    assert_eq!(record.plan().unwrap(), Plan::default());
    // Every line is JSON.
    let text = fs::read_to_string(state.path().join("journal/00000001.json")).unwrap();
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    assert!(matches!(
        journal.record(2),
        Err(JournalError::Missing { number: 2 })
    ));
}

#[test]
fn what_is_torn_or_altered_is_known() {
    let state = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(state.path()).unwrap();
    journal.begin(&mut intent(), &Plan::default()).unwrap();
    let path = state.path().join("journal/00000001.open.json");
    let whole = fs::read(&path).unwrap();
    let text = String::from_utf8(whole.clone()).unwrap();
    for length in 0..whole.len() - 1 {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(
            matches!(journal.record(1), Err(JournalError::Damaged { .. })),
            "{length}"
        );
    }
    for (old, new) in [("eval", "evil"), ("/x", "/y"), ("\"id\":0", "\"id\":1")] {
        fs::write(&path, text.replacen(old, new, 1)).unwrap();
        assert!(
            matches!(journal.record(1), Err(JournalError::Damaged { .. })),
            "{old}"
        );
    }
    // An outcome that is cut off leaves the record as unfinished as it was, and the next line whole.
    fs::write(&path, format!("{text}{{\"checksum\":\"crc32:0")).unwrap();
    assert!(journal.record(1).unwrap().events.is_empty());
    journal
        .note(1, &Event::now(EventKind::Recovered), true)
        .unwrap();
    assert_eq!(journal.record(1).unwrap().events.len(), 1);
}

#[test]
fn the_oldest_that_are_over_go_first() {
    let state = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(state.path()).unwrap();
    journal.set_limits(Limits {
        records: 4,
        bytes: 1 << 20,
    });
    for number in 1..=9 {
        assert_eq!(
            journal.begin(&mut intent(), &Plan::default()).unwrap(),
            number
        );
        if number != 2 {
            journal
                .note(number, &Event::now(EventKind::Committed), true)
                .unwrap();
        }
    }
    let kept: Vec<u64> = journal
        .records()
        .unwrap()
        .into_iter()
        .map(|record| record.unwrap().intent.number)
        .collect();
    assert_eq!(kept, [2, 6, 7, 8, 9], "what is open stays");
}

#[test]
fn a_folder_that_others_write_is_refused() {
    let state = tempfile::tempdir().unwrap();
    fs::set_permissions(state.path(), fs::Permissions::from_mode(0o770)).unwrap();
    assert!(matches!(
        Journal::open(state.path()),
        Err(JournalError::Owner { .. })
    ));
    fs::set_permissions(state.path(), fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(state.path().join("journal"), "in the way").unwrap();
    assert!(matches!(
        Journal::open(state.path()),
        Err(JournalError::Folder { .. })
    ));
}
