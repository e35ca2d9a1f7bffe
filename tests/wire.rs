//! Bytes: what the original `ipvsadm` sent and the kernel answered, our own encoding both ways, hostile input.

use std::path::Path;

use proptest::prelude::{Strategy, any, prop, prop_assert_eq, proptest};

use ipvsh::backend::{Ipvs, KernelFile, Lock, ProcReading, Transport, TransportError};
use ipvsh::wire::{
    ConfigAttributes, Counting, DaemonAttributes, DestinationAttributes, Message, Messages, Record,
    Request, ServiceAttributes, uapi,
};

/// A captured file: the command, what it sent, what came back.
struct Captured {
    sent: Vec<Vec<u8>>,
    received: Vec<Vec<u8>>,
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn captured(name: &str) -> Captured {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/wire")
        .join(format!("{name}.hex"));
    let text = std::fs::read_to_string(path).unwrap();
    let lines = |prefix: &str| {
        text.lines()
            .filter_map(|line| line.strip_prefix(prefix))
            .map(bytes)
            .collect::<Vec<_>>()
    };
    Captured {
        sent: lines("> "),
        received: lines("< "),
    }
}

fn only<'a>(datagram: &'a [u8]) -> Message<'a> {
    Messages::new(datagram).next().unwrap().unwrap()
}

fn address(text: &str) -> Option<[u8; 16]> {
    Some(match text.parse().unwrap() {
        std::net::IpAddr::V6(v6) => v6.octets(),
        std::net::IpAddr::V4(v4) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&v4.octets());
            bytes
        }
    })
}

fn service(family: u16, protocol: u16, text: &str, port: u16) -> ServiceAttributes {
    ServiceAttributes {
        family: Some(family),
        protocol: Some(protocol),
        address: address(text),
        port: Some(port),
        ..ServiceAttributes::default()
    }
}

/// What `ipvsadm` sends of a service beside its name when nothing more is given.
fn plain(identity: ServiceAttributes, scheduler: &str) -> ServiceAttributes {
    let netmask = if identity.family == Some(uapi::AF_INET6) {
        128u32.to_ne_bytes()
    } else {
        [255; 4]
    };
    ServiceAttributes {
        scheduler: Some(scheduler.as_bytes().to_vec()),
        flags: Some((0, u32::MAX)),
        timeout: Some(0),
        netmask: Some(netmask),
        ..identity
    }
}

fn web() -> ServiceAttributes {
    service(uapi::AF_INET, 6, "192.0.2.1", 80)
}

fn server(family: u16, text: &str, port: u16, method: u32, weight: u32) -> DestinationAttributes {
    DestinationAttributes {
        family: Some(family),
        address: address(text),
        port: Some(port),
        method: Some(method),
        weight: Some(weight),
        tunnel_type: Some(0),
        tunnel_port: Some(0),
        tunnel_flags: Some(0),
        upper_threshold: Some(0),
        lower_threshold: Some(0),
        ..DestinationAttributes::default()
    }
}

/// Demands that the last request of a capture means `expected`, and that our own bytes for it mean the same.
#[track_caller]
fn means(name: &str, expected: &Request) {
    let captured = captured(name);
    let found = Request::decode(&only(captured.sent.last().unwrap())).unwrap();
    assert_eq!(found, *expected, "{name}");
    let mut own = Vec::new();
    expected.encode(&mut own, 0x1c, uapi::NLM_F_ACK, 7);
    assert_eq!(Request::decode(&only(&own)).unwrap(), *expected, "{name}");
    let header = |message: &[u8]| (message[4..8].to_vec(), message[16..18].to_vec());
    assert_eq!(
        header(&own),
        header(captured.sent.last().unwrap()),
        "{name}: type, flags, command, version"
    );
}

