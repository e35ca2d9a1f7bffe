//! What it takes to look: at a million connections, at metrics of a large table, into the past.
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
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ipvsh::backend::{Ipvs, KernelFile, Operation, Transport};
use ipvsh::journal::TableIdentity;
use ipvsh::model::{
    DestinationConfiguration, DestinationEntry, DestinationKey, ForwardingMethod, Known, Observed,
    Rates, Scheduler, ServiceConfiguration, ServiceEntry, ServiceKey, Table,
};
use ipvsh::observe::Snapshot;
use ipvsh::recording::{Recorder, Recording, Retention};
use ipvsh::results::metrics::{Exposition, MetricsOptions, write_metrics};
use ipvsh::session::{
    ConnectionFilter, ConnectionSource, GroupField, Interrupt, Session, TableLabel,
};
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
    if std::env::args().all(|word| word != "recording") {
        connections();
        metrics();
    }

    recording(&busy(250, 4), 250 * 4, 10);
    recording(&busy(1_000, 4), 0, 10);
    recording(&busy(10_000, 5), 100, 10);
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
    let snapshot = snapshot(table);
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

fn snapshot(table: Table) -> Snapshot {
    Snapshot {
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
    }
}

/// A table of so many services with so many servers each.
fn busy(services: u32, servers: u8) -> Table {
    let mut table = Table::default();
    for mark in 1..=services {
        let mut entry = ServiceEntry::default();
        for number in 1..=servers {
            let key = DestinationKey {
                address: Ipv4Addr::from_bits(0x0a01_0000 + mark * 8 + u32::from(number)).into(),
                port: 80,
            };
            entry.destinations.insert(key, DestinationEntry::default());
        }
        let key = ServiceKey::parse(&format!("fwmark://{mark}")).unwrap();
        table.services.insert(key, entry);
    }
    table
}

/// Numbers that look random, always the same ones.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Lets 2 s of traffic pass: some 20 to 60 connections of 10 packets for a busy server, with rates as the kernel smooths them.
fn pass(table: &mut Table, busy: usize, random: &mut Random, hidden: &mut Vec<[u64; 5]>) {
    let mut next = 0;
    hidden.resize(table.services.len() + table.destination_count(), [0; 5]);
    let mut place = || {
        next += 1;
        next - 1
    };
    let mut left = busy;
    for entry in table.services.values_mut() {
        let mut sum = [0; 5];
        for server in entry.destinations.values_mut() {
            if left == 0 {
                break;
            }
            left -= 1;
            let connections = 20 + random.below(40);
            let packets = connections * 10 + random.below(50);
            let more = [
                connections,
                packets,
                packets - random.below(20),
                packets * 90 + random.below(4_000),
                packets * 700 + random.below(40_000),
            ];
            server.connections.active = u32::try_from(connections * 3 + random.below(9)).unwrap();
            server.connections.inactive =
                u32::try_from(connections * 20 + random.below(90)).unwrap();
            server.observed = counted(&server.observed, more, &mut hidden[place()]);
            sum.iter_mut()
                .zip(more)
                .for_each(|(sum, more)| *sum += more);
        }
        if sum[0] > 0 {
            entry.observed = counted(&entry.observed, sum, &mut hidden[place()]);
        }
    }
}

/// Counts on, and lets the kernel's estimator run once: it keeps fractions that nobody sees.
fn counted(before: &Observed, more: [u64; 5], hidden: &mut [u64; 5]) -> Observed {
    let mut counters = before.counters();
    for (place, (rate, more)) in hidden.iter_mut().zip(more).enumerate() {
        let scaled = if place < 3 { more << 9 } else { more << 4 };
        *rate = rate.wrapping_add_signed((scaled.cast_signed() - rate.cast_signed()) >> 2);
    }
    counters.connections += more[0];
    counters.packets_in += more[1];
    counters.packets_out += more[2];
    counters.bytes_in += more[3];
    counters.bytes_out += more[4];
    let rates = Rates {
        connections_per_second: (hidden[0] + 0x1ff) >> 10,
        packets_in_per_second: (hidden[1] + 0x1ff) >> 10,
        packets_out_per_second: (hidden[2] + 0x1ff) >> 10,
        bytes_in_per_second: (hidden[3] + 0xf) >> 5,
        bytes_out_per_second: (hidden[4] + 0xf) >> 5,
    };
    Observed::new(counters, rates)
}

/// Ten minutes of a table of which so many servers are busy, recorded every 2 s.
fn recording(table: &Table, busy: usize, minutes: u32) {
    let folder = tempfile::tempdir().unwrap();
    let identity = TableIdentity::Simulation {
        file: "bench".to_owned(),
    };
    let interval = Duration::from_secs(2);
    let mut recorder =
        Recorder::begin(folder.path(), identity, interval, Retention::DEFAULT).unwrap();
    let mut random = Random(1);
    let mut hidden = Vec::new();
    let mut table = table.clone();
    let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let mut took = Duration::ZERO;
    let count = minutes * 30;
    for number in 0..count {
        pass(&mut table, busy, &mut random, &mut hidden);
        let snapshot = Arc::new(Snapshot {
            number: u64::from(number) + 1,
            time: begin + interval * number,
            clock: interval * number,
            ..snapshot(table.clone())
        });
        let began = Instant::now();
        recorder.add(&snapshot).unwrap();
        took += began.elapsed();
    }
    let written = recorder.written();
    let hours = f64::from(count) / 1_800.0;
    let began = Instant::now();
    let mut recording = Recording::open(folder.path()).unwrap();
    let last = recording.last().unwrap().unwrap();
    let read = recording.snapshot(last).unwrap();
    let found = began.elapsed();
    assert!(read.table == table, "what was read is not what was written");
    println!(
        "recording {} services with {} servers, {busy} of them busy: {:.2} MB an hour, {:.2} ms a snapshot; the last one is found in {:.0} ms",
        table.services.len(),
        table.destination_count(),
        written.bytes as f64 / 1e6 / hours,
        took.as_secs_f64() * 1e3 / f64::from(count),
        found.as_secs_f64() * 1e3,
    );
}
