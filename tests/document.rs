//! The document: what is written can be read and means the same, whatever the table holds; garbage is an error.

use proptest::prelude::{any, prop, proptest};

use ipvsh::backend::Operation;
use ipvsh::document::{
    Detail, DocumentWriter, is_plan, read_document, read_plan, write_document, write_plan,
};
use ipvsh::model::{
    DestinationConfiguration, EngineName, ForwardingMethod, Granularity, Persistence, Scheduler,
    ServiceConfiguration, Table, Tunnel,
};
use ipvsh::session::{Access, ApplyOptions, BlockKind, Interrupt, Prune, Session, Target};

use ipvsh::txn::{Action, Plan};

use crate::support::{Place, Random, ipvsh, ipvsh_command, ipvsh_ok, key, server};
use crate::transaction::random_table;

fn written(table: &Table, detail: Detail) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_document(
        &mut bytes,
        &DocumentWriter {
            table,
            detail,
            incomplete: &[],
        },
    )
    .unwrap();
    bytes
}

/// Opens a simulation that starts as a document says.
fn simulated(bytes: &[u8]) -> Session {
    let contents = read_document("document", bytes).unwrap();
    let target = Target::Simulation {
        contents: Some(Box::new(contents)),
        label: None,
        file: None,
    };
    Session::open(target, Access::Read, Interrupt::default()).unwrap()
}

/// Laws: reading what was written gives the same table, writing it again the same bytes, applying it no change.
fn check(place: &Place) {
    let table = place.client().table().unwrap();
    let bytes = written(&table, Detail::Configuration);
    let again = simulated(&bytes).table().unwrap();
    assert_eq!(again.services, table.configuration_only().services);
    assert_eq!(
        (again.timeouts, &again.daemons),
        (table.timeouts, &table.daemons)
    );
    assert_eq!(written(&again, Detail::Configuration), bytes);
    let mut session = place.session();
    session.begin(BlockKind::Rehearsal).unwrap();
    let document = read_document("document", &written(&table, Detail::Observed)).unwrap();
    let options = ApplyOptions {
        prune: Prune::Everything,
        keep_weight: false,
    };
    let (_staged, kept) = session.apply(&document, options).unwrap();
    assert!(kept.is_empty() && session.end_rehearsal().unwrap().is_empty());
}

/// Laws: a plan that was written and read is the same plan, and so is the one that undoes it.
fn check_plan(before: &Table, after: &Table) {
    let actions = vec![Action::Zero(None), Action::Zero(Some(key("fwmark://7")))];
    for (from, to) in [(before, after), (after, before)] {
        let plan = Plan::between(from.clone(), to.clone(), actions.clone());
        let plan = plan.with_waits(vec!["until noon".to_owned()]);
        let mut bytes = Vec::new();
        write_plan(&mut bytes, &plan).unwrap();
        assert!(is_plan(&bytes) && !is_plan(&written(from, Detail::Observed)));
        let again = read_plan("plan", &bytes).unwrap();
        assert_eq!(again.changes(), plan.changes());
        assert_eq!(again.notes(), plan.notes());
        assert_eq!(again.waits(), plan.waits());
        assert_eq!(again.traffic(), plan.traffic());
        assert_eq!(again.actions(), plan.actions());
        let back = again.reversed();
        assert_eq!(back.reversed().changes(), plan.changes());
        let mut twice = Vec::new();
        write_plan(&mut twice, &again).unwrap();
        assert_eq!(twice, bytes);
    }
}

#[test]
fn any_table_survives_the_document() {
    for place in Place::every() {
        let mut last = place.client().table().unwrap();
        for seed in 1..=60 {
            let mut session = place.session();
            let options = ApplyOptions {
                prune: Prune::Everything,
                keep_weight: false,
            };
            let (_done, _kept) = session
                .apply(&random_table(&mut Random::new(seed)), options)
                .unwrap();
            check(&place);
            let now = place.client().table().unwrap();
            check_plan(&last, &now);
            last = now;
        }
    }
}

#[test]
fn what_only_a_kernel_can_have_survives_it_too() {
    for place in Place::every() {
        let nothing = place.client().table().unwrap();
        let odd = |change: fn(&mut ServiceConfiguration)| {
            let mut configuration = ServiceConfiguration::default();
            change(&mut configuration);
            configuration
        };
        let add = |text, configuration| Operation::AddService {
            key: key(text),
            configuration: Box::new(configuration),
        };
        let strange = DestinationConfiguration {
            forwarding: ForwardingMethod::Other(7),
            tunnel: Tunnel::Other {
                kind: 9,
                port: 1,
                flags: 3,
            },
            ..DestinationConfiguration::default()
        };
        place.prepare(&[
            add(
                "protocol-47://192.0.2.1:0",
                odd(|c| c.other_flags = 0xffff_ff40),
            ),
            add(
                "tcp://0.0.0.0:0",
                odd(|c| c.scheduler = Scheduler::from_kernel("none".to_owned())),
            ),
            add(
                "tcp://192.0.2.1:80",
                odd(|c| {
                    c.persistence = Some(Persistence {
                        timeout_seconds: 0,
                        granularity: Granularity::netmask("255.0.255.0").unwrap(),
                        engine: None,
                    })
                }),
            ),
            add(
                "fwmark6://4294967295",
                odd(|c| {
                    c.dormant = Some(Persistence {
                        timeout_seconds: 9,
                        granularity: Granularity::PrefixLength(3),
                        engine: Some(EngineName::new("sip").unwrap()),
                    })
                }),
            ),
            Operation::AddDestination {
                service: key("tcp://192.0.2.1:80"),
                key: server("10.0.0.1:0"),
                configuration: strange,
            },
        ]);
        check(&place);
        check_plan(&nothing, &place.client().table().unwrap());
    }
}