#[test]
fn what_ipvsadm_sends_for_services_means_what_it_was_told() {
    means(
        "add-service-tcp",
        &Request::NewService(ServiceAttributes {
            flags: Some((uapi::IP_VS_SVC_F_PERSISTENT, u32::MAX)),
            timeout: Some(300),
            netmask: Some([255, 255, 255, 0]),
            ..plain(web(), "wlc")
        }),
    );
    means(
        "add-service-udp6",
        &Request::NewService(ServiceAttributes {
            flags: Some((uapi::IP_VS_SVC_F_ONEPACKET, u32::MAX)),
            ..plain(service(uapi::AF_INET6, 17, "2001:db8::1", 53), "rr")
        }),
    );
    means(
        "add-service-sctp-sh",
        &Request::NewService(ServiceAttributes {
            flags: Some((
                uapi::IP_VS_SVC_F_SCHED1 | uapi::IP_VS_SVC_F_SCHED2,
                u32::MAX,
            )),
            ..plain(service(uapi::AF_INET, 132, "192.0.2.1", 36412), "sh")
        }),
    );
    let mark = ServiceAttributes {
        family: Some(uapi::AF_INET6),
        fwmark: Some(7),
        ..ServiceAttributes::default()
    };
    means(
        "add-service-fwmark6",
        &Request::NewService(ServiceAttributes {
            flags: Some((uapi::IP_VS_SVC_F_PERSISTENT, u32::MAX)),
            timeout: Some(60),
            netmask: Some(64u32.to_ne_bytes()),
            engine: Some(b"sip".to_vec()),
            ..plain(mark, "mh")
        }),
    );
    means("edit-service", &Request::SetService(plain(web(), "wrr")));
    means(
        "del-service",
        &Request::DeleteService(plain(service(uapi::AF_INET6, 17, "2001:db8::1", 53), "")),
    );
}

#[test]
fn what_ipvsadm_sends_for_servers_means_what_it_was_told() {
    let identity = plain(web(), "");
    means(
        "add-masq",
        &Request::NewDestination(
            identity.clone(),
            DestinationAttributes {
                upper_threshold: Some(100),
                lower_threshold: Some(50),
                ..server(uapi::AF_INET, "10.0.0.2", 8080, uapi::IP_VS_CONN_F_MASQ, 5)
            },
        ),
    );
    means(
        "add-gue",
        &Request::NewDestination(
            identity.clone(),
            DestinationAttributes {
                tunnel_type: Some(uapi::IP_VS_CONN_F_TUNNEL_TYPE_GUE),
                tunnel_port: Some(6080),
                tunnel_flags: Some(uapi::IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM),
                ..server(uapi::AF_INET6, "fd00::2", 80, uapi::IP_VS_CONN_F_TUNNEL, 1)
            },
        ),
    );
    means(
        "edit-gre",
        &Request::SetDestination(
            identity.clone(),
            DestinationAttributes {
                tunnel_type: Some(uapi::IP_VS_CONN_F_TUNNEL_TYPE_GRE),
                tunnel_flags: Some(uapi::IP_VS_TUNNEL_ENCAP_FLAG_CSUM),
                ..server(
                    uapi::AF_INET6,
                    "fd00::2",
                    80,
                    uapi::IP_VS_CONN_F_TUNNEL,
                    2_147_483_647,
                )
            },
        ),
    );
    means(
        "del-dest",
        &Request::DeleteDestination(
            identity,
            server(uapi::AF_INET6, "fd00::2", 80, uapi::IP_VS_CONN_F_DROUTE, 1),
        ),
    );
}

#[test]
fn what_ipvsadm_sends_for_the_rest_means_what_it_was_told() {
    means(
        "set-timeouts",
        &Request::SetConfig(ConfigAttributes {
            tcp: Some(600),
            tcp_fin: Some(60),
            udp: Some(120),
        }),
    );
    means(
        "start-daemon",
        &Request::NewDaemon(DaemonAttributes {
            state: Some(uapi::IP_VS_STATE_BACKUP),
            interface: Some(b"lo".to_vec()),
            sync_id: Some(7),
            sync_maxlen: Some(2000),
            group6: address("ff02::81"),
            port: Some(9000),
            ttl: Some(4),
            ..DaemonAttributes::default()
        }),
    );
    let stop = DaemonAttributes {
        state: Some(uapi::IP_VS_STATE_BACKUP),
        interface: Some(Vec::new()),
        sync_id: Some(0),
        ..DaemonAttributes::default()
    };
    means("stop-daemon", &Request::DeleteDaemon(stop));
    means("zero-one", &Request::Zero(Some(plain(web(), ""))));
    means("zero-all", &Request::Zero(None));
    means("clear", &Request::Flush);
}

