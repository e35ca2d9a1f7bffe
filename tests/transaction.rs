//! What a transaction promises, on every kernel.

use std::cell::Cell;
use std::time::Duration;

use ipvsh::backend::{Capture, CapturedDatagrams, Ipvs, Operation, Transport};
use ipvsh::model::{
    DaemonRole, DestinationConfiguration, DestinationEdit, DestinationSpecification,
    ForwardingMethod, ObjectId, Scheduler, ServiceConfiguration, ServiceEdit, ServiceSpecification,
    SyncDaemon, SysctlName, Table, TableSpecification, TimeoutsEdit, Tunnel, Weight,
};
use ipvsh::session::{
    ApplyOptions, BlockKind, CommitTerms, Ended, Error, ErrorKind, IfMissing, Prune, Session,
    VerbOutcome, Waiting,
};
use ipvsh::sim::{Environment, SimulatedKernel};
use ipvsh::txn::{Cause, Change, CommitOptions, Outcome, Plan};
use ipvsh::wire::{Messages, uapi};

use crate::support::{Place, Random, commit, in_lab, key, only_in_lab, server, session_over};

fn scheduler(name: &str) -> ServiceEdit {
    ServiceEdit {
        scheduler: Some(Scheduler::new(name).unwrap()),
        ..ServiceEdit::default()
    }
}

fn weight(number: i64) -> DestinationEdit {
    DestinationEdit {
        weight: Some(Weight::new(number).unwrap()),
        ..DestinationEdit::default()
    }
}

fn specification(text: &str, number: i64) -> DestinationSpecification {
    DestinationSpecification {
        key: server(text),
        edit: weight(number),
    }
}

fn web(place: &Place) {
    let web = key("tcp://192.0.2.1:80");
    let masquerading = DestinationConfiguration {
        forwarding: ForwardingMethod::Masquerading,
        ..DestinationConfiguration::default()
    };
    place.prepare(&[
        Operation::AddService {
            key: web,
            configuration: Box::new(ServiceConfiguration::default()),
        },
        Operation::AddDestination {
            service: web,
            key: server("10.0.0.1:80"),
            configuration: masquerading,
        },
        Operation::AddDestination {
            service: web,
            key: server("10.0.0.2:80"),
            configuration: masquerading,
        },
    ]);
}

/// Counts the requests in captured datagrams that change something.
fn changes_sent(sent: &CapturedDatagrams) -> usize {
    let reading = [
        uapi::IPVS_CMD_GET_SERVICE,
        uapi::IPVS_CMD_GET_DEST,
        uapi::IPVS_CMD_GET_DAEMON,
        uapi::IPVS_CMD_GET_CONFIG,
        uapi::IPVS_CMD_GET_INFO,
    ];
    let sent = sent.borrow();
    let messages = sent.iter().flat_map(|datagram| {
        Messages::new(datagram)
            .map(Result::unwrap)
            .collect::<Vec<_>>()
    });
    messages
        .filter(|message| message.kind != uapi::GENL_ID_CTRL)
        .filter(|message| !reading.contains(&message.command().unwrap()))
        .count()
}

fn committed(ended: Result<Ended, Error>) -> ipvsh::txn::Report {
    match ended.unwrap() {
        Ended::Committed(report) => *report,
        Ended::Staged(_) => panic!("it was the outermost"),
    }
}

#[test]
fn five_hundred_changes_whose_last_is_refused_leave_no_trace() {
    for place in Place::every() {
        web(&place);
        let before = place.table();
        let mut session = place.session();
        session.begin(BlockKind::Transaction).unwrap();
        for number in 0..499u16 {
            let service = key(&format!(
                "tcp://192.0.2.{}:{}",
                number % 200 + 2,
                1000 + number
            ));
            let _staged = session.add_service(service, &scheduler("rr"), &[]).unwrap();
        }
        // The rehearsal lets an unknown scheduler pass: only the kernel knows its modules.
        let _staged = session
            .add_service(key("fwmark://9"), &scheduler("mhx"), &[])
            .unwrap();
        let error = session.end_transaction(CommitTerms::default()).unwrap_err();
        let Error::Commit(report) = &error else {
            panic!("{error}")
        };
        let Outcome::RolledBack {
            cause: Cause::Refused { number, total, .. },
            undone: 499,
        } = &report.outcome
        else {
            panic!("{:?}", report.outcome)
        };
        assert_eq!((*number, *total), (500, 500));
        assert_eq!(error.errno().unwrap().name(), "ENOENT");
        assert_eq!(error.object(), Some(ObjectId::Service(key("fwmark://9"))));
        assert!(
            error.to_string().contains("it has no scheduler \"mhx\""),
            "{error}"
        );
        assert_eq!(place.table(), before, "{}", place.name());
    }
}

