//! `ipvsh top`: frames as they are drawn, keys, and the terminal, which is given back as it was.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ipvsh::config::Characters;
use ipvsh::model::{
    Connections, Counters, DestinationEntry, Known, Observed, Rates, Scheduler, ServiceEntry,
    Table, Weight,
};
use ipvsh::observe::{DrainView, JournalView, Made, Settings, Snapshot};
use ipvsh::session::TableLabel;
use ipvsh::top::{App, Clients, Column, Mask, View, What, Wish, draw};
use ipvsh::ui::Key;
use ratatui::Terminal as Screen;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Modifier};

use crate::support::shop::Shop;
use crate::support::terminal::Terminal;
use crate::support::{ipvsh, ipvsh_command, key, server};

const WEB: &str = "tcp://192.0.2.1:80";
const SIX: &str = "tcp://[2001:db8::1]:443";

/// What a real server has: its service and key, weight, active connections, and what it counted.
pub(crate) type Servers<'s> = &'s [(&'s str, &'s str, u32, u32, u64)];

fn observed(connections: u64) -> Observed {
    let counters = Counters {
        connections,
        packets_in: connections * 10,
        packets_out: connections * 9,
        bytes_in: connections * 900,
        bytes_out: connections * 12_000,
    };
    let rates = Rates {
        connections_per_second: connections / 7,
        ..Rates::default()
    };
    Observed::new(counters, rates)
}

/// A snapshot, two seconds after the one before it.
pub(crate) fn snapshot(number: u64, servers: Servers<'_>) -> Snapshot {
    let mut table = Table::default();
    let mut sum = 0;
    for (service, name, weight, active, counted) in servers {
        let entry = table.services.entry(key(service)).or_insert_with(|| {
            let mut entry = ServiceEntry::default();
            entry.configuration.scheduler = Scheduler::from_kernel("wlc".to_owned());
            entry
        });
        let mut destination = DestinationEntry {
            connections: Connections {
                active: *active,
                inactive: active * 2,
                persistent: 0,
            },
            observed: observed(*counted),
            ..DestinationEntry::default()
        };
        destination.configuration.weight = Weight::new(i64::from(*weight)).unwrap();
        entry.destinations.insert(server(name), destination);
        let before = entry.observed.counters().connections;
        entry.observed = observed(before + counted);
        sum += counted;
    }
    let clock = Duration::from_secs(2 * number);
    Snapshot {
        number,
        time: SystemTime::UNIX_EPOCH + Duration::from_secs(1_750_000_000) + clock,
        clock,
        took: Duration::ZERO,
        place: TableLabel {
            host: "lb1".to_owned(),
            release: Some("6.12".to_owned()),
            detail: None,
        },
        table,
        known: Known {
            all: true,
            rates: true,
        },
        missing: Vec::new(),
        totals: Some(observed(sum)),
        settings: Some(Settings {
            journal: Some(JournalView::default()),
            ..Settings::default()
        }),
        changes: Vec::new(),
    }
}

/// Three servers at a time; the second gets more and more.
pub(crate) fn servers(number: u64) -> Vec<(&'static str, &'static str, u32, u32, u64)> {
    let grown = u32::try_from(number).unwrap();
    vec![
        (WEB, "10.0.0.1:80", 10, 40, 1_000 + 50 * number),
        (WEB, "10.0.0.2:80", 10, 10 + 9 * grown, 7 * number * number),
        (WEB, "10.0.0.3:80", 0, 3, 500),
        (SIX, "[2001:db8:5::1]:443", 1, 5, 90 * number),
        (SIX, "[2001:db8:5::2]:443", 1, 0, 0),
        ("fwmark://7", "10.0.0.1:53", 1, 0, 0),
    ]
}

/// Shows eight snapshots.
fn busy(view: View) -> App {
    let mut app = App::new(view, Characters::Unicode, false);
    for number in 1..=8 {
        let mut snapshot = snapshot(number, &servers(number));
        let drain = DrainView {
            service: key(WEB),
            server: server("10.0.0.3:80"),
            since: Some(snapshot.time - Duration::from_secs(75)),
            deadline: Some(Duration::from_secs(600)),
            who: "anna".to_owned(),
            reason: "a disk".to_owned(),
            weight: 10,
            is_under_way: true,
        };
        let settings = snapshot.settings.as_mut().unwrap();
        settings.journal.as_mut().unwrap().drains.push(drain);
        app.take(Arc::new(snapshot));
    }
    app
}