#[test]
fn what_the_kernel_answers_can_be_read() {
    let (mut services, mut servers) = (Vec::new(), Vec::new());
    for datagram in captured("list").received {
        for message in Messages::new(&datagram)
            .map(Result::unwrap)
            .filter(|message| message.kind != uapi::NLMSG_DONE && message.kind != uapi::NLMSG_ERROR)
        {
            match Record::decode(&message, Counting::Both).unwrap() {
                Record::Service(service) => services.push(*service),
                Record::Destination(server) => servers.push(*server),
                _ => {}
            }
        }
    }
    assert_eq!(services.len(), 4);
    let found = services
        .iter()
        .find(|service| service.protocol == Some(6))
        .unwrap();
    assert_eq!(
        (found.scheduler.as_deref(), found.port, found.timeout),
        (Some(&b"wrr"[..]), Some(80), Some(0))
    );
    assert_eq!(found.flags, Some((uapi::IP_VS_SVC_F_HASHED, u32::MAX)));
    assert_eq!(found.counters64.as_ref().unwrap().values, [Some(0); 10]);
    let mark = services
        .iter()
        .find(|service| service.fwmark == Some(7))
        .unwrap();
    assert_eq!(
        (mark.engine.as_deref(), mark.netmask, mark.protocol),
        (Some(&b"sip"[..]), Some(64u32.to_ne_bytes()), None)
    );
    let masq = servers
        .iter()
        .find(|server| server.port == Some(8080))
        .unwrap();
    assert_eq!(
        (
            masq.weight,
            masq.upper_threshold,
            masq.lower_threshold,
            masq.active
        ),
        (Some(5), Some(100), Some(50), Some(0))
    );
    let daemons = captured("list-daemon").received;
    let daemon = daemons
        .iter()
        .flat_map(|datagram| Messages::new(datagram).map(Result::unwrap))
        .find_map(|message| match Record::decode(&message, Counting::Both) {
            Ok(Record::Daemon(daemon)) => Some(daemon),
            _ => None,
        });
    let daemon = daemon.unwrap();
    assert_eq!(
        (daemon.port, daemon.ttl, daemon.sync_maxlen, daemon.group6),
        (Some(9000), Some(4), Some(2000), address("ff02::81"))
    );
    let refusal = captured("refused").received;
    let errnos: Vec<i32> = refusal
        .iter()
        .map(|datagram| only(datagram))
        .filter(|message| message.kind == uapi::NLMSG_ERROR)
        .map(|message| message.acknowledgement().unwrap().errno)
        .collect();
    assert!(errnos.contains(&17), "{errnos:?}");
}

#[test]
fn every_captured_request_survives_our_own_encoding() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/wire");
    let mut requests = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        for datagram in captured(name.strip_suffix(".hex").unwrap()).sent {
            let request = Request::decode(&only(&datagram)).unwrap();
            let mut own = Vec::new();
            request.encode(&mut own, 0x1c, 0, 1);
            assert_eq!(Request::decode(&only(&own)).unwrap(), request, "{name}");
            requests += 1;
        }
    }
    assert!(requests > 40, "{requests}");
}

fn name(longest: usize) -> impl Strategy<Value = Option<Vec<u8>>> {
    prop::option::of(prop::collection::vec(1u8.., 0..longest))
}

fn services() -> impl Strategy<Value = ServiceAttributes> {
    let first = (
        any::<Option<u16>>(),
        any::<Option<u16>>(),
        any::<Option<[u8; 16]>>(),
        any::<Option<u16>>(),
        any::<Option<u32>>(),
    );
    let second = (
        name(16),
        any::<Option<(u32, u32)>>(),
        any::<Option<u32>>(),
        any::<Option<[u8; 4]>>(),
        name(16),
    );
    (first, second).prop_map(
        |(
            (family, protocol, address, port, fwmark),
            (scheduler, flags, timeout, netmask, engine),
        )| ServiceAttributes {
            family,
            protocol,
            address,
            port,
            fwmark,
            scheduler,
            flags,
            timeout,
            netmask,
            engine,
            counters: None,
            counters64: None,
        },
    )
}

fn servers() -> impl Strategy<Value = DestinationAttributes> {
    let first = (
        any::<Option<u16>>(),
        any::<Option<[u8; 16]>>(),
        any::<Option<u16>>(),
        any::<Option<u32>>(),
        any::<Option<u32>>(),
    );
    let second = (
        any::<Option<u32>>(),
        any::<Option<u32>>(),
        any::<Option<u8>>(),
        any::<Option<u16>>(),
        any::<Option<u16>>(),
    );
    (first, second).prop_map(
        |(
            (family, address, port, method, weight),
            (upper_threshold, lower_threshold, tunnel_type, tunnel_port, tunnel_flags),
        )| {
            DestinationAttributes {
                family,
                address,
                port,
                method,
                weight,
                upper_threshold,
                lower_threshold,
                tunnel_type,
                tunnel_port,
                tunnel_flags,
                ..DestinationAttributes::default()
            }
        },
    )
}