#[test]
fn a_foreign_change_before_the_commit_is_a_conflict_and_nothing_is_sent() {
    for place in Place::every() {
        web(&place);
        let (capture, sent) = Capture::new(place.transport());
        let mut session = session_over(Box::new(capture));
        session.begin(BlockKind::Transaction).unwrap();
        let (service, first) = (key("tcp://192.0.2.1:80"), server("10.0.0.1:80"));
        let _staged = session
            .edit_destination(service, first, &weight(7))
            .unwrap();
        let mut foreign = DestinationConfiguration {
            forwarding: ForwardingMethod::Masquerading,
            ..DestinationConfiguration::default()
        };
        foreign.thresholds.upper = 9;
        place.prepare(&[Operation::EditDestination {
            service,
            key: first,
            configuration: foreign,
        }]);
        let error = session.end_transaction(CommitTerms::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert_eq!(error.object(), Some(ObjectId::Destination(service, first)));
        assert_eq!(changes_sent(&sent), 0, "{}", place.name());
        assert_eq!(
            place.table().services[&service].destinations[&first].configuration,
            foreign
        );
    }
}

#[test]
fn what_the_plan_does_not_touch_may_change() {
    for place in Place::every() {
        web(&place);
        let mut session = place.session();
        session.begin(BlockKind::Transaction).unwrap();
        let service = key("tcp://192.0.2.1:80");
        let _staged = session
            .edit_destination(service, server("10.0.0.1:80"), &weight(7))
            .unwrap();
        place.prepare(&[Operation::DeleteDestination {
            service,
            key: server("10.0.0.2:80"),
        }]);
        assert_eq!(
            committed(session.end_transaction(CommitTerms::default())).outcome,
            Outcome::Committed
        );
        assert_eq!(place.table().services[&service].destinations.len(), 1);
    }
}

#[test]
fn a_plan_without_changes_sends_nothing() {
    for place in Place::every() {
        web(&place);
        let (capture, sent) = Capture::new(place.transport());
        let mut session = session_over(Box::new(capture));
        session.begin(BlockKind::Transaction).unwrap();
        let service = key("tcp://192.0.2.1:80");
        let _staged = session
            .edit_destination(service, server("10.0.0.1:80"), &weight(7))
            .unwrap();
        let _staged = session
            .edit_destination(service, server("10.0.0.1:80"), &weight(1))
            .unwrap();
        let _staged = session
            .add_service(key("fwmark://1"), &scheduler("rr"), &[])
            .unwrap();
        let _staged = session
            .delete_service(key("fwmark://1"), IfMissing::Refuse)
            .unwrap();
        assert_eq!(
            committed(session.end_transaction(CommitTerms::default())).outcome,
            Outcome::Unchanged
        );
        assert_eq!(changes_sent(&sent), 0);
    }
}

#[test]
fn verbs_fail_at_their_own_line_with_the_kernels_error() {
    for place in Place::every() {
        web(&place);
        let mut session = place.session();
        let service = key("tcp://192.0.2.1:80");
        session.begin(BlockKind::Transaction).unwrap();
        let exists = session
            .add_service(service, &ServiceEdit::default(), &[])
            .unwrap_err();
        assert_eq!(
            (exists.kind(), exists.errno().unwrap().name().as_str()),
            (ErrorKind::Exists, "EEXIST")
        );
        let missing = session
            .delete_destination(service, server("10.0.0.9:80"), IfMissing::Refuse)
            .unwrap_err();
        assert_eq!(
            (missing.kind(), missing.errno().unwrap().name().as_str()),
            (ErrorKind::Missing, "ENOENT")
        );
        let no_service = session
            .add_destination(key("fwmark://3"), server("10.0.0.9:80"), &weight(1))
            .unwrap_err();
        assert_eq!(no_service.errno().unwrap().name(), "ESRCH");
        let multicast = session
            .add_destination(service, server("224.0.0.1:80"), &weight(1))
            .unwrap_err();
        assert_eq!(multicast.errno().unwrap().name(), "EINVAL");
        assert!(
            multicast
                .to_string()
                .contains("224.0.0.1 is not a unicast address"),
            "{multicast}"
        );
        // None of them left anything staged.
        assert_eq!(
            committed(session.end_transaction(CommitTerms::default())).outcome,
            Outcome::Unchanged
        );
    }
}

#[test]
fn a_verb_of_many_parts_is_staged_whole_or_not_at_all() {
    let place = Place::simulated();
    let mut session = place.session();
    session.begin(BlockKind::Transaction).unwrap();
    let servers = [
        specification("10.0.0.1:80", 1),
        specification("224.0.0.1:80", 1),
    ];
    session
        .add_service(key("tcp://192.0.2.1:80"), &scheduler("rr"), &servers)
        .unwrap_err();
    assert!(
        session
            .find_service(&key("tcp://192.0.2.1:80"))
            .unwrap()
            .is_none()
    );
    assert!(session.staged_plan().unwrap().is_empty());
}

#[test]
fn nested_transactions_are_savepoints() {
    for place in Place::every() {
        web(&place);
        let service = key("tcp://192.0.2.1:80");
        let mut session = place.session();
        session.begin(BlockKind::Transaction).unwrap();
        let _staged = session
            .edit_destination(service, server("10.0.0.1:80"), &weight(5))
            .unwrap();
        session.begin(BlockKind::Transaction).unwrap();
        let _staged = session
            .edit_destination(service, server("10.0.0.1:80"), &weight(6))
            .unwrap();
        // Touched for the first time inside: it must still be known afterwards.
        let _staged = session
            .add_service(key("fwmark://1"), &scheduler("rr"), &[])
            .unwrap();
        session.abandon();
        session.begin(BlockKind::Transaction).unwrap();
        let _staged = session
            .edit_destination(service, server("10.0.0.2:80"), &weight(8))
            .unwrap();
        let Ended::Staged(inner) = session.end_transaction(CommitTerms::default()).unwrap() else {
            panic!("there is an outer one")
        };
        assert_eq!(inner.changes().len(), 1);
        let report = committed(session.end_transaction(CommitTerms::default()));
        assert_eq!(report.plan.changes().len(), 2);
        let table = place.table();
        let weights: Vec<u32> = table.services[&service]
            .destinations
            .values()
            .map(|d| d.configuration.weight.get())
            .collect();
        assert_eq!(weights, [5, 8]);
        assert!(!table.services.contains_key(&key("fwmark://1")));
    }
}

#[test]
fn reads_in_a_transaction_see_its_own_writes_and_the_live_table_does_not() {
    for place in Place::every() {
        web(&place);
        let mut session = place.session();
        session.begin(BlockKind::Transaction).unwrap();
        let _staged = session
            .add_service(
                key("fwmark6://8"),
                &scheduler("sh"),
                &[specification("[fd00::1]:0", 2)],
            )
            .unwrap();
        assert_eq!(session.table().unwrap().services.len(), 2);
        assert_eq!(place.table().services.len(), 1);
        session.abandon();
        assert_eq!(session.table().unwrap().services.len(), 1);
    }
}

#[test]
fn deleting_and_adding_the_same_server_is_an_edit() {
    for place in Place::every() {
        web(&place);
        let service = key("tcp://192.0.2.1:80");
        let mut session = place.session();
        session.begin(BlockKind::Transaction).unwrap();
        let _staged = session
            .delete_destination(service, server("10.0.0.1:80"), IfMissing::Refuse)
            .unwrap();
        let edit = DestinationEdit {
            forwarding: Some(ForwardingMethod::Masquerading),
            ..weight(3)
        };
        let _staged = session
            .add_destination(service, server("10.0.0.1:80"), &edit)
            .unwrap();
        let report = committed(session.end_transaction(CommitTerms::default()));
        assert!(
            matches!(report.plan.changes(), [Change::EditDestination { .. }]),
            "{:?}",
            report.plan.changes()
        );
    }
}

#[test]
fn an_edit_keeps_what_it_does_not_name_even_what_no_user_may_create() {
    for place in Place::every() {
        let service = key("udp://192.0.2.1:53");
        let odd = ServiceConfiguration {
            other_flags: 0x40,
            one_packet: true,
            scheduler: Scheduler::from_kernel("none".to_owned()),
            ..ServiceConfiguration::default()
        };
        let strange = DestinationConfiguration {
            forwarding: ForwardingMethod::Other(6),
            tunnel: Tunnel::Other {
                kind: 7,
                port: 9,
                flags: 0xff,
            },
            ..DestinationConfiguration::default()
        };
        place.prepare(&[
            Operation::AddService {
                key: service,
                configuration: Box::new(odd.clone()),
            },
            Operation::AddDestination {
                service,
                key: server("10.0.0.1:53"),
                configuration: strange,
            },
        ]);
        let mut session = place.session();
        let _done = session
            .edit_destination(service, server("10.0.0.1:53"), &weight(4))
            .unwrap();
        let _done = session
            .edit_service(
                service,
                &ServiceEdit {
                    one_packet: Some(false),
                    ..ServiceEdit::default()
                },
            )
            .unwrap();
        let table = place.table();
        let entry = &table.services[&service];
        assert_eq!(
            entry.configuration,
            ServiceConfiguration {
                one_packet: false,
                ..odd
            }
        );
        let expected = DestinationConfiguration {
            weight: Weight::new(4).unwrap(),
            ..strange
        };
        assert_eq!(
            entry.destinations[&server("10.0.0.1:53")].configuration,
            expected
        );
    }
}

#[test]
fn make_comes_before_break_and_a_fresh_table_is_sorted() {
    let place = Place::simulated();
    web(&place);
    let mut session = place.session();
    session.begin(BlockKind::Rehearsal).unwrap();
    let _staged = session
        .delete_service(key("tcp://192.0.2.1:80"), IfMissing::Refuse)
        .unwrap();
    let servers = [
        specification("10.0.0.1:80", 1),
        specification("10.0.0.2:80", 1),
        specification("10.0.0.10:80", 1),
    ];
    let _staged = session
        .add_service(key("tcp://192.0.2.2:80"), &scheduler("sh"), &servers)
        .unwrap();
    let plan = session.end_rehearsal().unwrap();
    let signs: String = plan.changes().iter().map(Change::sign).collect();
    assert_eq!(signs, "++++-");
    let report = commit(plan, &mut place.client());
    assert_eq!(report.outcome, Outcome::Committed);
    let mut client = place.client();
    let fetched = client.fetch(&[key("tcp://192.0.2.2:80")]).unwrap();
    let order: Vec<u8> = fetched[0]
        .1
        .destinations
        .iter()
        .map(|d| d.address.unwrap()[3])
        .collect();
    assert_eq!(order, [1, 2, 10], "the kernel lists the newest first");
}

#[test]
fn a_signal_between_two_datagrams_leads_back() {
    for place in Place::every() {
        web(&place);
        let before = place.table();
        let mut session = place.session();
        session.begin(BlockKind::Rehearsal).unwrap();
        for number in 0..300u16 {
            let _staged = session
                .add_service(
                    key(&format!("fwmark://{}", number + 1)),
                    &scheduler("rr"),
                    &[],
                )
                .unwrap();
        }
        let plan = session.end_rehearsal().unwrap();
        let asked = Cell::new(0);
        let signal = || {
            asked.set(asked.get() + 1);
            (asked.get() > 2).then_some(15)
        };
        let options = CommitOptions {
            lock: ipvsh::backend::LockWait {
                signal: &signal,
                ..ipvsh::backend::LockWait::NONE
            },
            guarding: &ipvsh::txn::Guarding::default(),
        };
        let report = plan.commit(&mut place.client(), &options, &mut ()).unwrap();
        assert_eq!(
            report.outcome,
            Outcome::RolledBack {
                cause: Cause::Interrupted { signal: 15 },
                undone: 256
            }
        );
        assert_eq!(asked.get(), 3, "two datagrams had gone out");
        assert_eq!(place.table(), before);
    }
}

#[test]
fn timeouts_and_parameters_are_part_of_the_transaction() {
    for place in Place::every() {
        let name = SysctlName::new("expire_quiescent_template").unwrap();
        let mut session = place.session();
        session.begin(BlockKind::Transaction).unwrap();
        let _staged = session
            .set_timeouts(&TimeoutsEdit {
                udp_seconds: Some(77),
                ..TimeoutsEdit::default()
            })
            .unwrap();
        let _staged = session.set_sysctl(&name, "1").unwrap();
        let _staged = session
            .add_service(key("fwmark://1"), &scheduler("mhx"), &[])
            .unwrap();
        session.end_transaction(CommitTerms::default()).unwrap_err();
        assert_eq!(place.client().timeouts().unwrap().udp_seconds, 300);
        assert_eq!(place.client().sysctl(&name).unwrap().as_deref(), Some("0"));
        let _done = session
            .set_timeouts(&TimeoutsEdit {
                udp_seconds: Some(77),
                ..TimeoutsEdit::default()
            })
            .unwrap();
        let _done = session.set_sysctl(&name, "1").unwrap();
        assert_eq!(place.client().timeouts().unwrap().udp_seconds, 77);
        assert_eq!(place.client().sysctl(&name).unwrap().as_deref(), Some("1"));
        // The kernel takes numbers as C writes them, and shows its own.
        let entry = SysctlName::new("drop_entry").unwrap();
        let _done = session.set_sysctl(&entry, "0x1").unwrap();
        assert_eq!(place.client().sysctl(&entry).unwrap().as_deref(), Some("1"));
        let committed = session.committed().count();
        let _same = session.set_sysctl(&entry, "01").unwrap();
        assert_eq!(
            session.committed().count(),
            committed,
            "it is the same value"
        );
        let unknown = session
            .set_sysctl(&SysctlName::new("no_such_thing").unwrap(), "1")
            .unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::Missing, "{unknown}");
        let out_of_range = session
            .set_sysctl(&SysctlName::new("sync_version").unwrap(), "7")
            .unwrap_err();
        assert_eq!(
            out_of_range.errno().unwrap().name(),
            "EINVAL",
            "{out_of_range}"
        );
    }
}