fn nothing(view: View) -> App {
    let mut app = App::new(view, Characters::Unicode, false);
    app.take(Arc::new(snapshot(1, &[])));
    app
}

/// Draws, and returns the screen.
fn screen(app: &mut App, (width, height): (u16, u16)) -> Screen<TestBackend> {
    let mut screen = Screen::new(TestBackend::new(width, height)).unwrap();
    let about = ("lb1 · kernel 6.12", "15:06:56", Some(0));
    screen.draw(|frame| draw(frame, app, about, true)).unwrap();
    screen
}

/// Returns what the screen says, without blanks at ends of lines.
fn text(app: &mut App, size: (u16, u16)) -> String {
    let screen = screen(app, size);
    let buffer = screen.backend().buffer();
    let lines = buffer.content().chunks(usize::from(size.0)).map(|cells| {
        let line: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<String>>().join("\n") + "\n"
}

/// Compares with the frame that is kept.
#[track_caller]
fn golden(name: &str, app: &mut App, size: (u16, u16)) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/top");
    let path = folder.join(format!("{name}.txt"));
    let drawn = text(app, size);
    if std::env::var_os("IPVSHTEST_REGENERATE").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&path, &drawn).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(
        drawn == kept,
        "{name} is drawn as\n{drawn}\nand was\n{kept}"
    );
}

