//! The prompt without a terminal: transcripts of inputs and what is shown.

use std::cell::RefCell;
use std::rc::Rc;

use ipvsh::repl::{Completer, Next, Prompt, Screen};
use ipvsh::script::{RunEnvironment, Shell};
use ipvsh::session::Session;
use ipvsh::txn::Report;

use crate::support::{Place, key, server, with_journal};

/// A screen that remembers, and answers questions from a list.
#[derive(Default)]
struct Remembered {
    lines: RefCell<Vec<String>>,
    answers: RefCell<Vec<bool>>,
    asked: RefCell<Vec<String>>,
}

impl Remembered {
    fn put(&self, text: &str) {
        let plain = anstream::adapter::strip_str(text).to_string();
        self.lines
            .borrow_mut()
            .extend(plain.lines().map(|line| line.trim_end().to_owned()));
    }
}

impl Screen for Remembered {
    fn show(&self, text: &str) {
        self.put(text);
    }

    fn note(&self, text: &str) {
        self.put(text);
    }

    fn warn(&self, text: &str) {
        self.put(&format!("warning: {text}"));
    }

    fn error(&self, text: &str) {
        self.put(text);
    }

    fn ask(&self, question: &str) -> bool {
        self.asked.borrow_mut().push(question.to_owned());
        self.answers
            .borrow_mut()
            .pop()
            .expect("a question that the test did not expect")
    }

    fn width(&self) -> usize {
        100
    }

    fn colours(&self) -> bool {
        false
    }

    fn outcome(&self, report: &Report) {
        self.put(&format!("outcome: {}", report.outcome.word()));
    }
}

pub(crate) struct Typist {
    prompt: Prompt,
    screen: Rc<Remembered>,
    pub(crate) shell: Rc<RefCell<Shell>>,
}

impl Typist {
    pub(crate) fn at(place: &Place, asks: bool) -> Self {
        Self::over(place.session(), asks)
    }

    fn over(session: Session, asks: bool) -> Self {
        let screen = Rc::new(Remembered::default());
        let printed = Rc::clone(&screen);
        let output = Rc::new(move |text: &str| {
            printed.put(text);
            Ok(())
        });
        let shell = Rc::new(RefCell::new(Shell::new(
            session,
            RunEnvironment::closed(output),
        )));
        let prompt = Prompt::new(
            Rc::clone(&shell),
            Rc::clone(&screen) as Rc<dyn Screen>,
            asks,
        );
        Self {
            prompt,
            screen,
            shell,
        }
    }

    /// Types an input and returns what was shown.
    #[track_caller]
    pub(crate) fn types(&mut self, input: &str) -> String {
        self.screen.lines.borrow_mut().clear();
        assert_eq!(self.prompt.step(input), Next::Continue, "{input}");
        self.screen.lines.borrow().join("\n")
    }

    fn completes(&self, line: &str) -> Vec<String> {
        let completer = Completer::new(Rc::clone(&self.shell));
        let (_, found) = completer.complete(line, line.len());
        found.into_iter().map(|candidate| candidate.text).collect()
    }
}

const WEB: &str = "service::add(\"tcp://192.0.2.1:80\", #{ destinations: [#{ id: \"10.0.0.2:80\", weight: 10 }, #{ id: \"10.0.0.3:80\", weight: 10 }] });";

#[test]
fn variables_functions_and_imports_stay() {
    let mut typist = Typist::at(&Place::simulated(), false);
    assert_eq!(typist.types("let x = 20;"), "");
    typist.types("fn twice(n) { n * 2 }");
    assert_eq!(typist.types("twice(x) + 2"), "42");
    typist.types("import \"std/select\" as select;");
    assert_eq!(typist.types("select::quiescent().len()"), "0");
    assert!(
        typist
            .types("select::quiescnt()")
            .contains("did you mean `select::quiescent`?")
    );
    typist.types("let add = |n| n + x;");
    assert_eq!(typist.types("add.call(1)"), "21");
    assert!(
        typist.types("y + 1").contains("^"),
        "an unknown variable is found before anything runs"
    );
    assert!(typist.types(":vars").contains("twice"));
    assert_eq!(
        typist.types("[#{ a: 1, b: \"x\" }, #{ a: 22, b: \"y\" }]"),
        " A  B\n 1  x\n22  y"
    );
    assert_eq!(typist.types(":json [1, ()]"), "[\n  1,\n  null\n]");
}

