//! What it takes to look: at a million connections, at metrics of a large table.
//!
//! ```text
//! cargo bench --bench looking
//! ```
//!
//! A simulated kernel keeps 1,000,000 connections of 65,536 clients to 100 real servers. Reading the file is what the kernel hands over, thrown away;
//! grouping is the same with `--group-by client/24 --top 10` behind it. Memory is by how much the highest mark of the process rises above what the
//! simulated kernel takes.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use ipvsh::backend::{Ipvs, KernelFile, Operation, Transport};
use ipvsh::model::{
    DestinationConfiguration, DestinationEntry, DestinationKey, ForwardingMethod, Known, Scheduler,
    ServiceConfiguration, ServiceEntry, ServiceKey, Table,
};
use ipvsh::observe::Snapshot;
use ipvsh::results::metrics::{Exposition, MetricsOptions, write_metrics};
use ipvsh::session::{ConnectionFilter, GroupField, Interrupt, Session, TableLabel};
use ipvsh::sim::{Content, Environment, Packet, SimulatedKernel, TcpFlags};

const CONNECTIONS: u32 = 1_000_000;
const SERVERS: u8 = 100;
const TIMES: usize = 5;

fn service() -> ServiceKey {
    ServiceKey::parse("tcp://192.0.2.1:80").unwrap()
}

fn server(number: u8) -> DestinationKey {
    DestinationKey {
        address: Ipv4Addr::new(10, 1, 0, number).into(),
        port: 80,
    }
}

fn director() -> SimulatedKernel {
    let mut kernel = SimulatedKernel::new(Environment::stock());
    let configuration = ServiceConfiguration {
        scheduler: Scheduler::from_kernel("rr".to_owned()),
        ..ServiceConfiguration::default()
    };
    let mut operations = vec![Operation::AddService {
        key: service(),
        configuration: Box::new(configuration),
    }];
    operations.extend((1..=SERVERS).map(|number| Operation::AddDestination {
        service: service(),
        key: server(number),
        configuration: DestinationConfiguration {
            forwarding: ForwardingMethod::Masquerading,
            ..DestinationConfiguration::default()
        },
    }));
    for operation in operations {
        kernel.request(operation.request().unwrap()).unwrap();
    }
    let destination: SocketAddr = "192.0.2.1:80".parse().unwrap();
    let syn = Content::Tcp(TcpFlags {
        syn: true,
        ..TcpFlags::default()
    });
    for number in 0..CONNECTIONS {
        if number % 1_000 == 0 {
            kernel.sleep(Duration::from_millis(1));
        }
        let client = Ipv4Addr::from_bits(0x0a40_0000 + number / 16);
        let port = 1024 + u16::try_from(number % 16).unwrap();
        let _verdict = kernel.packet(&Packet::new((client, port).into(), destination, syn, 0));
    }
    kernel
}

/// Returns a number of `/proc/self/status`, in bytes.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap();
    let number: u64 = line.split_whitespace().next().unwrap().parse().unwrap();
    number * 1024
}

/// Returns the shortest of several times.
fn shortest(mut work: impl FnMut()) -> Duration {
    let times = (0..TIMES).map(|_| {
        let begun = Instant::now();
        work();
        begun.elapsed()
    });
    times.min().unwrap()
}

fn main() {
    connections();
    metrics();
}

fn connections() {
    let kernel = director();
    let mut reader = kernel.another_socket();
    let mut bytes = 0;
    let read = shortest(|| {
        bytes = 0;
        let mut count = |piece: &[u8]| bytes += piece.len();
        reader
            .stream_file(&KernelFile::Connections, &mut count)
            .unwrap();
    });
    let label = TableLabel {
        host: "bench".to_owned(),
        release: None,
        detail: None,
    };
    let live = Ipvs::open(Box::new(kernel.another_socket())).unwrap();
    let mut session = Session::new(live, label, Interrupt::default());
    // The highest mark begins anew.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmRSS:");
    let by = [GroupField::parse("client/24").unwrap()];
    let mut groups = 0;
    let grouped = shortest(|| {
        let filter = ConnectionFilter::default();
        let (found, read) = session.connection_groups(&filter, &by).unwrap();
        assert_eq!(read.entries, u64::from(CONNECTIONS));
        groups = found.len();
    });
    let more = status("VmHWM:").saturating_sub(before);
    println!(
        "{CONNECTIONS} connections, {} MB: read in {:.0} ms, in {groups} groups in {:.0} ms ({:.2} times), {:.1} MiB more",
        bytes / 1_000_000,
        read.as_secs_f64() * 1e3,
        grouped.as_secs_f64() * 1e3,
        grouped.as_secs_f64() / read.as_secs_f64(),
        more as f64 / 1_048_576.0,
    );
}

fn metrics() {
    let mut table = Table::default();
    for mark in 1..=10_000 {
        let mut entry = ServiceEntry::default();
        for number in 1..=5 {
            entry
                .destinations
                .insert(server(number), DestinationEntry::default());
        }
        let key = ServiceKey::parse(&format!("fwmark://{mark}")).unwrap();
        table.services.insert(key, entry);
    }
    let snapshot = Snapshot {
        number: 1,
        time: SystemTime::now(),
        clock: Duration::ZERO,
        took: Duration::ZERO,
        place: TableLabel {
            host: "bench".to_owned(),
            release: None,
            detail: None,
        },
        table,
        known: Known {
            all: true,
            rates: true,
        },
        missing: Vec::new(),
        totals: None,
        settings: None,
        changes: Vec::new(),
    };
    for limit in [Some(20_000), None] {
        let options = MetricsOptions {
            series_limit: limit,
            ..MetricsOptions::default()
        };
        let (mut bytes, mut series) = (0, 0);
        let written = shortest(|| {
            let mut out = Vec::new();
            let told = write_metrics(&mut out, Some(&snapshot), &options, Exposition::Prometheus);
            series = told.unwrap().series;
            bytes = out.len();
        });
        println!(
            "metrics of 10,000 services with 5 servers, limit {limit:?}: {series} series, {} kB in {:.0} ms",
            bytes / 1_000,
            written.as_secs_f64() * 1e3,
        );
    }
}