proptest! {
    #[test]
    fn garbage_is_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _value_or_error = read_document("garbage", &bytes).is_ok();
    }

    /// Cut and damaged documents are read or refused, never more.
    #[test]
    fn damaged_documents_are_read_or_refused(place in 0usize..2000, byte: u8, seed in 1u64..50) {
        let simulated = Place::simulated();
        let options = ApplyOptions::default();
        let (_done, _kept) = simulated.session().apply(&random_table(&mut Random::new(seed)), options).unwrap();
        let mut bytes = written(&simulated.table(), Detail::Configuration);
        let length = bytes.len();
        bytes[place % length] = byte;
        let _value_or_error = read_document("damaged", &bytes).is_ok();
        // The end of the last line alone is no loss.
        bytes.truncate((place % length).min(length - 2));
        assert!(read_document("cut", &bytes).is_err());
    }

    /// So are plans; what is read of a damaged one is what its fingerprint says.
    #[test]
    fn damaged_plans_are_read_or_refused(place in 0usize..2000, byte: u8, seed in 1u64..50) {
        let simulated = Place::simulated();
        let options = ApplyOptions::default();
        let (_done, _kept) = simulated.session().apply(&random_table(&mut Random::new(seed)), options).unwrap();
        let plan = Plan::between(simulated.table(), Table::default(), Vec::new());
        let mut bytes = Vec::new();
        write_plan(&mut bytes, &plan).unwrap();
        let length = bytes.len();
        bytes[place % length] = byte;
        let _plan_or_error = read_plan("damaged", &bytes).is_ok();
        bytes.truncate((place % length).min(length - 2));
        assert!(read_plan("cut", &bytes).is_err());
    }
}

#[test]
fn a_table_goes_through_yaml_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random::new(16);
    for _ in 0..20 {
        let document = crate::asked::any_table(&mut random).to_string();
        std::fs::write(folder.path().join("t.json"), &document).unwrap();
        let yaml = ipvsh_ok(
            folder.path(),
            &["--sim=t.json", "export", "--config", "--format", "yaml"],
        );
        std::fs::write(folder.path().join("t.yaml"), &yaml).unwrap();
        let exported = |from: &str| ipvsh_ok(folder.path(), &[from, "export", "--config"]);
        assert_eq!(exported("--sim=t.yaml"), exported("--sim=t.json"), "{yaml}");
        let plan = ipvsh(
            folder.path(),
            &["--sim=t.json", "plan", "--exit-code", "t.yaml"],
        );
        assert_eq!(plan.status, 0, "{plan:?}\n{yaml}");
    }
}

#[test]
fn errors_in_yaml_have_the_same_words_and_their_own_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.yaml");
    for (text, place, words) in [
        (
            "services:\n  - id: fwmark://1\n    shceduler: rr\n",
            "t.yaml:3:5",
            "did you mean `scheduler`?",
        ),
        (
            "services:\n  - id: fwmark://1\n    scheduler: rr\n    scheduler: rr\n",
            "t.yaml:4:5",
            "is given twice",
        ),
        (
            "services:\n- id: fwmark://1\n  destinations:\n  - {id: 10.0.0.1:0, weight: ten}\n",
            "t.yaml:4:30",
            "invalid weight `\"ten\"`",
        ),
        (
            "services:\n- id: fwmark://1\n  destinations:\n  - id: 10.0.0.1:0\n    tunnel: {type: gue}\n",
            "t.yaml:5:13",
            "gue needs a port",
        ),
        (
            "services:\n- id: fwmark://1\n- id: fwmark://1\nversion: 1\n",
            "t.yaml:3:3",
            "is listed twice",
        ),
        ("sysctl: {conntrack: [1]}\n", "t.yaml:1:21", "conntrack"),
        ("services: [\n", "t.yaml:1:13", "this is no YAML"),
        (
            "--- {}\n--- {}\n",
            "t.yaml:2:1",
            "a second document begins here",
        ),
    ] {
        std::fs::write(&path, text).unwrap();
        let refused = ipvsh(folder.path(), &["--sim", "apply", "t.yaml"]);
        assert_eq!(refused.status, 2, "{text}: {refused:?}");
        assert!(refused.stderr.contains(words), "{text}: {}", refused.stderr);
        assert!(refused.stderr.contains(place), "{text}: {}", refused.stderr);
    }
    // Without a name that says so it is recognised by how it begins.
    for text in [
        "---\nversion: 1\n",
        "version: 1\nservices: []\n",
        "# ours\nservices:\n- id: fwmark://1\nversion: 1\n",
    ] {
        let mut child = ipvsh_command(folder.path(), &["--sim", "apply", "-"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
        let finished: crate::support::Finished = child.wait_with_output().unwrap().into();
        assert_eq!(finished.status, 0, "{text}: {finished:?}");
    }
}
