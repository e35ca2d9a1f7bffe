//! Functions of the language, one file for each noun. The documentation of a function stands at its binding.

mod blocks;
mod bounded;
mod connections;
mod daemon;
mod data;
mod destination;
mod general;
mod history;
mod lists;
mod named;
mod scheduler;
mod service;
mod simulation;
mod sorting;
mod stats;
mod table;
mod test;
mod time;
mod timeouts;
mod traffic;
mod typed;
mod waits;

use rhai::plugin::{combine_with_exported_module, exported_module};
use rhai::{Engine, Module};

/// Registers every function.
pub(super) fn register(engine: &mut Engine) {
    engine.register_static_module("service", exported_module!(service::functions).into());
    let mut destinations = exported_module!(destination::functions);
    destinations.combine(exported_module!(named::functions));
    engine.register_static_module("destination", destinations.into());
    engine.register_static_module("table", exported_module!(table::functions).into());
    engine.register_static_module("timeouts", exported_module!(timeouts::functions).into());
    engine.register_static_module("scheduler", exported_module!(scheduler::functions).into());
    engine.register_static_module("stats", exported_module!(stats::functions).into());
    engine.register_static_module("daemon", exported_module!(daemon::daemons).into());
    engine.register_static_module("history", exported_module!(history::functions).into());
    engine.register_static_module("sim", exported_module!(simulation::functions).into());
    engine.register_static_module(
        "connections",
        exported_module!(connections::functions).into(),
    );
    engine.register_static_module("test", exported_module!(test::functions).into());
    engine.register_static_module("sysctl", exported_module!(daemon::sysctls).into());
    let mut general = Module::new();
    combine_with_exported_module!(&mut general, "general", general::functions);
    combine_with_exported_module!(&mut general, "blocks", blocks::functions);
    combine_with_exported_module!(&mut general, "confirmations", history::confirmations);
    combine_with_exported_module!(&mut general, "time", time::functions);
    combine_with_exported_module!(&mut general, "data", data::functions);
    combine_with_exported_module!(&mut general, "arrays", lists::arrays);
    combine_with_exported_module!(&mut general, "services", lists::services);
    combine_with_exported_module!(&mut general, "destinations", lists::destinations);
    combine_with_exported_module!(&mut general, "list_verbs", lists::verbs);
    combine_with_exported_module!(&mut general, "plan", table::plan_methods);
    engine.register_global_module(general.into());
    bounded::register(engine);
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use crate::model::TableSpecification;
    use crate::script::engine::builtin_engine;
    use crate::script::{Allowed, Permissions, RunEnvironment, Script, run};
    use crate::session::{Access, Interrupt, JournalSetup, Session, Target};

    const FIXTURE: &str = r#"{ "version": 1, "services": [ { "id": "tcp://192.0.2.1:80", "destinations": [
        { "id": "10.0.0.2:80", "weight": 3 }, { "id": "10.0.0.3:80", "weight": 0 } ] } ] }"#;

    /// What Rhai has for its own lists and texts, here with bounds or for lists of snapshots.
    const RHAIS_OWN: [&str; 29] = [
        "dedup",
        "chars",
        "crop",
        "index_of",
        "parse_float",
        "parse_int",
        "$get$chars",
        "blob",
        "contains",
        "debug",
        "is_empty",
        "len",
        "order",
        "order_by",
        "order_desc",
        "pad",
        "print",
        "replace",
        "sort",
        "sort_by",
        "sort_desc",
        "split",
        "split_rev",
        "sub_string",
        "to_array",
        "to_chars",
        "to_debug",
        "to_string",
        "blob_to_string",
    ];

    /// Returns each function of ours with its documentation.
    fn documented() -> Vec<(String, String)> {
        let json = builtin_engine().gen_fn_metadata_to_json(false).unwrap();
        let metadata: serde_json::Value = serde_json::from_str(&json).unwrap();
        let mut found = Vec::new();
        let spaces = metadata["modules"].as_object().unwrap();
        let named = spaces
            .iter()
            .map(|(name, module)| (format!("{name}::"), module));
        for (space, module) in named.chain([(String::new(), &metadata)]) {
            for function in module["functions"].as_array().into_iter().flatten() {
                let lines = function["docComments"].as_array().into_iter().flatten();
                let text: Vec<&str> = lines.filter_map(|line| line.as_str()).collect();
                let name = function["name"].as_str().unwrap();
                found.push((format!("{space}{name}"), text.join("\n")));
            }
        }
        found
    }

    /// Takes the example out of a documentation.
    fn example(documentation: &str) -> Option<String> {
        let plain: Vec<&str> = documentation
            .lines()
            .map(|line| {
                line.trim_start()
                    .trim_start_matches("///")
                    .trim_start_matches(' ')
            })
            .collect();
        let plain = plain.join("\n");
        let (_, rest) = plain.split_once("```rhai\n")?;
        let (code, _) = rest.split_once("```")?;
        assert!(!code.trim().is_empty(), "an example is empty:\n{plain}");
        Some(code.to_owned())
    }

    fn session(state: &std::path::Path) -> Session {
        let contents: TableSpecification =
            crate::document::read_document("fixture", FIXTURE.as_bytes()).unwrap();
        let target = Target::Simulation {
            contents: Some(Box::new(contents)),
            label: None,
            file: None,
        };
        let mut session = Session::open(target, Access::Write, Interrupt::default()).unwrap();
        session
            .keep_journal(JournalSetup {
                folder: Some(state.to_owned()),
                command: Vec::new(),
                name: Some("/fixture".to_owned()),
                label: None,
                watcher: Rc::new(|_| Ok(())),
            })
            .unwrap();
        session
    }

    #[test]
    fn every_function_has_an_example_that_runs() {
        let functions = documented();
        assert!(functions.len() > 110, "{}", functions.len());
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("servers.csv"),
            "server,weight\n10.0.0.2:80,3\n",
        )
        .unwrap();
        std::fs::write(folder.path().join("table.json"), FIXTURE).unwrap();
        for (name, documentation) in functions {
            let Some(code) = example(&documentation) else {
                // Fields of values are read in the examples of their functions.
                let is_field = name.contains('$') || !name.starts_with(|c: char| c.is_alphabetic());
                assert!(
                    is_field || RHAIS_OWN.contains(&name.as_str()),
                    "{name} has no example"
                );
                continue;
            };
            // Files lie in a folder of the test.
            let mut source = code;
            for file in ["servers.csv", "table.json", "report.txt", "before.json"] {
                let place = folder.path().join(file);
                source = source.replace(&format!("\"{file}\""), &format!("{place:?}"));
            }
            let script = Script {
                path: name.clone(),
                source,
                arguments: Vec::new(),
            };
            let environment = RunEnvironment {
                last_resort: None,
                coverage: None,
                permissions: Permissions {
                    read: Allowed::Everywhere,
                    write: Allowed::Everywhere,
                    at_prompt: false,
                },
                ..RunEnvironment::closed(Rc::new(|_: &str| Ok(())))
            };
            let state = tempfile::tempdir().unwrap();
            let (_, result) = run(&script, session(state.path()), &environment);
            if let Err(failure) = result {
                panic!("{}", failure.render(false));
            }
        }
    }
}
