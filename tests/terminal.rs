//! The prompt in a real terminal: what only a terminal shows.

use std::os::unix::fs::PermissionsExt;

use crate::support::terminal::Terminal;

const SHOP: &str = concat!("--sim=", env!("CARGO_MANIFEST_DIR"), "/scripts/shop.json");

fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn lines_that_belong_together_are_one_input_and_ids_are_completed() {
    let home = home();
    let mut terminal = Terminal::start(home.path(), &[SHOP], "xterm", "sim shop.json");
    terminal.sends("for n in 1..3 {\r");
    terminal.sends("print(n * 21);\r");
    let shown = terminal.types("}");
    assert!(
        shown.contains("\n21\n") && shown.contains("\n42\n"),
        "{shown}"
    );
    terminal.sends("service::get(\"tcp://192.0.2.1:8\t");
    terminal.until("tcp://192.0.2.1:80");
    let shown = terminal.types("\").scheduler");
    assert!(shown.contains("\nwrr\n"), "{shown}");
    terminal.sends("\u{4}");
    assert_eq!(terminal.before_after().1, 0);
}

#[test]
fn ctrl_c_ends_what_runs_and_keeps_the_prompt() {
    let home = home();
    let mut terminal = Terminal::start(home.path(), &[SHOP], "xterm", "sim shop.json");
    for endless in [
        "print(\"be\" + \"gun\"); loop { }",
        "print(\"be\" + \"gun\"); loop { try { loop { } } catch { } }",
        "print(\"be\" + \"gun\"); wait_until(|| service::has(\"fwmark://9\"), \"90000000h\");",
    ] {
        terminal.sends(&format!("{endless}\r"));
        terminal.until("\nbegun");
        terminal.sends("\u{3}");
        let shown = terminal.next();
        assert!(shown.contains("interrupted"), "{shown}");
    }
    // At the prompt it drops what was typed.
    terminal.sends("let half = ");
    terminal.until("let half = ");
    terminal.sends("\u{3}");
    terminal.next();
    let shown = terminal.types("1 + 1");
    assert!(shown.contains("\n2\n"), "{shown}");
}

#[test]
fn an_open_transaction_is_shown_and_dropped_on_leaving() {
    let home = home();
    let mut terminal = Terminal::start(home.path(), &[SHOP], "xterm", "sim shop.json");
    let shown = terminal.types(":begin swap");
    assert!(!shown.contains("error"), "{shown}");
    terminal.types("destination::edit(\"tcp://192.0.2.1:80\", \"10.0.0.2:80\", #{ weight: 3 });");
    let shown = terminal.types(":diff");
    assert!(shown.contains("~ 10.0.0.2:80   weight 10 -> 3"), "{shown}");
    let shown = terminal.types(":commit");
    assert!(shown.contains("not saved, 1 change"), "{shown}");
    terminal.types(":begin");
    terminal.types("table::clear();");
    terminal.sends("\u{4}");
    let (shown, status) = terminal.before_after();
    assert!(
        shown.contains("the open transaction is dropped") && shown.contains("- tcp://192.0.2.1:80"),
        "{shown}"
    );
    assert_eq!(status, 0);
}

#[test]
fn a_signal_ends_the_prompt_at_once_and_leaves_the_terminal_as_it_was() {
    for (signal, status) in [("TERM", 143), ("HUP", 129)] {
        let home = home();
        let mut terminal = Terminal::start(home.path(), &[SHOP], "xterm", "sim shop.json");
        terminal.types(":begin");
        terminal.types("table::clear();");
        assert!(terminal.is_raw(), "the line editor reads key by key");
        terminal.signals(signal);
        assert!(terminal.settles(), "the terminal echoes again");
        let (shown, ended) = terminal.before_after();
        assert_eq!(ended, status);
        assert!(
            shown.contains("the open transaction is dropped; nothing of it was sent"),
            "{shown}"
        );
    }
}