#[test]
fn a_transaction_is_opened_shown_taken_back_in_part_committed_and_undone() {
    for place in Place::every() {
        let mut typist = Typist::at(&place, false);
        assert!(
            typist.types(WEB).contains(", 3 changes, "),
            "{}",
            place.name()
        );
        let base = typist.prompt.text().trim_end_matches("> ").to_owned();
        typist.types(":begin swap .2");
        assert_eq!(
            typist.prompt.text(),
            format!("{base} [swap .2: no changes]> ")
        );
        let said = typist
            .types("destination::edit(\"tcp://192.0.2.1:80\", \"10.0.0.2:80\", #{ weight: 0 });");
        assert!(said.contains("staged, not sent: ~1"), "{said}");
        typist.types("service::add(\"fwmark://7\");");
        assert_eq!(typist.prompt.text(), format!("{base} [swap .2: +1 ~1]> "));
        assert!(typist.types(":undo").contains("staged: ~1"));
        assert!(
            typist
                .types(":diff")
                .contains("~ 10.0.0.2:80   weight 10 -> 0")
        );
        assert_eq!(
            place.table().services[&key("tcp://192.0.2.1:80")].destinations[&server("10.0.0.2:80")]
                .configuration
                .weight
                .get(),
            10,
            "nothing was sent yet"
        );
        // An error in a line drops what the line staged, and keeps what was staged before.
        let said = typist.types("service::add(\"fwmark://8\"); service::add(\"fwmark://8\");");
        assert!(
            said.contains("what this line had staged is dropped"),
            "{said}"
        );
        assert_eq!(typist.prompt.text(), format!("{base} [swap .2: ~1]> "));
        assert!(
            typist
                .types("service::delete(\"fwmark://9\");")
                .contains("error: ")
        );
        assert!(typist.types(":commit").contains(", 1 change, "));
        let weight = || {
            place.table().services[&key("tcp://192.0.2.1:80")].destinations[&server("10.0.0.2:80")]
                .configuration
                .weight
                .get()
        };
        assert_eq!(weight(), 0);
        assert!(typist.types(":undo").contains(", 1 change, "));
        assert_eq!(weight(), 10);
        assert!(typist.types(":redo").contains("redone"));
        assert_eq!(weight(), 0);
        // Two undos go two lines back, two redos two lines forward.
        assert!(typist.types(":undo").contains("undone"));
        assert_eq!(weight(), 10);
        assert!(typist.types(":undo").contains("undone"));
        assert_eq!(place.table().services.len(), 0);
        assert!(typist.types(":undo").contains("no line to undo"));
        typist.types(":redo");
        assert_eq!(weight(), 10);
        typist.types(":redo");
        assert_eq!(weight(), 0);
        assert!(typist.types(":redo").contains("nothing to redo"));
        assert!(typist.types(":rollback").contains("no transaction is open"));
        typist.types(":begin");
        typist.types("table::clear();");
        assert!(
            typist
                .types(":rollback")
                .contains("dropped: -1; nothing was sent")
        );
        assert_eq!(place.table().services.len(), 1);
    }
}

#[test]
fn undo_takes_back_line_by_line_what_was_staged() {
    let place = Place::simulated();
    let mut typist = Typist::at(&place, false);
    typist.types(":begin");
    assert!(typist.types(":undo").contains("has staged anything"));
    typist.types("service::add(\"fwmark://1\");");
    typist.types("savepoint(\"one\");");
    typist.types("service::add(\"fwmark://2\");");
    typist.types("print(service::list().len());");
    // A line that goes back to a savepoint and then fails leaves what was there before it.
    let said = typist.types("rollback_to(\"one\"); throw error(\"invalid\", \"no\");");
    assert!(
        said.contains("what this line had staged is dropped"),
        "{said}"
    );
    assert!(typist.prompt.text().contains("[+2]"));
    // So does one that only staged a setting.
    let said = typist.types("sysctl::set(\"conntrack\", 1); throw error(\"invalid\", \"no\");");
    assert!(
        said.contains("what this line had staged is dropped"),
        "{said}"
    );
    assert!(typist.prompt.text().contains("[+2]"));
    typist.types("rollback_to(\"one\");");
    assert!(typist.prompt.text().contains("[+1]"));
    for staged in ["[+2]", "[+1]", "[no changes]"] {
        let said = typist.types(":undo");
        assert!(said.contains("is dropped"), "{said}");
        assert!(typist.prompt.text().contains(staged), "{staged}");
    }
    assert!(typist.types(":undo").contains("has staged anything"));
    typist.types("service::add(\"fwmark://3\");");
    assert!(typist.types(":commit").contains(", 1 change, "));
    assert_eq!(place.table().services.len(), 1);
}