fn backup(group: &str) -> SyncDaemon {
    SyncDaemon {
        role: DaemonRole::Backup,
        interface: "lo".to_owned(),
        sync_id: 5,
        sync_maxlen: None,
        group: group.parse().unwrap(),
        port: 8849,
        ttl: 3,
    }
}

#[test]
fn daemons_start_stop_and_come_back_when_something_is_refused() {
    for place in Place::every() {
        let mut session = place.session();
        let _done = session.start_daemon(&backup("224.0.0.81")).unwrap();
        let running = place.client().daemons().unwrap();
        assert!(
            backup("224.0.0.81").is_met_by(&running[&DaemonRole::Backup]),
            "{running:?}"
        );
        session.begin(BlockKind::Transaction).unwrap();
        let _staged = session.stop_daemon(DaemonRole::Backup).unwrap();
        let _staged = session
            .add_service(key("fwmark://1"), &scheduler("mhx"), &[])
            .unwrap();
        session.end_transaction(CommitTerms::default()).unwrap_err();
        assert_eq!(
            place.client().daemons().unwrap(),
            running,
            "{}",
            place.name()
        );
        // Servers of the other family exclude a daemon: it stops first, although it was named last.
        session.begin(BlockKind::Transaction).unwrap();
        let tunneling = DestinationEdit {
            forwarding: Some(ForwardingMethod::Tunneling),
            ..weight(1)
        };
        let mixed = DestinationSpecification {
            key: server("[fd00::1]:80"),
            edit: tunneling,
        };
        let refused = session
            .add_service(
                key("tcp://192.0.2.1:80"),
                &scheduler("rr"),
                std::slice::from_ref(&mixed),
            )
            .unwrap_err();
        assert_eq!(refused.errno().unwrap().name(), "EINVAL", "{refused}");
        let _staged = session.stop_daemon(DaemonRole::Backup).unwrap();
        let _staged = session
            .add_service(key("tcp://192.0.2.1:80"), &scheduler("rr"), &[mixed])
            .unwrap();
        let report = committed(session.end_transaction(CommitTerms::default()));
        assert_eq!(report.plan.changes()[0].verb(), "stop");
        assert!(place.client().daemons().unwrap().is_empty());
    }
}