fn requests() -> impl Strategy<Value = Request> {
    (0..8, services(), servers()).prop_map(|(command, service, server)| match command {
        0 => Request::NewService(service),
        1 => Request::SetService(service),
        2 => Request::DeleteService(service),
        3 => Request::NewDestination(service, server),
        4 => Request::SetDestination(service, server),
        5 => Request::DeleteDestination(service, server),
        6 => Request::DumpDestinations(service),
        _ => Request::Zero(Some(service)),
    })
}

/// A kernel that answers with whatever it is told to.
struct Hostile {
    answers: Vec<Vec<u8>>,
    sequence_at: Vec<u8>,
}

impl Transport for Hostile {
    fn send(&mut self, datagram: &[u8]) -> Result<(), TransportError> {
        self.sequence_at = datagram.get(8..12).unwrap_or_default().to_vec();
        Ok(())
    }

    fn receive(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<usize, TransportError> {
        let Some(mut answer) = self.answers.pop() else {
            return Ok(0);
        };
        // Half of them answer the question that was asked, so that they are looked at.
        if answer.len() >= 16 && answer[0] % 2 == 0 {
            answer.splice(8..12, self.sequence_at.iter().copied());
            let length = u32::try_from(answer.len()).unwrap();
            answer.splice(0..4, length.to_ne_bytes());
        }
        sink(&answer);
        Ok(1)
    }

    fn stream_file(&mut self, _: &KernelFile, sink: &mut dyn FnMut(&[u8])) -> std::io::Result<()> {
        self.answers.iter().for_each(|answer| sink(answer));
        Ok(())
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

    fn write_file(&mut self, _: &KernelFile, _: &[u8]) -> std::io::Result<()> {
        Ok(())
    }

    fn now(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }

    fn sleep(&mut self, _: std::time::Duration) {}

    fn lock(&mut self, _: std::time::Duration) -> Result<Lock, ipvsh::backend::LockError> {
        Ok(Lock::needless())
    }
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(request in requests()) {
        let mut datagram = Vec::new();
        request.encode(&mut datagram, 28, 0, 5);
        prop_assert_eq!(Request::decode(&only(&datagram)).unwrap(), request);
    }

    #[test]
    fn records_come_back(service in services(), server in servers()) {
        for record in [Record::Service(Box::new(service)), Record::Destination(Box::new(server))] {
            let mut datagram = Vec::new();
            record.encode(&mut datagram, 28, 2, 5);
            prop_assert_eq!(Record::decode(&only(&datagram), Counting::Both).unwrap(), record);
        }
    }

    /// Whatever is cut off, the answer is an error or a value, never a panic.
    #[test]
    fn truncated_and_damaged_messages_do_not_panic(request in requests(), cut in 0usize..300, place in 0usize..300, value: u8) {
        let mut datagram = Vec::new();
        request.encode(&mut datagram, 28, 0, 5);
        datagram.truncate(datagram.len().min(cut.max(1)));
        if let Some(byte) = datagram.get_mut(place) {
            *byte = value;
        }
        for message in Messages::new(&datagram).flatten() {
            let _value_or_error = (Request::decode(&message).is_ok(), Record::decode(&message, Counting::Both).is_ok(), message.acknowledgement().is_ok());
        }
    }

    #[test]
    fn a_hostile_kernel_is_an_error_and_no_panic(answers in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..6)) {
        let _proc_of_garbage = ProcReading::parse(&answers.concat()).into_table();
        if let Ok(mut client) = Ipvs::open(Box::new(Hostile { answers: answers.clone(), sequence_at: Vec::new() })) {
            let _value_or_error = client.table().is_ok();
        }
    }
}

#[test]
fn unknown_attributes_are_skipped_and_wrong_widths_named() {
    let mut datagram = Vec::new();
    Record::Service(Box::new(plain(web(), "rr"))).encode(&mut datagram, 28, 0, 5);
    // An attribute of a later kernel at the end of the record: 5 bytes, number 77, one byte, three of padding.
    datagram.extend_from_slice(&[5, 0, 77, 0, 1, 0, 0, 0]);
    let total = u32::try_from(datagram.len()).unwrap();
    datagram.splice(0..4, total.to_ne_bytes());
    let nested = u16::try_from(total - 20).unwrap();
    datagram.splice(20..22, nested.to_ne_bytes());
    assert_eq!(
        Record::decode(&only(&datagram), Counting::Both).unwrap(),
        Record::Service(Box::new(plain(web(), "rr")))
    );
    // The family's attribute with one byte in place of two.
    datagram.splice(24..26, 5u16.to_ne_bytes());
    let error = Record::decode(&only(&datagram), Counting::Both).unwrap_err();
    assert_eq!(
        error.to_string(),
        "attribute 1 of service has 1 bytes, expected 2"
    );
}