#[test]
fn undo_says_what_it_can_t_bring_back() {
    let place = Place::simulated();
    let mut typist = Typist::at(&place, false);
    typist.types(WEB);
    typist.types("service::zero(\"tcp://192.0.2.1:80\");");
    let said = typist.types(":undo");
    assert!(said.contains("can't be brought back"), "{said}");
    assert_eq!(place.table().services.len(), 1);
    // A line that fails leaves no savepoint either.
    typist.types(":begin");
    typist.types("service::add(\"fwmark://1\"); savepoint(\"one\");");
    typist.types("service::add(\"fwmark://2\");");
    typist.types("savepoint(\"one\"); throw \"no\";");
    typist.types("rollback_to(\"one\");");
    assert!(typist.prompt.text().contains("[+1]"));
}

#[test]
fn a_signal_that_asks_to_end_is_heard_by_every_command() {
    for input in [
        ":list",
        ":commit",
        "service::list()",
        "help service",
        ":json 1",
    ] {
        let mut typist = Typist::at(&Place::simulated(), false);
        typist.types(":begin");
        let raise = |number| typist.shell.borrow().session().interrupt().raise(number);
        raise(2);
        assert_eq!(typist.prompt.step(input), Next::Continue, "{input}");
        typist.prompt.step(":begin");
        let raise = |number| typist.shell.borrow().session().interrupt().raise(number);
        raise(15);
        assert_eq!(typist.prompt.step(input), Next::End(143), "{input}");
    }
}

#[test]
fn files_are_touched_once_that_is_set() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.txt");
    let mut typist = Typist::at(&Place::simulated(), false);
    let write = format!("write_text({path:?}, \"hello\");");
    let said = typist.types(&write);
    assert!(said.contains("may not write"), "{said}");
    typist.types(":set files on");
    typist.types(&write);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "hello");
    typist.types(":set files off");
    let said = typist.types(&format!("read_text({path:?})"));
    assert!(
        said.contains("may not read") && said.contains(":set files on"),
        "{said}"
    );
}

#[test]
fn undo_gives_way_to_what_someone_else_did_since() {
    for place in Place::every() {
        let mut typist = Typist::at(&place, false);
        typist.types(WEB);
        typist.types("destination::edit(\"tcp://192.0.2.1:80\", \"10.0.0.2:80\", #{ weight: 5 });");
        let mut other = place.session();
        let edit = ipvsh::model::DestinationEdit {
            weight: Some(ipvsh::model::Weight::new(7).unwrap()),
            ..ipvsh::model::DestinationEdit::default()
        };
        let _done = other
            .edit_destination(key("tcp://192.0.2.1:80"), server("10.0.0.2:80"), &edit)
            .unwrap();
        let said = typist.types(":undo");
        assert!(said.contains("another change stands in the way"), "{said}");
        assert!(
            typist
                .types("destination::get(\"tcp://192.0.2.1:80\", \"10.0.0.2:80\").weight")
                .contains('7')
        );
    }
}

#[test]
fn what_takes_something_away_is_shown_and_asked_about() {
    let mut typist = Typist::at(&Place::simulated(), true);
    typist.types(WEB);
    assert!(
        typist.screen.asked.borrow().is_empty(),
        "adding asks nothing"
    );
    typist.screen.answers.borrow_mut().push(false);
    let said = typist.types("service::delete(\"tcp://192.0.2.1:80\");");
    assert!(
        said.contains("- tcp://192.0.2.1:80   with 2 real servers")
            && said.contains("not confirmed"),
        "{said}"
    );
    typist.screen.answers.borrow_mut().push(true);
    let both = "for d in destination::list() { d.edit(#{ weight: d.weight + 1 }); }";
    typist.types(both);
    assert_eq!(
        typist.screen.answers.borrow().len(),
        1,
        "a change of weights asks nothing"
    );
    let said =
        typist.types("transaction { for d in destination::list() { d.edit(#{ weight: 0 }); } }");
    assert!(said.contains("no real server has weight"), "{said}");
    // A no at :commit keeps the transaction open.
    typist.types(":begin");
    typist.types("table::clear();");
    typist.screen.answers.borrow_mut().push(false);
    assert!(
        typist
            .types(":commit")
            .contains("the transaction stays open")
    );
    typist.screen.answers.borrow_mut().push(true);
    assert!(typist.types(":commit").contains(", 1 change, "));
    typist.types(":set ask off");
    typist.types(WEB);
    typist.types("table::clear();");
}