#[test]
fn zeroing_is_an_action_that_happens_after_the_commit() {
    for place in Place::every() {
        web(&place);
        let mut session = place.session();
        session.begin(BlockKind::Transaction).unwrap();
        let _staged = session.zero(Some(key("tcp://192.0.2.1:80"))).unwrap();
        let plan = session.staged_plan().unwrap();
        assert_eq!(
            (plan.changes().len(), plan.actions().len(), plan.is_empty()),
            (0, 1, false)
        );
        let report = committed(session.end_transaction(CommitTerms::default()));
        assert_eq!(
            (report.outcome, report.failed_actions.len()),
            (Outcome::Committed, 0)
        );
        let missing = session.zero(Some(key("fwmark://77"))).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::Missing);
    }
}

#[test]
fn one_writer_at_a_time() {
    if !only_in_lab() {
        return;
    }
    let place = Place::real();
    web(&place);
    let held = place.transport().lock(Duration::ZERO).unwrap();
    let mut session = place.session();
    session.set_lock_wait(Duration::from_millis(30));
    let service = key("tcp://192.0.2.1:80");
    let error = session.edit_service(service, &scheduler("rr")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    drop(held);
    let _done = session.edit_service(service, &scheduler("rr")).unwrap();
}

#[test]
fn what_a_plan_does_to_traffic_is_counted() {
    let kernel = SimulatedKernel::new(Environment::stock());
    let place = Place::Simulated(kernel.another_socket());
    web(&place);
    let mut fetched = place.client().fetch(&[key("tcp://192.0.2.1:80")]).unwrap();
    let record = &mut fetched[0].1;
    record.destinations[0].active = Some(120);
    record.destinations[1].inactive = Some(30);
    kernel.load_service(record);
    let mut session = place.session();
    session.begin(BlockKind::Rehearsal).unwrap();
    let service = key("tcp://192.0.2.1:80");
    let _staged = session
        .delete_destination(service, server("10.0.0.2:80"), IfMissing::Refuse)
        .unwrap();
    let _staged = session
        .edit_destination(service, server("10.0.0.1:80"), &weight(0))
        .unwrap();
    let plan = session.end_rehearsal().unwrap();
    assert_eq!((plan.traffic().cut, plan.traffic().drained), (120, 30));
    assert!(
        plan.notes()
            .iter()
            .any(|note| note.text.contains("no real server has weight")),
        "{:?}",
        plan.notes()
    );
    // What a session remembers of a commit says the same.
    let _report = session.commit(plan, CommitTerms::default()).unwrap();
    let remembered = session.committed().kept()[0].plan.traffic();
    assert_eq!((remembered.cut, remembered.drained), (120, 30));
}

pub(crate) fn random_table(random: &mut Random) -> TableSpecification {
    let mut table = TableSpecification::default();
    for name in [
        "tcp://192.0.2.1:80",
        "udp://[2001:db8::1]:53",
        "sctp://192.0.2.9:36412",
        "fwmark://7",
        "fwmark6://7",
    ] {
        if random.chance(3) {
            continue;
        }
        let six = key(name).family() == ipvsh::model::AddressFamily::Inet6;
        let mut servers = Vec::new();
        for last in 1..6 {
            if random.chance(2) {
                continue;
            }
            let text = if six {
                format!("[fd00::{last}]:80")
            } else {
                format!("10.0.0.{last}:80")
            };
            let mut edit = weight(i64::try_from(random.below(4)).unwrap());
            edit.forwarding = Some(random.pick(&[
                ForwardingMethod::Masquerading,
                ForwardingMethod::DirectRouting,
                ForwardingMethod::Tunneling,
                ForwardingMethod::Local,
                ForwardingMethod::Bypass,
            ]));
            edit.tunnel = Some(None);
            if edit.forwarding == Some(ForwardingMethod::Tunneling) {
                edit.tunnel = Some(random.pick(&[
                    None,
                    Some(Tunnel::gue(6080, ipvsh::model::Checksum::Remcsum).unwrap()),
                    Some(Tunnel::gre(ipvsh::model::Checksum::Csum).unwrap()),
                ]));
            }
            let upper = random.pick(&[0, 0, 50]);
            edit.upper_threshold = Some(upper);
            edit.lower_threshold = Some(upper / 2);
            servers.push(DestinationSpecification {
                key: server(&text),
                edit,
            });
        }
        let persistence = ipvsh::model::PersistenceEdit {
            timeout_seconds: Some(60),
            ..ipvsh::model::PersistenceEdit::default()
        };
        let edit = ServiceEdit {
            persistence: Some(random.pick(&[None, Some(persistence)])),
            scheduler_flags: Some(Vec::new()),
            ..scheduler(random.pick(&["rr", "wrr", "sh", "mh"]))
        };
        table.services.push(ServiceSpecification {
            key: key(name),
            edit,
            destinations: Some(servers),
        });
    }
    table
}

fn apply(session: &mut Session, table: &TableSpecification) -> Plan {
    session.begin(BlockKind::Rehearsal).unwrap();
    let options = ApplyOptions {
        prune: Prune::Everything,
        keep_weight: false,
    };
    let (_staged, _kept): (VerbOutcome, _) = session.apply(table, options).unwrap();
    session.end_rehearsal().unwrap()
}

/// Laws: committing the difference of a and b makes b of a; the inverse makes a of b; then there is no difference.
#[test]
fn differences_lead_there_and_their_inverses_back() {
    let seeds = if in_lab() { 40 } else { 300 };
    println!("seeds 1 to {seeds}");
    for place in Place::every() {
        for seed in 1..=seeds {
            let mut random = Random::new(seed);
            let (a, b) = (random_table(&mut random), random_table(&mut random));
            let mut session = place.session();
            let report = commit(apply(&mut session, &a), &mut place.client());
            assert!(
                report.outcome.is_success(),
                "seed {seed}: {:?}",
                report.outcome
            );
            let at_a: Table = place.table();
            let plan = apply(&mut session, &b);
            let wanted = plan.after().configuration_only();
            let inverse: Vec<Operation> = plan
                .changes()
                .iter()
                .rev()
                .flat_map(Change::inverse)
                .map(|change| change.operation())
                .collect();
            let report = commit(plan, &mut place.client());
            assert!(
                report.outcome.is_success(),
                "seed {seed}: {:?}",
                report.outcome
            );
            assert_eq!(
                place.table().services,
                wanted.services,
                "{} seed {seed}",
                place.name()
            );
            assert!(
                apply(&mut session, &b).is_empty(),
                "seed {seed}: a second time there is nothing to do"
            );
            place.prepare(&inverse);
            assert_eq!(
                place.table(),
                at_a,
                "{} seed {seed}: the inverse undoes it",
                place.name()
            );
        }
    }
}

#[test]
fn ten_thousand_changes_go_through_in_a_few_datagrams() {
    let place = Place::simulated();
    let (capture, sent) = Capture::new(place.transport());
    let mut session = session_over(Box::new(capture) as Box<dyn Transport>);
    let mut table = TableSpecification::default();
    for number in 0..1250u32 {
        let servers = (1..8)
            .map(|last| specification(&format!("10.0.{}.{last}:80", number % 250), 1))
            .collect();
        table.services.push(ServiceSpecification {
            key: key(&format!("fwmark://{}", number + 1)),
            edit: scheduler("rr"),
            destinations: Some(servers),
        });
    }
    let (done, _) = session.apply(&table, ApplyOptions::default()).unwrap();
    let VerbOutcome::Committed(report) = done else {
        panic!("it was alone")
    };
    assert_eq!(report.plan.changes().len(), 10_000);
    assert!(
        sent.borrow().len() < 200,
        "{} datagrams",
        sent.borrow().len()
    );
}

#[test]
fn a_kernel_that_never_answers_is_an_error() {
    struct Nothing;
    impl Transport for Nothing {
        fn send(&mut self, _: &[u8]) -> Result<(), ipvsh::backend::TransportError> {
            Ok(())
        }
        fn receive(
            &mut self,
            _: &mut dyn FnMut(&[u8]),
        ) -> Result<usize, ipvsh::backend::TransportError> {
            Ok(0)
        }
        fn stream_file(
            &mut self,
            _: &ipvsh::backend::KernelFile,
            _: &mut dyn FnMut(&[u8]),
        ) -> std::io::Result<()> {
            Err(std::io::ErrorKind::NotFound.into())
        }
        fn identity(&self) -> std::io::Result<ipvsh::backend::Identity> {
            Ok(ipvsh::backend::Identity::Simulation)
        }
        fn release(&self) -> Option<String> {
            None
        }
        fn boot_time(&self) -> std::time::Duration {
            std::time::Duration::ZERO
        }
        fn write_file(&mut self, _: &ipvsh::backend::KernelFile, _: &[u8]) -> std::io::Result<()> {
            Err(std::io::ErrorKind::NotFound.into())
        }
        fn now(&self) -> Duration {
            Duration::ZERO
        }
        fn sleep(&mut self, _: Duration) {}
        fn lock(&mut self, _: Duration) -> Result<ipvsh::backend::Lock, ipvsh::backend::LockError> {
            Ok(ipvsh::backend::Lock::needless())
        }
    }
    let error = Ipvs::open(Box::new(Nothing)).err().unwrap();
    assert!(error.to_string().contains("lost 3 times"), "{error}");
}

/// What a transaction reads of one service is what it reads of the whole table, whatever was done before.
#[test]
fn reading_one_service_agrees_with_reading_all() {
    for seed in 1..=30 {
        let place = Place::simulated();
        web(&place);
        let mut random = Random::new(seed);
        let mut session = place.session();
        session.begin(BlockKind::Transaction).unwrap();
        for step in 0..60 {
            let service = random.pick(&[
                key("tcp://192.0.2.1:80"),
                key("fwmark://1"),
                key("fwmark://2"),
            ]);
            let one = server(&format!("10.0.0.{}:80", random.below(5) + 1));
            let number = i64::try_from(random.below(9)).unwrap();
            // Many of these are refused: that must not show either.
            let _done_or_refused = match random.below(8) {
                0 => session.add_service(service, &scheduler("rr"), &[]).is_ok(),
                1 => session.delete_service(service, IfMissing::Refuse).is_ok(),
                2 => session.edit_service(service, &scheduler("wrr")).is_ok(),
                3 | 4 => session
                    .add_destination(service, one, &weight(number))
                    .is_ok(),
                5 | 6 => session
                    .edit_destination(service, one, &weight(number))
                    .is_ok(),
                _ => session
                    .delete_destination(service, one, IfMissing::Refuse)
                    .is_ok(),
            };
            if random.chance(10) {
                session.begin(BlockKind::Transaction).unwrap();
                let _staged = session.clear().unwrap();
                session.abandon();
            }
            let table = session.table().unwrap();
            for key in [
                key("tcp://192.0.2.1:80"),
                key("fwmark://1"),
                key("fwmark://2"),
            ] {
                let alone = session.find_service(&key).unwrap();
                assert_eq!(
                    alone.as_deref(),
                    table.services.get(&key),
                    "seed {seed}, step {step}, {key}"
                );
            }
        }
    }
}

#[test]
fn what_daemons_and_other_families_exclude_is_refused_before_anything_is_sent() {
    let web = key("tcp://192.0.2.1:80");
    let mixed = DestinationSpecification {
        key: server("[fd00::1]:80"),
        edit: DestinationEdit {
            forwarding: Some(ForwardingMethod::Tunneling),
            ..weight(1)
        },
    };
    let document = TableSpecification {
        services: vec![ServiceSpecification {
            key: web,
            edit: scheduler("rr"),
            destinations: Some(vec![mixed.clone()]),
        }],
        ..TableSpecification::default()
    };
    for place in Place::every() {
        // A daemon runs: a document that says nothing of daemons can't bring the server.
        let mut session = place.session();
        let _done = session.start_daemon(&backup("224.0.0.81")).unwrap();
        let mut session = place.session();
        session.begin(BlockKind::Rehearsal).unwrap();
        let refused = session
            .apply(&document, ApplyOptions::default())
            .unwrap_err();
        assert_eq!(refused.errno().unwrap().name(), "EINVAL", "{refused}");
        let _stopped = place.session().stop_daemon(DaemonRole::Backup).unwrap();
        // The server is there: no daemon can start, whether or not it was touched.
        let _done = place
            .session()
            .add_service(web, &scheduler("rr"), std::slice::from_ref(&mixed))
            .unwrap();
        let mut session = place.session();
        session.begin(BlockKind::Rehearsal).unwrap();
        let refused = session.start_daemon(&backup("224.0.0.81")).unwrap_err();
        assert_eq!(refused.errno().unwrap().name(), "EINVAL", "{refused}");
    }
}

#[test]
fn an_open_block_that_staged_nothing_sees_what_changed_while_time_passed() {
    for place in Place::every() {
        web(&place);
        let web = key("tcp://192.0.2.1:80");
        let mut session = place.session();
        session.begin(BlockKind::Transaction).unwrap();
        let weight_of = |session: &mut Session| {
            let entry = session.find_service(&web).unwrap().unwrap();
            entry.destinations[&server("10.0.0.1:80")]
                .configuration
                .weight
                .get()
        };
        session.savepoint("early").unwrap();
        assert_eq!(weight_of(&mut session), 1);
        let _done = place
            .session()
            .edit_destination(web, server("10.0.0.1:80"), &weight(7))
            .unwrap();
        assert_eq!(weight_of(&mut session), 1, "a block sees one table");
        let waiting = session.begin_wait(String::new).unwrap();
        assert_eq!(waiting, Waiting::Passes);
        session.pass_time(Duration::from_millis(10)).unwrap();
        assert_eq!(weight_of(&mut session), 7);
        // What it stages then goes by what it saw then, and so does a savepoint from before.
        session.rollback_to("early").unwrap();
        let _staged = session
            .edit_destination(web, server("10.0.0.1:80"), &weight(8))
            .unwrap();
        assert_eq!(
            session.begin_wait(String::new).unwrap(),
            Waiting::Staged,
            "{}",
            place.name()
        );
        let _report = committed(session.end_transaction(CommitTerms::default()));
        assert_eq!(weight_of(&mut session), 8);
    }
}

#[test]
fn an_inner_block_reports_what_it_staged_and_nothing_else() {
    let mut random = Random::new(20);
    for _ in 0..30 {
        let place = Place::simulated();
        web(&place);
        let mut session = place.session();
        session.begin(BlockKind::Transaction).unwrap();
        for step in 0..10 {
            // At first nothing is fetched yet.
            let before = if step == 0 {
                place.table()
            } else {
                session.table().unwrap()
            };
            session.begin(BlockKind::Transaction).unwrap();
            for _ in 0..random.below(4) {
                let service = random.pick(&[key("tcp://192.0.2.1:80"), key("fwmark://1")]);
                let one = server(&format!("10.0.0.{}:80", random.below(3) + 1));
                let number = i64::try_from(random.below(9)).unwrap();
                let _done_or_refused = match random.below(5) {
                    0 => session.add_service(service, &scheduler("rr"), &[]).is_ok(),
                    1 => session.delete_service(service, IfMissing::Refuse).is_ok(),
                    2 => session
                        .add_destination(service, one, &weight(number))
                        .is_ok(),
                    3 => session
                        .edit_destination(service, one, &weight(number))
                        .is_ok(),
                    _ => session
                        .delete_destination(service, one, IfMissing::Refuse)
                        .is_ok(),
                };
            }
            let Ended::Staged(plan) = session.end_transaction(CommitTerms::default()).unwrap()
            else {
                panic!("an inner block is staged");
            };
            let after = session.table().unwrap();
            let expected = Plan::between(before, after, Vec::new());
            assert_eq!(plan.changes(), expected.changes());
        }
    }
}
