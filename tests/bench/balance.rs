//! What the simulated kernel balances in a second, and what it takes to keep a million connections:
//!
//! ```text
//! cargo bench --bench balance
//! ```
//!
//! 100 real servers; each connection is a packet with SYN from a client of its own, 1,000 to a millisecond of the simulation. Memory is what the
//! process has more of, the savepoint is taken with all connections live, and the first change behind it copies what it touches.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use ipvsh::backend::{Operation, Transport};
use ipvsh::model::{
    DestinationConfiguration, DestinationKey, ForwardingMethod, Scheduler, ServiceConfiguration,
    ServiceKey,
};
use ipvsh::sim::{Content, Environment, Packet, SimulatedKernel, TcpFlags, Verdict};

const CONNECTIONS: u32 = 1_000_000;
const SERVERS: u8 = 100;

/// Bytes of this process in memory.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

fn director(scheduler: &str) -> SimulatedKernel {
    let kernel = SimulatedKernel::new(Environment::stock());
    let service = ServiceKey::parse("tcp://192.0.2.1:80").unwrap();
    let configuration = Box::new(ServiceConfiguration {
        scheduler: Scheduler::from_kernel(scheduler.to_owned()),
        ..ServiceConfiguration::default()
    });
    let mut operations = vec![Operation::AddService {
        key: service,
        configuration,
    }];
    operations.extend((1..=SERVERS).map(|number| Operation::AddDestination {
        service,
        key: DestinationKey {
            address: Ipv4Addr::new(10, 1, 0, number).into(),
            port: 80,
        },
        configuration: DestinationConfiguration {
            forwarding: ForwardingMethod::Masquerading,
            ..DestinationConfiguration::default()
        },
    }));
    for operation in operations {
        kernel.request(operation.request().unwrap()).unwrap();
    }
    kernel
}

/// Each scheduler has a process of its own, so that each has its memory from the beginning.
fn main() {
    let mut arguments = std::env::args().skip(1);
    if let Some(scheduler) = arguments.find(|argument| !argument.starts_with('-')) {
        return measure(&scheduler);
    }
    for scheduler in ["rr", "wlc", "sh", "mh"] {
        let program = std::env::current_exe().unwrap();
        let measured = std::process::Command::new(program).arg(scheduler).status();
        assert!(measured.unwrap().success());
    }
}

fn measure(scheduler: &str) {
    let destination: SocketAddr = "192.0.2.1:80".parse().unwrap();
    let syn = Content::Tcp(TcpFlags {
        syn: true,
        ..TcpFlags::default()
    });
    let mut kernel = director(scheduler);
    let before = resident();
    let begun = Instant::now();
    let mut forwarded = 0u32;
    for number in 0..CONNECTIONS {
        if number % 1_000 == 0 {
            kernel.sleep(Duration::from_millis(1));
        }
        let client = Ipv4Addr::from_bits(0x0a40_0000 + number / 16);
        let port = 1024 + u16::try_from(number % 16).unwrap();
        let packet = Packet::new((client, port).into(), destination, syn, 0);
        forwarded += u32::from(matches!(kernel.packet(&packet), Verdict::Forwarded { .. }));
    }
    let each = begun.elapsed() / CONNECTIONS;
    assert_eq!(
        (forwarded, kernel.connection_count()),
        (CONNECTIONS, CONNECTIONS as usize)
    );
    let bytes = (resident() - before) / u64::from(CONNECTIONS);
    let begun = Instant::now();
    let savepoint = kernel.snapshot();
    let saved = begun.elapsed();
    let begun = Instant::now();
    let packet = Packet::new("10.99.0.1:1024".parse().unwrap(), destination, syn, 0);
    let _verdict = kernel.packet(&packet);
    let changed = begun.elapsed();
    let begun = Instant::now();
    kernel.restore(savepoint);
    let restored = begun.elapsed();
    let begun = Instant::now();
    kernel.sleep(Duration::from_secs(120));
    let expired = begun.elapsed() / CONNECTIONS;
    assert_eq!(kernel.connection_count(), 0);
    println!(
        "{scheduler:>4}: {:.0} new connections a second ({} ns each), {bytes} bytes a connection; savepoint {:.2} ms, next packet {:.2} ms, back {:.2} ms; {} ns to expire",
        1e9 / each.as_nanos() as f64,
        each.as_nanos(),
        saved.as_secs_f64() * 1e3,
        changed.as_secs_f64() * 1e3,
        restored.as_secs_f64() * 1e3,
        expired.as_nanos(),
    );
}