#[test]
fn leaving_says_what_is_dropped() {
    let mut typist = Typist::at(&Place::simulated(), false);
    typist.types(":begin");
    typist.types("service::add(\"fwmark://7\");");
    typist.screen.lines.borrow_mut().clear();
    assert_eq!(typist.prompt.step("exit"), Next::End(0));
    let said = typist.screen.lines.borrow().join("\n");
    assert!(
        said.contains("is dropped") && said.contains("+ fwmark://7"),
        "{said}"
    );
    let mut typist = Typist::at(&Place::simulated(), false);
    assert_eq!(typist.prompt.step("exit(7)"), Next::End(7));
}

#[test]
fn help_and_lines_of_ipvsadm_are_understood() {
    let mut typist = Typist::at(&Place::simulated(), false);
    typist.types(WEB);
    assert!(
        typist
            .types("help service::zero")
            .contains("Sets the counters")
    );
    assert!(typist.types("help").contains("destination"));
    assert!(typist.types("help fn is").contains("there is no help on"));
    assert!(typist.types("help servce").contains("did you mean"));
    let said = typist.types("help drain");
    assert!(said.contains("drain::server(server, options)"), "{said}");
    let said = typist.types("help elsewhere");
    assert!(
        said.contains("Nothing is called `elsewhere`") && said.contains("destination::edit("),
        "{said}"
    );
    assert!(typist.types("service::e?").contains("service::ensure("));
    assert!(typist.types(":helq").contains("did you mean :help?"));
    let said = typist.types("ipvsadm -Ln");
    assert!(
        said.contains("here that is :list")
            && said.contains("10.0.0.2:80")
            && said.contains("tcp://192.0.2.1:80"),
        "{said}"
    );
    let said = typist.types("ipvsadm -D -t 192.0.2.1:80");
    assert!(
        said.contains("service::delete(\"tcp://192.0.2.1:80\")") && said.contains("not run"),
        "{said}"
    );
    assert!(
        typist
            .types("service::has(\"tcp://192.0.2.1:80\")")
            .contains("true")
    );
    assert_eq!(typist.types("-1 + 2"), "1");
}

#[test]
fn what_is_typed_is_completed() {
    let mut typist = Typist::at(&Place::simulated(), false);
    typist.types(WEB);
    typist.types("let shopkeeper = 1;");
    typist.types("import \"std/audit\" as audit;");
    let is = |line: &str, expected: &[&str]| assert_eq!(typist.completes(line), expected, "{line}");
    is("dest", &["destination::"]);
    is("destination::en", &["destination::ensure("]);
    is("shop", &["shopkeeper"]);
    is("audit::le", &["audit::leftovers("]);
    is("service::get(\"tc", &["tcp://192.0.2.1:80"]);
    is(
        "destination::get(\"tcp://192.0.2.1:80\", \"10.0.0.3",
        &["10.0.0.3:80"],
    );
    is("destination::list()[0].is_q", &["is_quiescent"]);
    is("destination::list().sort", &["sort_by("]);
    is(
        "service::edit(\"x\", #{ sch",
        &["scheduler: ", "scheduler_flags: "],
    );
    is(
        "service::edit(\"x\", #{ one_packet: true, per",
        &["persistence: "],
    );
    is("d.edit(#{ wei", &["weight: "]);
    is("svc.edit(#{ sched", &["scheduler: ", "scheduler_flags: "]);
    is("service::add(\"x\", #{ persistence: #{ net", &["netmask: "]);
    is("d.edit(#{ weight: 1, tunnel: #{ port: 1, ty", &["type: "]);
    is(
        "service::ensure(\"x\", #{ destinations: [#{ id: \"a\" }, #{ wei",
        &["weight: "],
    );
    is(
        "service::ensure(\"x\", #{ destinations: [#{ id: \"a\" }], per",
        &["persistence: "],
    );
    is(
        "destination::edit(\"tcp://192.0.2.1:80/10.0.0.3",
        &["tcp://192.0.2.1:80/10.0.0.3:80"],
    );
    is("service::get(\"tcp://192.0.2.1:80/", &[]);
    is("timeouts::set(#{ tc", &["tcp: ", "tcp_fin: "]);
    is("service::edit(\"x\", #{ scheduler: \"wl", &["wlc"]);
    is(
        "destination::edit(s, \"x\", #{ forwarding: \"mas",
        &["masquerading"],
    );
    is("sysctl::get(\"conn_r", &["conn_reuse_mode"]);
    is("import \"std/ro", &["std/rollout"]);
    is(":com", &[":commit"]);
    is(":co", &[":commit", ":connections"]);
    is("read_text(\"/etc/hostn", &["/etc/hostname"]);
}

