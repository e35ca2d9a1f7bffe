//! The kernel's rules, one row each: what is asked, and the errno that it answers with. Both kernels give the same.

use ipvsh::backend::{Fate, Operation};
use ipvsh::model::{
    ConnectionThresholds, DaemonRole, DestinationConfiguration, ForwardingMethod, Granularity,
    Persistence, Scheduler, ServiceConfiguration, SyncDaemon, Timeouts, Tunnel, Weight,
};

use crate::support::{Place, key, server};

fn configuration(scheduler: &str) -> ServiceConfiguration {
    ServiceConfiguration {
        scheduler: Scheduler::from_kernel(scheduler.to_owned()),
        ..ServiceConfiguration::default()
    }
}

fn daemon(interface: &str, group: &str) -> SyncDaemon {
    SyncDaemon {
        role: DaemonRole::Backup,
        interface: interface.to_owned(),
        sync_id: 0,
        sync_maxlen: None,
        group: group.parse().unwrap(),
        port: 8848,
        ttl: 1,
    }
}

fn answer(place: &Place, operation: Operation) -> String {
    let execution = place.client().execute(&[operation], &mut || true);
    match &execution.fates[0] {
        Fate::Done => "0".to_owned(),
        Fate::Refused(refusal) => refusal.errno.name(),
        other => format!("{other:?}"),
    }
}

#[allow(clippy::too_many_lines)] // a table, one rule a row
fn rows() -> Vec<(Operation, &'static str)> {
    let (web, six, none) = (
        key("tcp://192.0.2.1:80"),
        key("tcp://[2001:db8::1]:80"),
        key("fwmark://99"),
    );
    let plain = DestinationConfiguration::default();
    let with = |change: fn(&mut DestinationConfiguration)| {
        let mut configuration = plain;
        change(&mut configuration);
        configuration
    };
    let add = |service, text: &str, configuration| Operation::AddDestination {
        service,
        key: server(text),
        configuration,
    };
    let edit = |service, text: &str, configuration| Operation::EditDestination {
        service,
        key: server(text),
        configuration,
    };
    let prefix = |bits| ServiceConfiguration {
        persistence: Some(Persistence {
            timeout_seconds: 1,
            granularity: Granularity::PrefixLength(bits),
            engine: None,
        }),
        ..configuration("rr")
    };
    let set = |key, after: ServiceConfiguration| Operation::EditService {
        key,
        before: Some(Box::new(configuration("rr"))),
        after: Box::new(after),
    };
    vec![
        (
            Operation::AddService {
                key: web,
                configuration: Box::new(configuration("rr")),
            },
            "0",
        ),
        (
            Operation::AddService {
                key: web,
                configuration: Box::new(configuration("nosuch")),
            },
            "EEXIST",
        ),
        (
            Operation::AddService {
                key: none,
                configuration: Box::new(configuration("nosuch")),
            },
            "ENOENT",
        ),
        (
            Operation::AddService {
                key: none,
                configuration: Box::new(configuration("sixteen_bytes_xx")),
            },
            "EINVAL",
        ),
        (
            Operation::AddService {
                key: six,
                configuration: Box::new(prefix(0)),
            },
            "EINVAL",
        ),
        (
            Operation::AddService {
                key: six,
                configuration: Box::new(prefix(129)),
            },
            "EINVAL",
        ),
        (
            Operation::AddService {
                key: six,
                configuration: Box::new(prefix(64)),
            },
            "0",
        ),
        (set(none, configuration("rr")), "ESRCH"),
        (set(web, configuration("none")), "0"),
        (set(web, configuration("wlc")), "0"),
        (add(none, "10.0.0.1:80", plain), "ESRCH"),
        (add(web, "10.0.0.1:80", plain), "0"),
        (add(web, "10.0.0.1:80", plain), "EEXIST"),
        (add(web, "10.0.0.1:0", plain), "0"),
        (add(web, "0.0.0.0:80", plain), "EINVAL"),
        (add(web, "224.0.0.1:80", plain), "EINVAL"),
        (add(web, "255.255.255.255:80", plain), "EINVAL"),
        (add(web, "127.0.0.1:80", plain), "0"),
        (add(six, "[ff02::1]:80", plain), "EINVAL"),
        (add(six, "[::]:80", plain), "EINVAL"),
        (add(six, "[fe80::1]:80", plain), "EINVAL"),
        (add(six, "[::ffff:10.0.0.1]:80", plain), "EINVAL"),
        (add(six, "[::1]:80", plain), "0"),
        (add(web, "[fd00::1]:80", plain), "EINVAL"),
        (
            add(
                web,
                "[fd00::1]:80",
                with(|c| c.forwarding = ForwardingMethod::Tunneling),
            ),
            "0",
        ),
        (
            add(
                web,
                "10.0.0.2:80",
                with(|c| c.thresholds = ConnectionThresholds { upper: 0, lower: 1 }),
            ),
            "ERANGE",
        ),
        (
            add(
                web,
                "10.0.0.2:80",
                with(|c| c.weight = Weight::from_kernel(0x8000_0000)),
            ),
            "ERANGE",
        ),
        (
            add(
                web,
                "10.0.0.2:80",
                with(|c| {
                    c.tunnel = Tunnel::Other {
                        kind: 1,
                        port: 0,
                        flags: 0,
                    }
                }),
            ),
            "EINVAL",
        ),
        (edit(web, "10.0.0.9:80", plain), "ENOENT"),
        (edit(none, "10.0.0.9:80", plain), "ESRCH"),
        (
            edit(
                web,
                "10.0.0.1:80",
                with(|c| c.forwarding = ForwardingMethod::Other(7)),
            ),
            "0",
        ),
        (
            Operation::DeleteDestination {
                service: web,
                key: server("10.0.0.9:80"),
            },
            "ENOENT",
        ),
        (Operation::StartDaemon(daemon("lo", "224.0.0.81")), "EINVAL"), // a server of the other family is there
        (
            Operation::DeleteDestination {
                service: web,
                key: server("[fd00::1]:80"),
            },
            "0",
        ),
        (
            Operation::StartDaemon(daemon("nope0", "224.0.0.81")),
            "ENODEV",
        ),
        (Operation::StartDaemon(daemon("lo", "10.0.0.1")), "EINVAL"),
        (Operation::StartDaemon(daemon("lo", "224.0.0.81")), "0"),
        (Operation::StartDaemon(daemon("lo", "224.0.0.81")), "EEXIST"),
        (
            add(
                web,
                "[fd00::1]:80",
                with(|c| c.forwarding = ForwardingMethod::Tunneling),
            ),
            "EINVAL",
        ), // a daemon runs
        (Operation::StopDaemon(DaemonRole::Master), "ESRCH"),
        (Operation::StopDaemon(DaemonRole::Backup), "0"),
        (
            Operation::SetTimeouts(Timeouts {
                tcp_seconds: 21_474_837,
                tcp_fin_seconds: 1,
                udp_seconds: 1,
            }),
            "EINVAL",
        ),
        (
            Operation::SetTimeouts(Timeouts {
                tcp_seconds: 0,
                tcp_fin_seconds: 0,
                udp_seconds: 1,
            }),
            "0",
        ),
        (Operation::Zero(Some(none)), "ESRCH"),
        (Operation::Zero(None), "0"),
        (Operation::DeleteService { key: none }, "ESRCH"),
        (Operation::DeleteService { key: web }, "0"),
    ]
}

