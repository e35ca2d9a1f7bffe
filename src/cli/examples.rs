//! Examples of the commands, for their long help and their man pages. A test runs each.

use clap::CommandFactory;

use super::args::Arguments;

/// The lines that show a command, each with what it does.
pub(super) type Examples = &'static [(&'static str, &'static str)];

const EXAMPLES: &[(&str, Examples)] = &[
    (
        "run",
        &[
            (
                "run --sim scripts/quickstart.rhai",
                "without root, on an empty simulated table; --sim=FILE starts from a document",
            ),
            (
                "run scripts/maintenance.rhai --help",
                "what the script takes; nothing of it is run",
            ),
            (
                "run --dry-run scripts/quickstart.rhai",
                "what it would change",
            ),
            ("run --json scripts/quickstart.rhai", "for other programs"),
        ],
    ),
    (
        "eval",
        &[
            (
                "eval 'service::list().len()'",
                "how many virtual services there are",
            ),
            (
                "eval 'destination::list().filter(|d| d.weight == 0).map(|d| d.id)'",
                "who has no weight",
            ),
        ],
    ),
    (
        "check",
        &[(
            "check scripts/maintenance.rhai",
            "syntax, unknown functions, lines that don't mean what they say",
        )],
    ),
    (
        "save",
        &[
            (
                "save --sim=scripts/web.json table.json",
                "without FILE the kernel's table, in /etc/ipvsh/table.json",
            ),
            (
                "save --sim=scripts/web.json --sysctl conntrack table.json",
                "with a kernel parameter, which stays in the file from then on",
            ),
        ],
    ),
    (
        "simulate",
        &[
            (
                "simulate scripts/web.json --compare mh,rr --drop 10.0.0.3",
                "who gets what share, and which clients move when a server goes",
            ),
            (
                "simulate --from scripts/web.json --to scripts/shop.json",
                "what a document makes of it",
            ),
            (
                "simulate --replay scripts/weight-zero.jsonl",
                "what a kernel did with a server of weight 0, played again",
            ),
        ],
    ),
    (
        "plan",
        &[
            ("plan scripts/web.json", "what a document would change"),
            (
                "plan scripts/web.json --out plan.json --undo-out undo.json",
                "to be committed, and undone, as it was shown",
            ),
            (
                "plan scripts/web.json --format ipvsadm",
                "the same as lines of ipvsadm",
            ),
        ],
    ),
    (
        "apply",
        &[
            (
                "apply scripts/web.json",
                "what the document does not name stays",
            ),
            (
                "apply --prune=services --yes scripts/web.json",
                "what it does not name is deleted",
            ),
            (
                "apply --confirm 60s scripts/web.json",
                "rolls back unless `ipvsh confirm` is run within a minute",
            ),
        ],
    ),
    (
        "diff",
        &[
            ("diff scripts/web.json", "from the table to the document"),
            (
                "diff scripts/web.json scripts/shop.json",
                "from one document to another",
            ),
        ],
    ),
    (
        "export",
        &[
            ("export --config", "the table as a document, to be kept"),
            (
                "export tcp://192.0.2.1:80",
                "one virtual service, with what was observed",
            ),
        ],
    ),
    (
        "list",
        &[
            ("list", "all"),
            ("list 10.0.0.2", "a real server, wherever it is"),
            ("list 'tcp://*:443'", "by a pattern"),
            (
                "list --by server --sort -active",
                "where each address serves, and how busy it is",
            ),
            (
                "list --filter 'weight == 0' --columns service,id,active",
                "who is drained, and what is left on them",
            ),
        ],
    ),
    (
        "add",
        &[
            (
                "add tcp://192.0.2.7:80 --scheduler wrr --persistence 5m",
                "a virtual service",
            ),
            (
                "add tcp://192.0.2.7:80/10.0.0.7:80 --weight 10",
                "a real server of it",
            ),
            (
                "add tcp://192.0.2.7:80 -r 10.0.0.8 -m -w 10",
                "another one, with the letters of ipvsadm",
            ),
        ],
    ),
    (
        "edit",
        &[
            (
                "edit tcp://192.0.2.1:80/10.0.0.2:80 --weight 5",
                "one real server",
            ),
            (
                "edit 10.0.0.2 --weight 0 --dry-run",
                "what it would be to quiesce it everywhere",
            ),
            (
                "edit tcp://192.0.2.1:80 --scheduler wlc",
                "a virtual service",
            ),
        ],
    ),
    (
        "delete",
        &[
            (
                "delete tcp://192.0.2.1:80/10.0.0.2:80",
                "a real server; its connections are cut: see `ipvsh help drain`",
            ),
            (
                "delete --yes tcp://192.0.2.1:443",
                "a virtual service with its real servers, without a question",
            ),
        ],
    ),
    (
        "ensure",
        &[(
            "ensure tcp://192.0.2.1:80/10.0.0.2:80 --weight 10",
            "adds it, or makes it so",
        )],
    ),
    (
        "absent",
        &[("absent tcp://192.0.2.99:80", "no error if it is not there")],
    ),
    (
        "copy",
        &[(
            "copy tcp://192.0.2.1:80 tcp://192.0.2.9:80",
            "the same under another address",
        )],
    ),
    (
        "move",
        &[
            (
                "move tcp://192.0.2.1:80 tcp://192.0.2.9:80",
                "at once; who is connected to the old one is cut",
            ),
            (
                "move --drain 10m tcp://192.0.2.1:443 tcp://192.0.2.9:443",
                "the old one stays until its connections have ended",
            ),
        ],
    ),
    (
        "drain",
        &[
            (
                "drain 10.0.0.2 --reason \"new disk\"",
                "everywhere; then it stays at weight 0",
            ),
            (
                "drain 10.0.0.2 --service tcp://192.0.2.1:443 --then remove",
                "from one virtual service, and delete it",
            ),
            ("drain --list", "what is drained"),
            (
                "undrain 10.0.0.2",
                "gives it back its weights when the work is done",
            ),
        ],
    ),
    (
        "undrain",
        &[("undrain 10.0.0.2", "gives back the weights that it had")],
    ),
    (
        "history",
        &[
            ("history", "what was committed to this table"),
            (
                "history show 1",
                "one commit: its plan, who, when, why, what became of it",
            ),
        ],
    ),
    (
        "undo",
        &[
            (
                "undo --dry-run",
                "what the undo of the newest commit would change",
            ),
            ("undo", "undoes it; again: the one before it"),
            (
                "undo 1",
                "undoes commit 1, if what it changed is still as it left it",
            ),
        ],
    ),
    ("redo", &[("redo", "reverses the newest undo")]),
    (
        "confirm",
        &[
            (
                "confirm --list",
                "commits that roll back unless they are confirmed",
            ),
            ("confirm", "keeps the one that waits"),
        ],
    ),
    (
        "cancel",
        &[("cancel", "rolls back now what waits to be confirmed")],
    ),
    (
        "recover",
        &[
            ("recover", "rolls back what a crash interrupted"),
            ("recover --forward", "completes it instead"),
        ],
    ),
    (
        "info",
        &[
            ("info", "one page about this director"),
            ("info --json", "for other programs"),
        ],
    ),
    ("config", &[("config", "what is set, and where")]),
    (
        "schema",
        &[("schema", "for editors and checks in continuous integration")],
    ),
    (
        "help",
        &[
            ("help", "what there is"),
            ("help undo", "a command"),
            ("help guards", "a topic"),
            ("help service::edit", "a function of the script language"),
            ("help 7", "an exit status"),
            ("help -k persistence", "what speaks of a word"),
        ],
    ),
    (
        "ipvsadm",
        &[
            ("ipvsadm -Ln", "what ipvsadm -Ln prints, to the byte"),
            (
                "ipvsadm -E -t 192.0.2.1:80 -s wlc --dry-run",
                "what the line would change",
            ),
            ("ipvsadm -Sn --complete", "lines that lose nothing"),
        ],
    ),
    (
        "ipvsadm-save",
        &[("ipvsadm-save -n", "lines that ipvsadm-restore reads")],
    ),
    (
        "ipvsadm-restore",
        &[(
            "ipvsadm-restore --atomic <rules",
            "all lines or none, changed in place",
        )],
    ),
    (
        "connections",
        &[
            (
                "connections --group-by client/24 --top 10",
                "from which networks most clients come",
            ),
            (
                "connections --server 10.0.0.2 --state established --sort -expires",
                "who is connected to a real server, those that spoke last first",
            ),
            (
                "connections --service tcp://192.0.2.1:80 -o csv",
                "for a spreadsheet",
            ),
        ],
    ),
    (
        "top",
        &[
            (
                "top --once --interval 1s --sort -active",
                "one table, the busiest first; on a terminal `ipvsh top` shows it live",
            ),
            (
                "top --once --interval 1s --servers --json",
                "for scripts; without --once a JSON object every 2 s",
            ),
        ],
    ),
    (
        "record",
        &[
            (
                "record --interval 1s --for 2s",
                "two seconds of the table, every second",
            ),
            (
                "record --show",
                "commits, drains and gaps of what is recorded",
            ),
        ],
    ),
    (
        "test",
        &[
            (
                "test scripts --coverage",
                "the tests beside all scripts of a folder, and which lines they run",
            ),
            (
                "test scripts/canary.rhai --filter refusal",
                "one test of one script",
            ),
        ],
    ),
    (
        "man",
        &[("man --out .", "`man -l ./ipvsh-undo.1` shows one")],
    ),
    (
        "completions",
        &[(
            "completions bash",
            "to be read by bash: `source <(ipvsh completions bash)`",
        )],
    ),
];

/// Returns the whole command line: with examples in the long help of each command, and in the short help the way to them.
pub(super) fn program() -> clap::Command {
    let mut program = Arguments::command();
    for (name, examples) in EXAMPLES {
        program = program.mut_subcommand(name, |command| {
            let more = if name.starts_with("ipvsadm") {
                "`ipvsh help drop-in` has all that it can beyond the original.".to_owned()
            } else {
                format!(
                    "`ipvsh {name} --help` has examples and the options that all commands share."
                )
            };
            command.after_help(more).after_long_help(text(examples))
        });
    }
    program
}

/// Returns the examples of a command.
pub(super) fn of(name: &str) -> Examples {
    let found = EXAMPLES.iter().find(|(command, _)| *command == name);
    found.map_or(&[], |(_, examples)| examples)
}

fn text(examples: Examples) -> String {
    let lines: Vec<String> = examples
        .iter()
        .map(|(line, meaning)| format!("  ipvsh {line}\n      {meaning}"))
        .collect();
    format!("Examples:\n{}", lines.join("\n"))
}
