//! The fault sweep: every request refused, every datagram and every reply dropped, cut and delayed, each in its turn.
//!
//! After one fault the table is as planned or as before. After two, or when nothing can be undone any more, the
//! outcome lists exactly what restores the table.

use ipvsh::backend::{Ipvs, LockWait, Operation};
use ipvsh::model::{
    Checksum, DaemonRole, DestinationConfiguration, DestinationEdit, DestinationSpecification,
    ForwardingMethod, Scheduler, ServiceConfiguration, ServiceEdit, SyncDaemon, SysctlName, Table,
    TimeoutsEdit, Tunnel, Weight,
};
use ipvsh::session::{BlockKind, IfMissing};
use ipvsh::sim::fault::{Fault, Faulty};
use ipvsh::txn::{CommitError, CommitOptions, Outcome, Plan};

use crate::support::{Place, in_lab, key, server};

const SYSCTL: &str = "expire_nodest_conn";

fn with_weight(weight: i64) -> DestinationConfiguration {
    DestinationConfiguration {
        weight: Weight::new(weight).unwrap(),
        forwarding: ForwardingMethod::Masquerading,
        ..DestinationConfiguration::default()
    }
}

/// A table with something of every kind.
fn prepare(place: &Place) {
    let (web, dns, mark) = (
        key("tcp://192.0.2.1:80"),
        key("udp://[2001:db8::1]:53"),
        key("fwmark://7"),
    );
    let service = |key| Operation::AddService {
        key,
        configuration: Box::new(ServiceConfiguration::default()),
    };
    let add = |service, text: &str, configuration| Operation::AddDestination {
        service,
        key: server(text),
        configuration,
    };
    let mut limited = with_weight(4);
    limited.thresholds.upper = 100;
    limited.thresholds.lower = 50;
    let tunneled = DestinationConfiguration {
        forwarding: ForwardingMethod::Tunneling,
        tunnel: Tunnel::gue(6080, Checksum::Csum).unwrap(),
        ..DestinationConfiguration::default()
    };
    place.prepare(&[
        service(web),
        add(web, "10.0.0.1:80", with_weight(1)),
        add(web, "10.0.0.2:80", limited),
        add(web, "10.0.0.3:80", with_weight(3)),
        service(dns),
        add(dns, "[fd00::1]:53", with_weight(1)),
        add(dns, "[fd00::2]:53", tunneled),
        service(mark),
        add(mark, "10.0.0.9:0", with_weight(1)),
    ]);
}

/// A plan with something of every kind: adds, edits, deletions, timeouts, a daemon, a kernel parameter.
fn plan(place: &Place) -> Plan {
    let mut session = place.session();
    session.begin(BlockKind::Rehearsal).unwrap();
    let (web, new) = (key("tcp://192.0.2.1:80"), key("sctp://192.0.2.3:3868"));
    let weight = |weight| DestinationEdit {
        weight: Some(Weight::new(weight).unwrap()),
        ..DestinationEdit::default()
    };
    let specify = |text: &str| DestinationSpecification {
        key: server(text),
        edit: weight(2),
    };
    let rr = ServiceEdit {
        scheduler: Some(Scheduler::new("rr").unwrap()),
        ..ServiceEdit::default()
    };
    let mut done = vec![
        session
            .add_service(
                new,
                &rr,
                &[specify("10.0.0.5:3868"), specify("10.0.0.6:3868")],
            )
            .unwrap(),
        session.edit_service(web, &rr).unwrap(),
        session
            .edit_destination(web, server("10.0.0.1:80"), &weight(0))
            .unwrap(),
        session
            .edit_destination(web, server("10.0.0.2:80"), &weight(9))
            .unwrap(),
        session
            .delete_destination(web, server("10.0.0.3:80"), IfMissing::Refuse)
            .unwrap(),
        session
            .add_destination(web, server("10.0.0.4:80"), &weight(1))
            .unwrap(),
        session
            .delete_service(key("udp://[2001:db8::1]:53"), IfMissing::Refuse)
            .unwrap(),
        session
            .set_timeouts(&TimeoutsEdit {
                tcp_seconds: Some(600),
                ..TimeoutsEdit::default()
            })
            .unwrap(),
        session
            .set_sysctl(&SysctlName::new(SYSCTL).unwrap(), "1")
            .unwrap(),
    ];
    if let Place::Simulated(_) = place {
        // A real daemon needs routes; its own test is in transaction.rs.
        let daemon = SyncDaemon {
            role: DaemonRole::Backup,
            interface: "lo".to_owned(),
            sync_id: 3,
            sync_maxlen: None,
            group: SyncDaemon::DEFAULT_GROUP,
            port: SyncDaemon::DEFAULT_PORT,
            ttl: 1,
        };
        done.push(session.start_daemon(&daemon).unwrap());
    }
    let plan = session.end_rehearsal().unwrap();
    assert!(plan.changes().len() >= done.len());
    plan
}