#[test]
fn every_rule_answers_with_the_kernels_errno() {
    for place in Place::every() {
        for (number, (operation, expected)) in rows().into_iter().enumerate() {
            let shown = operation.to_string();
            assert_eq!(
                answer(&place, operation),
                expected,
                "row {number} on the {}: {shown}",
                place.name()
            );
        }
        let timeouts = place.client().timeouts().unwrap();
        assert_eq!(
            (timeouts.tcp_seconds, timeouts.udp_seconds),
            (900, 1),
            "zero keeps"
        );
    }
}

#[test]
fn kernel_parameters_keep_their_ranges() {
    for place in Place::every() {
        for (name, value, expected) in [
            ("drop_entry", "4", "EINVAL"),
            ("drop_entry", "3", "0"),
            ("sync_version", "2", "EINVAL"),
            ("sync_threshold", "3 2", "EINVAL"),
            ("sync_threshold", "2 7", "0"),
            ("sync_ports", "3", "EINVAL"),
            ("sync_ports", "4", "0"),
            ("conntrack", "x", "EINVAL"),
            ("nosuch", "1", "ENOENT"),
        ] {
            let name = ipvsh::model::SysctlName::new(name).unwrap();
            let operation = Operation::SetSysctl {
                name: name.clone(),
                value: value.to_owned(),
            };
            assert_eq!(
                answer(&place, operation),
                expected,
                "{name} = {value} on the {}",
                place.name()
            );
        }
        let threshold = ipvsh::model::SysctlName::new("sync_threshold").unwrap();
        assert_eq!(
            place.client().sysctl(&threshold).unwrap().as_deref(),
            Some("2 7")
        );
    }
}

/// A deleted server is kept for three minutes, and comes back with its connections if it is added in that time.
#[test]
fn the_trash_gives_back_what_was_deleted_and_forgets_it_in_time() {
    let Place::Simulated(kernel) = Place::simulated() else {
        panic!("it is simulated")
    };
    let place = Place::Simulated(kernel.another_socket());
    let (service, first) = (key("tcp://192.0.2.1:80"), server("10.0.0.1:80"));
    place.prepare(&[
        Operation::AddService {
            key: service,
            configuration: Box::new(configuration("rr")),
        },
        Operation::AddDestination {
            service,
            key: first,
            configuration: DestinationConfiguration::default(),
        },
    ]);
    let mut fetched = place.client().fetch(&[service]).unwrap();
    fetched[0].1.destinations[0].active = Some(7);
    kernel.load_service(&fetched[0].1);
    let active_after = |seconds: u64| {
        place.prepare(&[Operation::DeleteDestination {
            service,
            key: first,
        }]);
        place
            .client()
            .sleep(std::time::Duration::from_secs(seconds));
        place.prepare(&[Operation::AddDestination {
            service,
            key: first,
            configuration: DestinationConfiguration::default(),
        }]);
        place.client().table().unwrap().services[&service].destinations[&first]
            .connections
            .active
    };
    assert_eq!(active_after(170), 7);
    assert_eq!(active_after(200), 0);
}