#[test]
fn the_prompt_has_numbers_history_and_a_time_to_confirm() {
    for place in Place::every() {
        let state = tempfile::tempdir().unwrap();
        let mut typist = Typist::over(with_journal(place.session(), state.path()), false);
        assert!(
            typist
                .types(":history")
                .contains("nothing was committed to this table yet")
        );
        assert!(typist.types(WEB).contains("committed as 1, 3 changes"));
        // What was typed is what it is known by.
        let said = typist.types(":history");
        assert!(said.contains(&WEB[..20]), "{said}");
        typist.types(":begin canary");
        typist.types("destination::edit(\"tcp://192.0.2.1:80\", \"10.0.0.2:80\", #{ weight: 0 })");
        for wrong in ["soon", "0s", "60"] {
            let said = typist.types(&format!(":commit {wrong}"));
            assert!(said.contains("nothing was sent"), "{said}");
        }
        let said = typist.types(":commit 10m");
        assert!(
            said.contains("committed as 2, 1 change")
                && said.contains("rolls back automatically at")
                && said.contains("`ipvsh confirm 2`"),
            "{said}"
        );
        let said = typist
            .types("destination::edit(\"tcp://192.0.2.1:80\", \"10.0.0.2:80\", #{ weight: 5 })");
        assert!(
            said.contains("is held by commit 2, which awaits confirmation"),
            "{said}"
        );
        let said = typist.types(":history");
        assert!(
            said.contains("awaits confirmation  +0 ~1 -0  canary"),
            "{said}"
        );
        typist.types("confirm()");
        assert!(typist.types(":history").contains("confirmed  "));
        let said = typist.types("history::undo(2).id");
        assert!(
            said.contains("committed as 3") && said.contains('3'),
            "{said}"
        );
        let weight = "destination::get(\"tcp://192.0.2.1:80\", \"10.0.0.2:80\").weight";
        assert_eq!(typist.types(weight), "10");
        // What the prompt itself undoes is in the journal too, with what it undid.
        typist.types(":redo");
        assert_eq!(typist.types(weight), "0");
        assert_eq!(typist.types("history::list().len()"), "4");
        assert_eq!(typist.types("history::list()[3].undoes"), "3");
        typist.types(":undo");
        assert_eq!(typist.types(weight), "10");
        assert_eq!(typist.types("history::list()[4].undoes"), "2");
        // Another way to the same: the language, and the prompt goes on from there.
        typist.types("history::redo()");
        assert_eq!(typist.types(weight), "0");
        assert!(typist.types(":undo").contains("commit 2 is undone"));
        assert_eq!(typist.types(weight), "10");
        assert!(typist.types(":undo").contains("commit 1 is undone"));
        assert_eq!(typist.types("service::list().len()"), "0");
        assert!(
            typist
                .types("service::add(\"fwmark://9\");")
                .contains("committed")
        );
        assert!(typist.types(":redo").contains("nothing to redo"));
        // A runbook is undone as a whole, and known to be.
        typist.types("runbook \"two\" { step \"a\" { service::add(\"fwmark://1\"); } step \"b\" { service::add(\"fwmark://2\"); } };");
        assert_eq!(typist.types("service::list().len()"), "3");
        assert!(typist.types(":undo").contains("undone"));
        assert_eq!(typist.types("service::list().len()"), "1");
        typist.types("history::undo()");
        assert_eq!(typist.types("service::list().len()"), "0");
        typist.types("history::redo(); history::redo();");
        assert_eq!(typist.types("service::list().len()"), "3");
    }
}