/// The table with the kernel parameter that the plan touches.
fn state(place: &Place) -> (Table, Option<String>) {
    let sysctl = place
        .client()
        .sysctl(&SysctlName::new(SYSCTL).unwrap())
        .unwrap();
    (place.table(), sysctl)
}

/// Commits the plan through faults, checks the table against the outcome, and returns the outcome's word.
fn sweep(faults: &[Fault], make: fn() -> Place) -> &'static str {
    let place = make();
    prepare(&place);
    let plan = plan(&place);
    let before = state(&place);
    let planned = plan.after().clone();
    let faulty = Faulty::new(place.transport(), faults);
    let options = CommitOptions {
        lock: LockWait::NONE,
        guarding: &ipvsh::txn::Guarding::default(),
    };
    let ended = Ipvs::open(Box::new(faulty))
        .map_err(CommitError::from)
        .and_then(|mut kernel| plan.commit(&mut kernel, &options, &mut ()));
    let now = state(&place);
    let outcome = match ended {
        Err(error) => {
            assert_eq!(now, before, "{faults:?}: {error:?}");
            return "nothing sent";
        }
        Ok(report) => report.outcome,
    };
    match &outcome {
        Outcome::Committed => {
            for (key, entry) in &planned.services {
                assert_eq!(
                    now.0.services[key].configuration, entry.configuration,
                    "{faults:?}"
                );
                let configurations = |entry: &ipvsh::model::ServiceEntry| {
                    entry
                        .destinations
                        .iter()
                        .map(|(key, entry)| (*key, entry.configuration))
                        .collect::<Vec<_>>()
                };
                assert_eq!(
                    configurations(&now.0.services[key]),
                    configurations(entry),
                    "{faults:?}"
                );
            }
            assert_eq!(now.0.services.len(), 3, "{faults:?}");
            assert_eq!(now.1.as_deref(), Some("1"), "{faults:?}");
        }
        Outcome::RolledBack { .. } | Outcome::Conflict { .. } => {
            assert_eq!(now, before, "{faults:?}: {outcome:?}")
        }
        Outcome::Indeterminate {
            residue, unread, ..
        } => {
            assert!(unread.is_none(), "{faults:?}: {outcome:?}");
            let back: Vec<Operation> = residue.iter().map(ipvsh::txn::Change::operation).collect();
            place.prepare(&back);
            assert_eq!(
                state(&place),
                before,
                "{faults:?}: the residue does not restore the table: {residue:#?}"
            );
        }
        Outcome::Unchanged | Outcome::Locked { .. } | Outcome::Guarded { .. } => {
            panic!("{faults:?}: {outcome:?}")
        }
    }
    outcome.word()
}

fn kernels() -> Vec<fn() -> Place> {
    if in_lab() {
        vec![Place::simulated, Place::real]
    } else {
        vec![Place::simulated]
    }
}