fn clients() -> Clients {
    struct Table(&'static str);
    impl ipvsh::session::ConnectionSource for Table {
        fn read_connections(
            &mut self,
            sink: &mut dyn FnMut(&[ipvsh::model::ConnectionEntry<'_>]),
        ) -> Result<(usize, usize), ipvsh::session::Error> {
            let mut lines = ipvsh::backend::ConnectionLines::default();
            lines.take(self.0.as_bytes(), sink);
            Ok(lines.end(sink))
        }
    }
    let file = "Pro FromIP\n\
        TCP 0A400001 03E9 C0000201 0050 0A000001 0050 ESTABLISHED 58\n\
        TCP 0A400002 03E9 C0000201 0050 0A000001 0050 ESTABLISHED 58\n\
        TCP 0A410001 03E9 C0000201 0050 0A000002 0050 FIN_WAIT 58\n\
        TCP 0A410001 0000 C0000201 0050 0A000002 0050 NONE 258\n\
        TCP 2001:0db8:0009:0001:0000:0000:0000:0007 03E9 2001:0db8:0000:0000:0000:0000:0000:0001 01BB 2001:0db8:0005:0000:0000:0000:0000:0001 01BB ESTABLISHED 58\n";
    Clients::read(&mut Table(file), 4, Mask::Network).unwrap()
}

#[test]
fn every_view_is_drawn_full_and_empty() {
    for view in View::ALL {
        let (mut full, mut empty) = (busy(view), nothing(view));
        if view == View::Clients {
            full.take_clients(clients(), Duration::ZERO);
            empty.take_clients(Clients::default(), Duration::ZERO);
        }
        golden(view.word(), &mut full, (140, 16));
        golden(&format!("{}-narrow", view.word()), &mut full, (60, 10));
        golden(&format!("{}-empty", view.word()), &mut empty, (80, 10));
    }
    let mut refused = busy(View::Clients);
    refused.take_clients(
        Clients::refused("not today".to_owned(), Mask::Site),
        Duration::ZERO,
    );
    assert!(text(&mut refused, (80, 12)).contains("not today"));
    let mut early = App::new(View::Services, Characters::Ascii, false);
    assert!(text(&mut early, (80, 12)).contains("reading the table"));
    let small = text(&mut busy(View::Services), (59, 10));
    assert!(
        small.starts_with("59 x 10 is too small; 60 x 10 will do"),
        "{small}"
    );
}

#[test]
fn help_details_filters_and_what_needs_attention_are_drawn() {
    let mut app = busy(View::Services);
    app.press(Key::Char('?'));
    golden("help", &mut app, (80, 18));
    app.press(Key::Char('x'));
    app.press(Key::Down);
    let wish = app.press(Key::Enter);
    let Some(Wish::Commits(object)) = wish else {
        panic!("{wish:?}");
    };
    assert_eq!(object.to_string(), format!("{WEB}/10.0.0.1:80"));
    assert!(text(&mut app, (80, 20)).contains("reading the journal"));
    let made = Made {
        number: 12,
        time: "2026-01-02T03:04:05Z".to_owned(),
        who: "anna".to_owned(),
        label: Some("deploy".to_owned()),
        state: "committed".to_owned(),
    };
    app.take_commits(&object, Ok(vec![made]));
    golden("details", &mut app, (100, 20));
    app.press(Key::Escape);
    app.press(Key::Char('/'));
    "weight == 0".chars().for_each(|letter| {
        app.press(Key::Char(letter));
    });
    golden("typing", &mut app, (80, 12));
    app.press(Key::Enter);
    app.press(Key::Char('p'));
    app.press(Key::Char('['));
    app.fail("the kernel did not answer".to_owned());
    golden("frozen", &mut app, (120, 12));
    let mut late = snapshot(9, &servers(9));
    late.known.rates = false;
    let journal = late.settings.as_mut().unwrap().journal.as_mut().unwrap();
    journal.unconfirmed.push((31, Duration::from_secs(42)));
    let mut app = busy(View::Services);
    app.take(Arc::new(late));
    golden("attention", &mut app, (120, 14));
}

#[test]
fn keys_sort_fold_hide_and_tell_the_drain() {
    let mut app = busy(View::Services);
    let names = |app: &App| -> Vec<String> {
        let sheet = app.sheet(0, usize::MAX, None);
        let lines = sheet.lines.iter();
        lines
            .map(|line| {
                line.trim_start_matches(['-', '+', ' '])
                    .split(' ')
                    .next()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    };
    // Numbers begin with the largest; both levels are sorted.
    app.press(Key::Char('5'));
    assert_eq!(app.sheet(0, 0, None).title.matches("ACTIVE-").count(), 1);
    assert_eq!(
        names(&app),
        [
            WEB,
            "10.0.0.2:80",
            "10.0.0.1:80",
            "10.0.0.3:80",
            SIX,
            "[2001:db8:5::1]:443",
            "[2001:db8:5::2]:443",
            "fwmark://7",
            "10.0.0.1:53"
        ]
    );
    app.press(Key::Char('r'));
    assert_eq!(names(&app)[0], "fwmark://7");
    app.press(Key::Char('r'));
    app.press(Key::Home);
    app.press(Key::Char(' '));
    assert_eq!(names(&app)[..2], [WEB, SIX]);
    app.press(Key::Char(' '));
    app.press(Key::Char('z'));
    assert_eq!(
        names(&app),
        [
            WEB,
            "10.0.0.2:80",
            "10.0.0.1:80",
            "10.0.0.3:80",
            SIX,
            "[2001:db8:5::1]:443"
        ]
    );
    app.press(Key::Down);
    app.press(Key::Char('d'));
    let told = text(&mut app, (100, 12));
    assert!(
        told.ends_with("ipvsh drain 10.0.0.2:80 --service tcp://192.0.2.1:80\n"),
        "{told}"
    );
    app.press(Key::Char('>'));
    assert_eq!(app.sheet(0, 0, None).title.matches("INACTIVE-").count(), 1);
    // Our rates, the kernel's; bits, bytes.
    let cell = |app: &App, column: usize| -> String {
        let sheet = app.sheet(0, 1, None);
        let line = sheet.lines[0].trim_start_matches("- ").to_owned();
        line.split_whitespace().nth(column).unwrap().to_owned()
    };
    // 50 and 7 * (64 - 49) connections in two seconds.
    assert_eq!(cell(&app, 7), "78");
    assert_eq!(cell(&app, 8), "558k");
    app.press(Key::Char('u'));
    assert_eq!(cell(&app, 8), "70k");
    app.press(Key::Char('k'));
    assert_eq!(
        cell(&app, 7),
        "335",
        "1400, 448 and 500 connections, and a seventh of that a second as the kernel has it"
    );
    for (key, view) in [
        (Key::Tab, View::Servers),
        (Key::Tab, View::Clients),
        (Key::BackTab, View::Servers),
    ] {
        app.press(key);
        assert_eq!(app.view(), view);
    }
    assert_eq!(app.press(Key::Char('q')), Some(Wish::Quit));
    assert_eq!(app.press(Key::Interrupt), Some(Wish::Quit));
    assert_eq!(app.press(Key::Suspend), Some(Wish::Suspend));
}

#[test]
fn no_key_ends_or_breaks_it_but_those_that_should() {
    let keys = [
        Key::Enter,
        Key::Escape,
        Key::Tab,
        Key::BackTab,
        Key::Up,
        Key::Down,
        Key::PageUp,
        Key::PageDown,
        Key::Home,
        Key::End,
        Key::Backspace,
    ];
    let letters = (' '..='~').filter(|letter| *letter != 'q').map(Key::Char);
    let all: Vec<Key> = keys
        .into_iter()
        .chain(letters)
        .chain([Key::Char('ä')])
        .collect();
    let mut random = crate::support::Random::new(7);
    for view in View::ALL {
        for full in [true, false] {
            let mut app = if full { busy(view) } else { nothing(view) };
            for number in 0..3_000 {
                let key = random.pick(&all);
                assert_ne!(app.press(key), Some(Wish::Quit), "{key:?}");
                if number % 10 == 0 {
                    let size = [(60, 10), (200, 50), (61, 11), (20, 5)][random.below(4)];
                    let _drawn = text(&mut app, size);
                }
                if number % 97 == 0 {
                    let snapshot = snapshot(9 + number / 97, &servers(random.below(30) as u64 + 1));
                    app.take(Arc::new(snapshot));
                }
            }
        }
    }
}

#[test]
fn the_selection_follows_its_object_when_rows_move() {
    let mut app = App::new(View::Servers, Characters::Unicode, false);
    app.take(Arc::new(snapshot(1, &servers(1))));
    app.sort_by(Column::Active, true);
    let wanted = What::Server("10.0.0.2".parse().unwrap());
    while app.selected() != Some(&wanted) {
        let before = app.selected().cloned();
        app.press(Key::Down);
        assert_ne!(app.selected().cloned(), before, "it is not there");
    }
    let row = |app: &App| {
        let sheet = app.sheet(0, usize::MAX, None);
        sheet
            .lines
            .iter()
            .position(|line| line.starts_with("10.0.0.2 "))
            .unwrap()
    };
    let before = row(&app);
    for number in 2..=8 {
        app.take(Arc::new(snapshot(number, &servers(number))));
        assert_eq!(app.selected(), Some(&wanted));
    }
    assert!(row(&app) < before, "it did not move");
    // It is what is drawn reversed.
    let screen = screen(&mut app, (100, 14));
    let buffer = screen.backend().buffer();
    let reversed = |y: u16| buffer[(2, y)].modifier.contains(Modifier::REVERSED);
    let rows: Vec<u16> = (3..13).filter(|y| reversed(*y)).collect();
    assert_eq!(rows.len(), 1);
    let line: String = (0..9).map(|x| buffer[(x, rows[0])].symbol()).collect();
    assert_eq!(line, "10.0.0.2 ");
    // What is selected and goes leaves the first line selected.
    app.take(Arc::new(snapshot(9, &servers(9)[..1])));
    assert_eq!(
        app.selected(),
        Some(&What::Server("10.0.0.1".parse().unwrap()))
    );
}

#[test]
fn a_frozen_view_stands_still_and_goes_back_through_what_is_kept() {
    let mut app = busy(View::Services);
    app.press(Key::Char('p'));
    let still = text(&mut app, (100, 16));
    for number in 9..40 {
        app.take(Arc::new(snapshot(number, &servers(number))));
    }
    assert_eq!(text(&mut app, (100, 16)), still);
    let shown = |app: &App| app.measured().unwrap().snapshot.number;
    app.press(Key::Char('['));
    assert_eq!(shown(&app), 7);
    app.press(Key::Char(']'));
    app.press(Key::Char(']'));
    assert_eq!(shown(&app), 9);
    app.press(Key::Char('}'));
    assert_eq!(shown(&app), 39, "a minute is thirty snapshots");
    app.press(Key::Char('{'));
    assert_eq!(shown(&app), 9);
    for _ in 0..20 {
        app.press(Key::Char('['));
    }
    assert_eq!(shown(&app), 1);
    assert!(text(&mut app, (100, 16)).contains("this is the oldest snapshot"));
    app.press(Key::Char('p'));
    assert_eq!(shown(&app), 39);
}

#[test]
fn clients_of_a_recorded_moment_are_read_when_they_are_looked_at() {
    let mut app = App::new(View::Services, Characters::Unicode, true);
    app.show(vec![Arc::new(snapshot(1, &servers(1)))]);
    assert_eq!(app.due(Duration::ZERO), None);
    app.press(Key::Tab);
    app.press(Key::Tab);
    assert_eq!(app.due(Duration::ZERO), Some(Wish::Clients(Mask::Network)));
    app.take_clients(clients(), Duration::ZERO);
    assert_eq!(app.due(Duration::from_secs(60)), None);
    assert_eq!(app.press(Key::Char('m')), Some(Wish::Clients(Mask::Site)));
    let why = "the recording has no connections".to_owned();
    app.take_clients(Clients::refused(why, Mask::Site), Duration::ZERO);
    let drawn = text(&mut app, (80, 12));
    assert!(
        drawn.contains("the recording has no connections"),
        "{drawn}"
    );
    app.show(vec![Arc::new(snapshot(2, &servers(2)))]);
    assert_eq!(app.due(Duration::ZERO), Some(Wish::Clients(Mask::Site)));
}

#[test]
fn a_filter_that_is_no_expression_is_said_to_be_none() {
    let mut app = busy(View::Services);
    for key in "/weigth == 0".chars().map(Key::Char).chain([Key::Enter]) {
        app.press(key);
    }
    let drawn = text(&mut app, (120, 12));
    assert!(drawn.contains("there is no field `weigth`"), "{drawn}");
}

#[test]
fn rates_are_not_known_where_they_can_not_be() {
    let mut app = App::new(View::Services, Characters::Unicode, false);
    let rate = |app: &App| {
        let sheet = app.sheet(0, 1, None);
        sheet.lines[0].split_whitespace().nth(8).unwrap().to_owned()
    };
    let only = |counted| [(WEB, "10.0.0.1:80", 1, 4, counted)];
    app.take(Arc::new(snapshot(1, &only(100))));
    assert_eq!(rate(&app), "–", "one snapshot");
    app.take(Arc::new(snapshot(2, &only(120))));
    assert_eq!(rate(&app), "10");
    // Zeroed.
    app.take(Arc::new(snapshot(3, &only(4))));
    assert_eq!(rate(&app), "–");
    app.take(Arc::new(snapshot(4, &only(8))));
    assert_eq!(rate(&app), "2.0");
    // The kernel's estimation is off.
    let mut off = snapshot(5, &only(20));
    off.known.rates = false;
    app.take(Arc::new(off));
    assert_eq!(rate(&app), "–");
    // A server that comes is not what another one of the list was.
    let more = [
        (WEB, "10.0.0.0:80", 1, 4, 1_000_000),
        (WEB, "10.0.0.1:80", 1, 4, 24),
    ];
    app.take(Arc::new(snapshot(6, &more)));
    let sheet = app.sheet(1, 2, None);
    let rates: Vec<&str> = sheet
        .lines
        .iter()
        .map(|line| line.split_whitespace().nth(7).unwrap())
        .collect();
    assert_eq!(rates, ["–", "2.0"], "{sheet:?}");
}

#[test]
fn without_colours_nothing_is_coloured() {
    let mut app = busy(View::Services);
    app.fail("the kernel did not answer".to_owned());
    for (colours, wanted) in [(true, true), (false, false)] {
        let mut screen = Screen::new(TestBackend::new(100, 16)).unwrap();
        screen
            .draw(|frame| draw(frame, &mut app, ("lb1", "15:06:56", Some(9)), colours))
            .unwrap();
        let cells = screen.backend().buffer().content();
        assert_eq!(cells.iter().any(|cell| cell.fg != Color::Reset), wanted);
    }
}

#[test]
fn without_a_terminal_it_prints_a_table_or_json() {
    let shop = Shop::simulated();
    let table = shop.ok(&["top", "--interval", "50ms"]);
    assert_eq!(table.lines().count(), 5, "{table}");
    let same = shop.ok(&[
        "top",
        "--once",
        "--interval",
        "50ms",
        "--sort=-active",
        "--filter",
        "10.0.0.1",
    ]);
    assert_eq!(same.lines().count(), 4, "{same}");
    let json = shop.json(&["top", "--once", "--interval", "50ms", "--servers"]);
    assert_eq!(json["view"], "servers");
    assert_eq!(json["rows"][0]["name"], "10.0.0.1");
    assert_eq!(json["rows"][1]["weight"], 1);
    // One object a tick, until nobody reads.
    let program = ipvsh_command(shop.path(), &[]);
    let line = format!(
        "{} --sim-state=table.json --json top --interval 50ms | head -n 3",
        program.get_program().to_str().unwrap()
    );
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", &line])
        .current_dir(shop.path())
        .env("IPVSH_CONFIG", "");
    let lines = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert_eq!(lines.lines().count(), 3, "{lines}");
    for line in lines.lines() {
        let tick: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(tick["rows"].as_array().unwrap().len(), 3);
        assert_eq!(tick["rows"][1]["server"], "10.0.0.1:80");
    }
    for (arguments, words) in [
        (
            vec!["top", "--sort", "size"],
            "there is no column of that name; there are active",
        ),
        (
            vec!["top", "--clients", "--sort", "weight"],
            "the view of clients has no column weight",
        ),
        (vec!["top", "--clients", "--servers"], "cannot be used with"),
        (vec!["top", "--at", "-5m"], "has no recording"),
    ] {
        let refused = shop.runs(&arguments);
        assert!(
            refused.status != 0 && refused.stderr.contains(words),
            "{refused:?}"
        );
    }
    let missing = ipvsh(shop.path(), &["--sim=missing.json", "top"]);
    assert_ne!(missing.status, 0);
}

fn started(home: &Path) -> Terminal {
    let shop = concat!("--sim=", env!("CARGO_MANIFEST_DIR"), "/scripts/shop.json");
    let words = [shop, "top", "--interval", "200ms"];
    Terminal::start_program(home, &words, "xterm")
}

#[test]
fn keys_a_resize_and_a_suspension_work_in_a_terminal() {
    let home = tempfile::tempdir().unwrap();
    let mut terminal = started(home.path());
    let shown = terminal.until("quit");
    assert!(shown.contains("tcp://192.0.2.1:80"), "{shown}");
    assert!(terminal.is_raw());
    // Only what differs is drawn: words come whole, and blanks between them may be there already.
    terminal.forgets();
    terminal.sends("?");
    terminal.until("Shift-Tab");
    terminal.sends("x/10.0.0.3\r");
    terminal.until("filter:");
    terminal.forgets();
    terminal.resize(64, 12);
    terminal.until("NAME+");
    // Ctrl-Z, and SIGTSTP of somebody else, give the terminal back.
    for signal in [None, Some("TSTP")] {
        match signal {
            None => terminal.sends("\u{1a}"),
            Some(signal) => terminal.signals(signal),
        }
        assert!(
            terminal.settles(),
            "{signal:?}: the terminal is not given back"
        );
        terminal.stands_still();
        terminal.forgets();
        terminal.signals("CONT");
        terminal.until("NAME+");
        assert!(terminal.is_raw());
    }
    terminal.sends("q");
    let (_, status) = terminal.before_after();
    assert_eq!(status, 0);
}

#[test]
fn however_it_ends_the_terminal_is_given_back() {
    for end in ["q", "\u{3}", "TERM", "HUP"] {
        let home = tempfile::tempdir().unwrap();
        let mut terminal = started(home.path());
        terminal.until("quit");
        terminal.forgets();
        if end.len() == 1 {
            terminal.sends(end);
        } else {
            terminal.signals(end);
        }
        assert!(terminal.settles(), "{end:?}");
        let (shown, status) = terminal.written_at_the_end();
        assert_eq!(status, 0, "{end:?}");
        assert!(shown.contains("\u{1b}[?1049l"), "{end:?}: {shown:?}");
        assert!(
            shown.contains("\u{1b}[?25h"),
            "{end:?}: the cursor is hidden"
        );
    }
}

#[test]
fn it_ends_with_its_terminal() {
    let home = tempfile::tempdir().unwrap();
    let mut terminal = started(home.path());
    terminal.until("quit");
    terminal.vanishes();
}