#[test]
fn the_history_lasts_and_no_one_else_reads_it() {
    let home = home();
    let mut terminal = Terminal::start(home.path(), &[SHOP], "xterm", "sim shop.json");
    terminal.types("print(\"from \" + \"yesterday\")");
    terminal.sends("exit\r");
    assert_eq!(terminal.before_after().1, 0);
    let file = home.path().join(".local/state/ipvsh/history");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut terminal = Terminal::start(home.path(), &[SHOP], "xterm", "sim shop.json");
    // Back over the line that numbered the prompts, and over `exit`.
    terminal.sends("\u{1b}[A\u{1b}[A\u{1b}[A");
    let shown = terminal.types("");
    assert!(shown.contains("\nfrom yesterday\n"), "{shown}");
    // And by search.
    terminal.sends("\u{12}yester");
    terminal.until("yesterday");
    let shown = terminal.types("");
    assert!(shown.contains("\nfrom yesterday\n"), "{shown}");
}

#[test]
fn a_pasted_script_runs_whole_and_a_table_fits_the_width() {
    let home = home();
    let mut terminal = Terminal::start(home.path(), &["--sim"], "xterm", "sim");
    let mut script = String::from("let total = 0;\n");
    for line in 0..48 {
        script.push_str(&format!("total += {line};\n"));
    }
    script.push_str("print(`total ${total}`);");
    assert_eq!(script.lines().count(), 50);
    terminal.sends(&format!("\u{1b}[200~{script}\u{1b}[201~\r"));
    let shown = terminal.next();
    assert!(shown.contains("\ntotal 1128\n"), "{shown}");
    // Typed ahead, line by line, nothing is lost either.
    for line in script
        .replace("let total", "let sum")
        .replace("total", "sum")
        .lines()
    {
        terminal.sends(&format!("{line}\r"));
    }
    terminal.answered_ahead(49);
    let shown = terminal.next();
    assert!(shown.contains("\nsum 1128\n"), "{shown}");
    terminal.types("service::add(\"tcp://[2001:db8:1111:2222:3333:4444:5555:6666]:65535\");");
    terminal.resize(60, 30);
    let shown = terminal.types("service::list()");
    // The name is whole; the other columns are not there.
    assert!(
        shown.contains("\nSERVICE ..\ntcp://[2001:db8:1111:2222:3333:4444:5555:6666]:65535\n"),
        "{shown}"
    );
}

#[test]
fn long_results_come_page_by_page() {
    let home = home();
    let mut terminal = Terminal::start(home.path(), &["--sim"], "xterm", "sim");
    terminal.types("transaction { for n in 1..101 { service::add(`fwmark://${n}`); } }.kind");
    terminal.sends("service::list()\r");
    let shown = terminal.until("more lines");
    assert!(
        shown.contains("fwmark://1 ") && !shown.contains("fwmark://99 "),
        "{shown}"
    );
    // A key, no line: an Enter behind it is an empty line of the prompt, which counts.
    terminal.sends("a");
    let shown = terminal.next();
    assert!(shown.contains("fwmark://100 "), "{shown}");
    terminal.sends("service::list()\r");
    terminal.until("more lines");
    terminal.sends("q");
    let shown = terminal.next_in_place();
    assert!(!shown.contains("fwmark://99 "), "{shown}");
    // What is typed ahead of the pager is the prompt's, and so is what is no key of it.
    terminal.sends("service::list()\r");
    terminal.until("more lines");
    terminal.sends("q:begin ahead\r");
    let shown = terminal.until("[ahead: no changes]");
    assert!(!shown.contains("fwmark://99 "), "{shown}");
    terminal.sends(":rollback\r");
    terminal.until("nothing was sent");
    terminal.forgets();
    terminal.sends("service::list()\r");
    terminal.until("more lines");
    terminal.sends("1 + 41\r");
    terminal.until("\n42");
}

#[test]
fn a_dumb_terminal_serves_as_well() {
    let home = home();
    std::fs::create_dir_all(home.path().join(".config/ipvsh")).unwrap();
    std::fs::write(
        home.path().join(".config/ipvsh/start.rhai"),
        "fn hello() { \"from the start file\" }",
    )
    .unwrap();
    let mut terminal = Terminal::start(home.path(), &[SHOP], "dumb", "sim shop.json");
    let shown = terminal.types("hello()");
    assert!(shown.contains("from the start file"), "{shown}");
    let shown = terminal.types("destination::list(\"tcp://192.0.2.1:80\").map(|d| d.weight)");
    assert!(shown.contains("10"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "{shown}");
    terminal.sends("exit(5)\r");
    assert_eq!(terminal.before_after().1, 5);
}