/// Sweeps one kind of fault over every place it can strike, and returns how each ended.
fn every(kind: fn(usize) -> Fault, bound: usize, make: fn() -> Place) -> Vec<&'static str> {
    (0..bound)
        .map(|number| sweep(&[kind(number)], make))
        .collect()
}

#[test]
fn any_single_refusal_leaves_the_table_as_it_was() {
    for make in kernels() {
        let words = every(Fault::RefuseChange, 16, make);
        let refused = words.iter().filter(|word| **word == "rolled_back").count();
        assert!(refused >= 10, "{words:?}");
        assert!(
            words[..refused].iter().all(|word| *word == "rolled_back"),
            "{words:?}"
        );
        assert!(
            words[refused..].iter().all(|word| *word == "committed") && refused < words.len(),
            "past the last request: {words:?}"
        );
        assert_eq!(sweep(&[Fault::RefuseWrite(0)], make), "rolled_back");
    }
}

#[test]
fn any_datagram_may_be_dropped_cut_refused_or_late() {
    for make in kernels() {
        for kind in [
            Fault::DropDatagram,
            Fault::TruncateDatagram,
            Fault::RefuseDatagram,
            Fault::DelayDatagram,
        ] {
            let words = every(kind, 30, make);
            assert!(
                words.iter().all(|word| *word != "indeterminate"),
                "{:?}: {words:?}",
                kind(0)
            );
            assert_eq!(
                words.last(),
                Some(&"committed"),
                "the sweep must pass the last datagram: {words:?}"
            );
        }
    }
}

#[test]
fn any_reply_may_be_dropped_cut_or_late() {
    for make in kernels() {
        for kind in [
            Fault::DropReply,
            Fault::TruncateReply,
            Fault::DelayReply,
            Fault::Overrun,
        ] {
            let words = every(kind, 60, make);
            assert!(
                words.iter().all(|word| *word != "indeterminate"),
                "{:?}: {words:?}",
                kind(0)
            );
            assert_eq!(
                words.last(),
                Some(&"committed"),
                "the sweep must pass the last reply: {words:?}"
            );
        }
    }
}

#[test]
fn two_faults_leave_the_table_as_before_or_say_exactly_what_is_left() {
    let mut seconds: Vec<Fault> = (0..24).map(Fault::RefuseChange).collect();
    seconds.extend((4..14).flat_map(|n| {
        [
            Fault::DropDatagram(n),
            Fault::TruncateDatagram(n),
            Fault::RefuseDatagram(n),
        ]
    }));
    seconds.extend(
        (10..40).flat_map(|n| [Fault::DropReply(n), Fault::DelayReply(n), Fault::Overrun(n)]),
    );
    let mut words = Vec::new();
    for first in 0..12 {
        words.extend(
            seconds
                .iter()
                .map(|second| sweep(&[Fault::RefuseChange(first), *second], Place::simulated)),
        );
    }
    assert!(words.contains(&"rolled_back"));
}

#[test]
fn when_nothing_can_be_undone_the_residue_leads_back() {
    for make in kernels() {
        // The first is refused: nothing was done. Behind the last there is nothing to refuse.
        let words = every(Fault::RefuseFrom, 16, make);
        assert_eq!(words[0], "rolled_back", "{words:?}");
        assert!(
            words
                .iter()
                .filter(|word| **word == "indeterminate")
                .count()
                >= 9,
            "{words:?}"
        );
        assert_eq!(words.last(), Some(&"committed"), "{words:?}");
    }
}

#[test]
fn what_is_acknowledged_and_not_there_is_said() {
    for make in kernels() {
        // The first is a service: its servers are refused then, and all is undone.
        let words = every(Fault::SwallowChange, 16, make);
        assert_eq!(words[0], "rolled_back", "{words:?}");
        assert!(
            words
                .iter()
                .filter(|word| **word == "indeterminate")
                .count()
                >= 9,
            "{words:?}"
        );
        assert_eq!(words.last(), Some(&"committed"), "{words:?}");
    }
}
