//! The rules of balancing that no recording shows, or not alone: each with its numbers worked by hand.

use std::time::Duration;

use ipvsh::backend::{KernelFile, Operation, Transport};
use ipvsh::model::{ServiceKey, Timeouts};
use ipvsh::sim::{
    Answer, Content, Flavour, Happening, Kind, Packet, PlannedContent, PlannedPacket, TcpFlags,
};
use serde_json::{Value, json};

use crate::support::simulation::Simulation;

const WEB: &str = "tcp://10.0.0.1:80";
const VIP: &str = "10.0.0.1:80";

fn servers(count: usize) -> Vec<Value> {
    let server =
        |number| json!({ "id": format!("10.1.0.{number}:80"), "forwarding": "masquerading" });
    (1..=count).map(server).collect()
}

/// A service `WEB` with as many masquerading servers; `more` are further fields.
fn web(count: usize, more: &Value) -> Value {
    let mut service = json!({ "id": WEB, "scheduler": "rr", "destinations": servers(count) });
    for (name, value) in more.as_object().unwrap() {
        service[name] = value.clone();
    }
    json!([service])
}

fn plain(count: usize) -> Simulation {
    Simulation::of(Flavour::CLASSIC, &web(count, &json!({})))
}

/// 100 connections of one packet of 128 bytes each in one period, then nothing; every two seconds the numbers of the kernel's arithmetic.
/// cps: e = 100 * 512 / 4 = 12800, shown (e + 511) / 1024 = 12; then e loses a quarter each time, rounded down.
#[test]
fn a_minute_of_statistics_is_the_arithmetic_of_the_kernel() {
    for flavour in [Flavour::CLASSIC, Flavour::NEWER] {
        let mut director = Simulation::of(
            flavour,
            &json!([{ "id": "udp://10.0.0.1:53", "scheduler": "rr", "destinations": [{ "id": "10.1.0.1:53" }] }]),
        );
        let text = "x".repeat(100);
        for client in 0..100 {
            let client = format!("10.64.0.{client}:1000");
            assert_eq!(director.udp(&client, "10.0.0.1:53", &text), "10.1.0.1:53");
        }
        assert_eq!(director.counters(), [0; 10], "nothing is copied yet");
        let connections = [12, 9, 7, 5, 4, 3, 2, 2, 1, 1, 1, 1, 0, 0, 0];
        let bytes = [
            1600, 1200, 900, 675, 506, 380, 285, 214, 160, 120, 90, 68, 51, 38, 28,
        ];
        for (cps, bps) in connections.into_iter().zip(bytes) {
            director.wait(2_000);
            assert_eq!(
                director.counters(),
                [100, 100, 0, 12_800, 0, cps, cps, 0, bps, 0]
            );
        }
        director.wait(30_000);
        assert_eq!(director.counters(), [100, 100, 0, 12_800, 0, 0, 0, 0, 0, 0]);
    }
}

/// A steady load: 7 connections a second, each with 3 packets in of 40 bytes and 2 out. In a period 14 connections: e goes to 14 * 512
/// from below, 7168 - 7168 * (3/4)^n, and is shown as 7 when it is above 6657.
#[test]
fn a_steady_load_reaches_its_rate() {
    let mut director = plain(1);
    let mut expected = 0i64;
    for second in 1..=60u64 {
        for number in 0..7 {
            let client = format!("10.64.{second}.{number}:2000");
            director.tcp(&client, VIP, "S");
            assert_eq!(
                director.reply("10.1.0.1:80", &client, "SA"),
                Answer::Translated(VIP.parse().unwrap())
            );
            director.tcp(&client, VIP, "A");
            director.tcp(&client, VIP, "A");
            director.reply("10.1.0.1:80", &client, "A");
        }
        director.wait(1_000);
        if second % 2 == 0 {
            expected += ((14 << 9) - expected) >> 2;
            let shown = director.counters();
            let cps = u64::try_from((expected + 511) >> 10).unwrap();
            let total = 7 * second;
            assert_eq!(
                shown[..6],
                [total, 3 * total, 2 * total, 120 * total, 80 * total, cps],
                "{second}"
            );
        }
    }
    let [.., cps, pps_in, pps_out, bps_in, bps_out] = director.counters();
    assert_eq!(
        [cps, pps_in, pps_out, bps_in, bps_out],
        [7, 21, 14, 840, 560]
    );
    // The files tell the same: 420 connections are 1A4, 1260 packets 4EC, 840 348, 50400 bytes C4E0, 33600 8340.
    let stats = String::from_utf8(director.live.file(&KernelFile::Stats).unwrap()).unwrap();
    assert!(
        stats.contains("     1A4      4EC      348             C4E0             8340\n"),
        "{stats}"
    );
    assert!(
        stats.contains("       7       15        E              348              230\n"),
        "{stats}"
    );
    let percpu = String::from_utf8(director.live.file(&KernelFile::StatsPerCpu).unwrap()).unwrap();
    assert!(
        percpu.contains(
            "  0      1A4      4EC      348             C4E0             8340\n  ~      1A4"
        ),
        "{percpu}"
    );
}

/// What is counted between the last copy and the zeroing comes with the next copy.
#[test]
fn zeroing_hides_what_was_copied() {
    let mut director = Simulation::of(
        Flavour::CLASSIC,
        &json!([{ "id": "udp://10.0.0.1:53", "scheduler": "rr", "destinations": [{ "id": "10.1.0.1:53" }] }]),
    );
    let send = |director: &Simulation| director.udp("10.64.0.1:1", "10.0.0.1:53", &"x".repeat(100));
    (0..3).for_each(|_| drop(send(&director)));
    director.wait(2_000);
    (0..7).for_each(|_| drop(send(&director)));
    let key = ServiceKey::parse("udp://10.0.0.1:53").unwrap();
    director.act(Operation::Zero(Some(key)));
    assert_eq!(director.counters(), [0; 10]);
    director.wait(2_000);
    // 7 packets: e = 7 * 512 / 4 = 896, shown 1; 896 bytes: e = 896 * 16 / 4 = 3584, shown 112.
    assert_eq!(director.counters(), [0, 7, 0, 896, 0, 0, 1, 0, 112, 0]);
    assert_eq!(
        director.open()[0].1,
        [0, 1, 0],
        "connections are not zeroed"
    );
}

/// While estimation is off nothing is copied; the first copy after that has the gap.
#[test]
fn a_pause_of_estimation_freezes_what_is_shown() {
    let mut director = plain(1);
    director.tcp("10.64.0.1:1", VIP, "S");
    director.wait(2_000);
    director.set("run_estimation", 0);
    director.tcp("10.64.0.2:1", VIP, "S");
    director.wait(100_000);
    let frozen = director.counters();
    assert_eq!(frozen[..6], [1, 1, 0, 40, 0, 0]);
    assert_eq!(
        frozen[8], 5,
        "40 bytes: e = 160, shown 5, and no less after a while"
    );
    director.set("run_estimation", 1);
    assert_eq!(director.counters(), frozen);
    director.wait(2_000);
    assert_eq!(director.counters()[..5], [2, 2, 0, 80, 0]);
}

/// A template that holds a connection when its time ends gets 60 s, and keeps 60 s as its timeout.
#[test]
fn a_template_that_is_held_goes_in_rounds_of_sixty_seconds() {
    let more = json!({ "persistence": { "timeout_seconds": 10, "netmask": "255.255.255.255" } });
    let mut director = Simulation::of(Flavour::CLASSIC, &web(2, &more));
    assert_eq!(director.tcp("10.64.0.1:1", VIP, "S"), "10.1.0.2:80");
    director.tcp("10.64.0.1:1", VIP, "A");
    let template = |director: &mut Simulation| {
        director
            .connections()
            .iter()
            .find(|line| line.contains(" 0000 0A000001"))
            .cloned()
    };
    assert_eq!(
        template(&mut director).unwrap(),
        "TCP 0A400001 0000 0A000001 0050 0A010002 0050 ASSURED 10"
    );
    director.wait(9_999);
    assert_eq!(
        template(&mut director).unwrap().split(' ').next_back(),
        Some("0")
    );
    director.wait(1);
    assert_eq!(
        template(&mut director).unwrap().split(' ').next_back(),
        Some("60")
    );
    director.wait(30_000);
    // Another connection of the client: its template is armed with 60 s, not with the service's 10.
    assert_eq!(director.tcp("10.64.0.1:2", VIP, "S"), "10.1.0.2:80");
    assert_eq!(
        template(&mut director).unwrap().split(' ').next_back(),
        Some("60")
    );
    assert_eq!(director.open()[0].1, [2, 0, 1]);
    // The connections end: the established one after 900 s, the other after 60 s. The round that follows ends the template.
    director.wait(900_000);
    assert!(template(&mut director).is_none());
    assert_eq!(director.open()[0].1, [0, 0, 0]);
}

/// The real server of a persistent client is kept at weight 0 and when it is overloaded.
#[test]
fn persistence_spans_ports_by_mark_and_networks_by_mask() {
    let service = json!([{ "id": "fwmark://5", "scheduler": "rr", "persistence": { "timeout_seconds": 100, "netmask": "255.255.0.0" },
        "destinations": [{ "id": "10.1.0.1:0", "forwarding": "masquerading" }, { "id": "10.1.0.2:0", "forwarding": "masquerading" }] }]);
    let mut director = Simulation::of(Flavour::CLASSIC, &service);
    let send = |director: &Simulation, client: &str, to: &str, content: Content<'_>| {
        director.given(&Packet {
            mark: 5,
            ..Packet::new(client.parse().unwrap(), to.parse().unwrap(), content, 0)
        })
    };
    let syn = Content::Tcp(TcpFlags::from_letters("S"));
    assert_eq!(
        send(&director, "10.64.1.1:1", "10.9.0.1:80", syn),
        "10.1.0.2:80"
    );
    assert_eq!(
        send(&director, "10.64.2.2:1", "10.9.0.2:443", syn),
        "10.1.0.2:443"
    );
    assert_eq!(
        send(&director, "10.64.3.3:1", "10.9.0.2:53", Content::Udp(b"")),
        "10.1.0.2:53"
    );
    assert_eq!(
        send(&director, "10.65.1.1:1", "10.9.0.1:80", syn),
        "10.1.0.1:80"
    );
    assert!(
        director
            .connections()
            .contains(&"IP 0A400000 0000 00000005 0000 0A010002 0000 NONE 100".to_owned())
    );
    director.edit(
        "fwmark://5",
        "10.1.0.2:0",
        &json!({ "forwarding": "masquerading", "weight": 0 }),
    );
    assert_eq!(
        send(&director, "10.64.1.1:2", "10.9.0.1:80", syn),
        "10.1.0.2:80"
    );
    director.set("expire_quiescent_template", 1);
    assert_eq!(
        send(&director, "10.64.1.1:3", "10.9.0.1:80", syn),
        "10.1.0.1:80"
    );
    assert!(
        director
            .connections()
            .contains(&"IP 0A400000 0000 00000005 FFFF 0A010002 FFFF NONE 100".to_owned())
    );
    // Unmarked packets are none of its business.
    assert_eq!(director.tcp("10.64.1.1:4", "10.9.0.1:80", "S"), "passed");
}

/// With `--pe sip` the Call-ID is part of the template; what has none is dropped.
#[test]
fn a_call_stays_with_its_server() {
    let service = json!([{ "id": "udp://10.0.0.1:5060", "scheduler": "rr", "one_packet": true,
        "persistence": { "timeout_seconds": 100, "netmask": "0.0.0.0", "engine": "sip" },
        "destinations": [{ "id": "10.1.0.1:5060" }, { "id": "10.1.0.2:5060" }] }]);
    let mut director = Simulation::of(Flavour::CLASSIC, &service);
    let call = |id: &str| format!("INVITE sip:a@b SIP/2.0\r\nCall-ID: {id}\r\n\r\n");
    let to = "10.0.0.1:5060";
    assert_eq!(
        director.udp("10.64.0.1:1", to, &call("one")),
        "10.1.0.2:5060"
    );
    assert_eq!(
        director.udp("10.64.0.2:1", to, &call("two")),
        "10.1.0.1:5060"
    );
    assert_eq!(
        director.udp("10.64.0.3:1", to, &call("one")),
        "10.1.0.2:5060"
    );
    assert_eq!(
        director.udp("10.64.0.3:1", to, &call("two")),
        "10.1.0.1:5060"
    );
    assert_eq!(director.udp("10.64.0.3:1", to, "nothing"), "dropped");
    assert_eq!(director.udp("10.64.0.3:1", to, ""), "dropped");
    let wanted = [
        "UDP 00000000 0000 0A000001 13C4 0A010001 13C4 NONE 100 sip two",
        "UDP 00000000 0000 0A000001 13C4 0A010002 13C4 NONE 100 sip one",
    ];
    assert_eq!(director.connections(), wanted);
    assert_eq!(
        director.open()[0].1,
        [0, 0, 1],
        "packets leave nothing behind"
    );
}

/// One packet of three that would open a connection goes, beginning with the first; others are not touched.
#[test]
fn drop_packet_drops_one_of_so_many() {
    let mut director = plain(1);
    director.tcp("10.64.0.1:1", VIP, "S");
    director.set("am_droprate", 3);
    director.set("drop_packet", 3);
    assert_eq!(
        director.tcp("10.64.0.2:1", VIP, "S"),
        "10.1.0.1:80",
        "the kernel looks once a second"
    );
    director.wait(1_000);
    let fates: Vec<bool> = (10..16)
        .map(|host| director.tcp(&format!("10.64.0.{host}:1"), VIP, "S") == "dropped")
        .collect();
    assert_eq!(fates, [true, false, false, true, false, false]);
    assert!((0..9).all(|_| director.tcp("10.64.0.1:1", VIP, "A") == "10.1.0.1:80"));
    director.set("drop_packet", 0);
    director.wait(1_000);
    assert!((20..26).all(|host| director.tcp(&format!("10.64.0.{host}:1"), VIP, "S") != "dropped"));
}

/// Half-open connections go, about 1 of 32 a second; what is established, and was busy, stays. The same seed drops the same.
#[test]
fn drop_entry_drops_what_is_not_yet_a_connection() {
    let run = |seed: u64| {
        let mut director = plain(1);
        director.kernel.seed(seed);
        for host in 0..200 {
            director.tcp(&format!("10.64.0.{host}:1"), VIP, "S");
            director.tcp(&format!("10.64.1.{host}:1"), VIP, "S");
            director.tcp(&format!("10.64.1.{host}:1"), VIP, "A");
        }
        director.set("drop_entry", 3);
        director.wait(20_000);
        let left = director.connections();
        let of = |state: &str| left.iter().filter(|line| line.contains(state)).count();
        assert_eq!(of("ESTABLISHED"), 200);
        let half_open = of("SYN_RECV");
        // 200 * (31/32)^20 = 106.
        assert!((80..135).contains(&half_open), "{half_open}");
        // Established ones that were idle for a minute go in their turn: of those with 2 packets every other one that is seen.
        director.wait(50_000);
        let idle = director.connections().len();
        assert!((100..200).contains(&idle), "{idle}");
        left
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

/// Memory is never short in a simulation: the automatic modes do nothing, and say so.
#[test]
fn automatic_modes_find_memory_enough() {
    let mut director = plain(1);
    for mode in ["drop_entry", "drop_packet", "secure_tcp"] {
        director.set(mode, 2);
    }
    director.wait(1_000);
    for mode in ["drop_entry", "drop_packet", "secure_tcp"] {
        let value = director
            .live
            .file(&KernelFile::Sysctl(mode.to_owned()))
            .unwrap();
        assert_eq!(value, b"1\n", "{mode}");
    }
}

/// With `secure_tcp` an ACK of the client alone makes no connection.
#[test]
fn secure_tcp_waits_for_the_server() {
    let mut director = plain(1);
    director.set("secure_tcp", 3);
    director.wait(1_000);
    director.tcp("10.64.0.1:1", VIP, "S");
    director.tcp("10.64.0.1:1", VIP, "A");
    assert!(director.connections()[0].contains("SYN_RECV"));
    director.reply("10.1.0.1:80", "10.64.0.1:1", "SA");
    assert!(director.connections()[0].contains("SYNACK"));
}

/// Marked packets that nobody takes go where they are addressed, with an entry, and nothing is counted.
#[test]
fn cache_bypass_lets_marked_packets_by() {
    let mut director = Simulation::of(
        Flavour::CLASSIC,
        &json!([{ "id": "fwmark://5", "scheduler": "rr" }]),
    );
    let send = |director: &Simulation, to: &str| {
        let content = Content::Tcp(TcpFlags::from_letters("S"));
        director.given(&Packet {
            mark: 5,
            ..Packet::new(
                "10.64.0.1:9".parse().unwrap(),
                to.parse().unwrap(),
                content,
                0,
            )
        })
    };
    assert_eq!(send(&director, "192.0.2.9:80"), "refused");
    director.set("cache_bypass", 1);
    assert_eq!(send(&director, "192.0.2.9:80"), "bypassed");
    assert_eq!(send(&director, "127.0.0.1:80"), "refused");
    assert_eq!(
        director.connections(),
        ["TCP 0A400001 0009 C0000209 0050 00000000 0000 SYN_RECV 60"]
    );
    director.wait(2_000);
    assert_eq!(director.counters(), [0; 10]);
}

#[test]
fn a_backup_directs_nothing_if_told_so() {
    let mut director = plain(1);
    director.act(Operation::StartDaemon(ipvsh::model::SyncDaemon {
        role: ipvsh::model::DaemonRole::Backup,
        interface: "lo".to_owned(),
        sync_id: 0,
        sync_maxlen: None,
        group: "224.0.0.81".parse().unwrap(),
        port: 8848,
        ttl: 1,
    }));
    assert_eq!(director.tcp("10.64.0.1:1", VIP, "S"), "10.1.0.1:80");
    director.set("backup_only", 1);
    assert_eq!(director.tcp("10.64.0.1:1", VIP, "A"), "passed");
    assert_eq!(
        director.reply("10.1.0.1:80", "10.64.0.1:1", "SA"),
        Answer::Unchanged
    );
}

/// A real server without a connection is told so, unless it ends one itself.
#[test]
fn nat_icmp_send_tells_real_servers() {
    let mut director = plain(1);
    let reply =
        |director: &Simulation, from: &str, flags: &str| director.reply(from, "10.64.0.1:1", flags);
    assert_eq!(reply(&director, "10.1.0.1:80", "A"), Answer::Unchanged);
    director.set("nat_icmp_send", 1);
    assert_eq!(reply(&director, "10.1.0.1:80", "A"), Answer::Refused);
    assert_eq!(reply(&director, "10.1.0.1:80", "R"), Answer::Unchanged);
    assert_eq!(reply(&director, "10.1.0.9:80", "A"), Answer::Unchanged);
}

/// With connection tracking a client that comes again is dropped once, then scheduled anew.
#[test]
fn a_tracked_connection_that_is_over_costs_a_packet() {
    let mut director = plain(2);
    director.set("conntrack", 1);
    assert_eq!(director.tcp("10.64.0.1:1", VIP, "S"), "10.1.0.2:80");
    director.reply("10.1.0.2:80", "10.64.0.1:1", "R");
    assert_eq!(director.tcp("10.64.0.1:1", VIP, "S"), "dropped");
    director.wait(10);
    assert_eq!(director.tcp("10.64.0.1:1", VIP, "S"), "10.1.0.1:80");
}

/// An ICMP error follows the entry that it is about; it counts, and changes neither state nor timer.
#[test]
fn errors_follow_their_connection() {
    let mut director = plain(1);
    let syn = Content::Tcp(TcpFlags::from_letters("S"));
    let error = |from: &str, to: &str| Packet {
        kind: Kind::Error,
        ..Packet::new(from.parse().unwrap(), to.parse().unwrap(), syn, 0)
    };
    assert_eq!(director.given(&error("10.64.0.1:1", VIP)), "passed");
    director.tcp("10.64.0.1:1", VIP, "S");
    director.wait(30_000);
    let before = director.connections();
    assert_eq!(director.given(&error("10.64.0.1:1", VIP)), "10.1.0.1:80");
    let answer = director.kernel.reply(&error("10.1.0.1:80", "10.64.0.1:1"));
    assert_eq!(answer, Answer::Translated(VIP.parse().unwrap()));
    assert_eq!(director.connections(), before);
    director.wait(2_000);
    assert_eq!(director.counters()[..5], [1, 2, 1, 80, 40]);
}

/// A deleted server that nothing leads to is remembered, with what it counted, until the third look through the trash 180 s later.
#[test]
fn the_trash_keeps_a_server_for_three_minutes() {
    let again = |director: &mut Simulation| {
        director.act(Operation::AddDestination {
            service: ServiceKey::parse(WEB).unwrap(),
            key: crate::support::server("10.1.0.1:80"),
            configuration: ipvsh::model::DestinationConfiguration {
                forwarding: ipvsh::model::ForwardingMethod::Masquerading,
                ..Default::default()
            },
        });
    };
    for (wait, counted) in [(179_999, 1), (180_000, 0)] {
        let mut director = plain(1);
        director.tcp("10.64.0.1:1", VIP, "S");
        director.wait(60_000);
        director.delete(WEB, "10.1.0.1:80");
        director.wait(wait);
        again(&mut director);
        let listed = director
            .live
            .listed(None, ipvsh::backend::Counted::Everything)
            .unwrap();
        let counters = listed[0].destinations[0].1.observed.counters();
        assert_eq!(counters.connections, counted, "{wait}");
    }
    // A connection that lives holds the server for as long as that takes, and is led to it again.
    let mut director = plain(1);
    director.tcp("10.64.0.1:1", VIP, "S");
    director.tcp("10.64.0.1:1", VIP, "A");
    director.delete(WEB, "10.1.0.1:80");
    assert_eq!(director.tcp("10.64.0.1:1", VIP, "A"), "dropped");
    director.wait(899_000);
    again(&mut director);
    assert_eq!(director.open()[0].1, [1, 0, 0]);
    assert_eq!(director.tcp("10.64.0.1:1", VIP, "A"), "10.1.0.1:80");
}

/// The last service of a family takes all balancing of it along; connections stay in the table until they end.
#[test]
fn without_a_service_nothing_is_looked_at() {
    let mut director = plain(1);
    director.tcp("10.64.0.1:1", VIP, "S");
    director.act(Operation::Flush);
    assert_eq!(director.tcp("10.64.0.1:1", VIP, "A"), "passed");
    assert_eq!(director.connections().len(), 1);
    director.wait(60_000);
    assert_eq!(director.connections().len(), 0);
}

/// New timeouts hold from the next packet of a connection on.
#[test]
fn timeouts_hold_from_the_next_packet() {
    let mut director = plain(1);
    director.tcp("10.64.0.1:1", VIP, "S");
    director.tcp("10.64.0.1:1", VIP, "A");
    director.act(Operation::SetTimeouts(Timeouts {
        tcp_seconds: 30,
        tcp_fin_seconds: 20,
        udp_seconds: 10,
    }));
    assert!(director.connections()[0].ends_with("ESTABLISHED 900"));
    director.tcp("10.64.0.1:1", VIP, "A");
    assert!(director.connections()[0].ends_with("ESTABLISHED 30"));
    // A timer that was put off, and then set earlier, is exact.
    director.wait(29_999);
    assert_eq!(director.connections().len(), 1);
    director.wait(1);
    assert_eq!(director.connections().len(), 0);
}

/// `twos` draws by weight: of weights 3 and 1, both idle, the first of the list is drawn with (w + 1) / (T + 1).
#[test]
fn twos_draws_by_weight() {
    let service = json!([{ "id": "udp://10.0.0.1:53", "scheduler": "twos", "one_packet": true,
        "destinations": [{ "id": "10.1.0.1:53", "weight": 3 }, { "id": "10.1.0.2:53", "weight": 1 }] }]);
    let director = Simulation::of(Flavour::STABLE, &service);
    director.kernel.seed(4);
    let first = (0..20_000u32)
        .filter(|number| {
            director.udp(
                &format!("10.64.{}.{}:1", number / 250, number % 250),
                "10.0.0.1:53",
                "",
            ) == "10.1.0.2:53"
        })
        .count();
    // One-packet connections leave no load, and the first draw wins: (1 + 1) / (4 + 1) of 20,000 are 8,000, give or take 3 * 69.
    assert!((7_790..8_210).contains(&first), "{first}");
}

/// `ovf`: as many as the weight are not yet too many, so each gets one more than that; then the client is refused.
#[test]
fn ovf_fills_one_server_after_the_other() {
    let service = json!([{ "id": WEB, "scheduler": "ovf", "destinations": [
        { "id": "10.1.0.1:80", "forwarding": "masquerading", "weight": 1 },
        { "id": "10.1.0.2:80", "forwarding": "masquerading", "weight": 2 },
    ] }]);
    let director = Simulation::of(Flavour::CLASSIC, &service);
    let chosen: Vec<String> = (1..=6)
        .map(|host| director.tcp(&format!("10.64.0.{host}:1"), VIP, "S"))
        .collect();
    let (large, small) = ("10.1.0.2:80", "10.1.0.1:80");
    assert_eq!(chosen, [large, large, large, small, small, "refused"]);
}

/// A connection that gives way to a new one of the same client counts until the next tick of 10 ms.
#[test]
fn what_gives_way_goes_with_the_next_tick() {
    let mut director = plain(2);
    director.tcp("10.64.0.1:1", VIP, "S");
    director.reply("10.1.0.2:80", "10.64.0.1:1", "R");
    assert_eq!(director.tcp("10.64.0.1:1", VIP, "S"), "10.1.0.1:80");
    director.wait(9);
    assert_eq!(director.connections().len(), 2);
    assert_eq!(director.open()[0].1, [0, 1, 0]);
    director.wait(1);
    assert_eq!(director.connections().len(), 1);
    assert_eq!(director.open()[0].1, [0, 0, 0]);
}

/// Without a lower threshold a server is open again below three quarters of the upper one: of 4, at 2 and not at 3. Newer kernels look
/// when 3, which is 4 - 4/4, is crossed downwards: the same.
#[test]
fn three_quarters_of_the_threshold_are_not_yet_below() {
    for flavour in [Flavour::CLASSIC, Flavour::NEWER] {
        let server =
            json!({ "id": "10.1.0.1:80", "forwarding": "masquerading", "upper_threshold": 4 });
        let mut director = Simulation::of(flavour, &web(0, &json!({ "destinations": [server] })));
        for second in 0..4 {
            let client = format!("10.64.0.{second}:1");
            assert_eq!(director.tcp(&client, VIP, "S"), "10.1.0.1:80");
            director.wait(1_000);
        }
        assert_eq!(director.tcp("10.64.0.9:1", VIP, "S"), "refused");
        director.wait(56_000);
        assert_eq!(director.connections().len(), 3);
        assert_eq!(director.tcp("10.64.0.9:1", VIP, "S"), "refused", "3 of 4");
        director.wait(1_000);
        assert_eq!(
            director.tcp("10.64.0.9:1", VIP, "S"),
            "10.1.0.1:80",
            "2 of 4"
        );
    }
}

/// Of several flags RST counts before SYN, SYN before FIN, FIN before ACK.
#[test]
fn of_several_flags_one_counts() {
    for (flags, state) in [
        ("SR", "CLOSE"),
        ("SF", "ESTABLISHED"),
        ("FA", "CLOSE_WAIT"),
        ("RFA", "CLOSE"),
    ] {
        let mut director = plain(1);
        director.tcp("10.64.0.1:1", VIP, "S");
        director.tcp("10.64.0.1:1", VIP, "A");
        director.tcp("10.64.0.1:1", VIP, flags);
        let shown = director.connections().remove(0);
        assert!(shown.contains(&format!(" {state} ")), "{flags}: {shown}");
    }
}

/// With `conn_reuse_mode` 2 a client that comes again is scheduled anew in FIN_WAIT too, if no reply was ever seen; behind address
/// translation, where replies are seen, it goes on with its server.
#[test]
fn a_finishing_connection_is_reused_only_without_replies() {
    for (method, again) in [
        ("masquerading", "10.1.0.2:80"),
        ("direct_routing", "10.1.0.1:80"),
    ] {
        let server = |id: &str| json!({ "id": id, "forwarding": method });
        let more = json!({ "destinations": [server("10.1.0.1:80"), server("10.1.0.2:80")] });
        let mut director = Simulation::of(Flavour::CLASSIC, &web(0, &more));
        director.set("conn_reuse_mode", 2);
        let client = "10.64.0.1:1";
        assert_eq!(director.tcp(client, VIP, "S"), "10.1.0.2:80");
        director.tcp(client, VIP, "A");
        if method == "masquerading" {
            // The server ends it first.
            director.reply("10.1.0.2:80", client, "FA");
        } else {
            director.tcp(client, VIP, "FA");
        }
        assert!(director.connections()[0].contains("FIN_WAIT"), "{method}");
        assert_eq!(director.tcp(client, VIP, "S"), again, "{method}");
    }
}

/// `lblcr`: who joins the set of an address stands in front, and is the first of equals.
#[test]
fn lblcr_puts_the_newest_of_a_set_in_front() {
    let server = |id: &str| json!({ "id": id, "forwarding": "masquerading" });
    let service = json!([{ "id": "fwmark://5", "scheduler": "lblcr",
        "destinations": [server("10.1.0.1:0"), server("10.1.0.2:0")] }]);
    let mut director = Simulation::of(Flavour::CLASSIC, &service);
    let send = |director: &Simulation, port: u16| {
        let content = Content::Tcp(TcpFlags::from_letters("S"));
        let client = format!("10.64.0.1:{port}").parse().unwrap();
        let packet = Packet::new(client, "10.9.0.1:80".parse().unwrap(), content, 0);
        director.given(&Packet { mark: 5, ..packet })
    };
    let chosen: Vec<String> = (1..=3).map(|port| send(&director, port)).collect();
    assert_eq!(chosen, ["10.1.0.2:80", "10.1.0.2:80", "10.1.0.1:80"]);
    director.wait(100_000);
    assert_eq!(send(&director, 4), "10.1.0.1:80", "both are idle");
}

/// A table that another program changed is taken over by what differs: connections, counters and schedulers go on.
#[test]
fn what_another_program_writes_leaves_connections_alone() {
    use ipvsh::backend::{Lock, LockError};
    use ipvsh::sim::{Snapshot, Store};

    /// A store in which something new lies once.
    struct Once(std::cell::RefCell<Option<Snapshot>>);

    impl Store for Once {
        fn newer(&self) -> Result<Option<Snapshot>, String> {
            Ok(self.0.borrow_mut().take())
        }
        fn lock(&self, _wait: Duration) -> Result<Lock, LockError> {
            unreachable!("nothing is committed")
        }
        fn boot_time(&self) -> Duration {
            Duration::ZERO
        }
    }

    let mut theirs = plain(3);
    theirs.add(&json!([{ "id": "tcp://10.0.0.2:80", "scheduler": "wlc", "destinations": [{ "id": "10.1.0.9:80", "weight": 7 }] }]));
    theirs.delete(WEB, "10.1.0.1:80");
    let masquerading = json!({ "forwarding": "masquerading", "weight": 0 });
    theirs.edit(WEB, "10.1.0.3:80", &masquerading);
    let mut director = plain(2);
    director.add(&json!([{ "id": "tcp://10.0.0.3:80", "scheduler": "rr" }]));
    for (client, server) in [
        ("10.64.0.1:1", "10.1.0.2:80"),
        ("10.64.0.2:1", "10.1.0.1:80"),
    ] {
        assert_eq!(director.tcp(client, VIP, "S"), server);
    }
    let store = Once(Some(theirs.kernel.snapshot()).into());
    let mut shared = director.kernel.another_socket();
    shared.share(Box::new(store));
    director.live = ipvsh::backend::Ipvs::open(Box::new(shared)).unwrap();
    let table = director.live.table().unwrap().configuration_only();
    assert_eq!(table, theirs.live.table().unwrap().configuration_only());
    assert_eq!(director.connections().len(), 2);
    let open = [
        ("10.1.0.3:80".to_owned(), [0, 0, 0]),
        ("10.1.0.2:80".to_owned(), [1, 0, 0]),
    ];
    let listed = director
        .live
        .listed(
            Some(&ServiceKey::parse(WEB).unwrap()),
            ipvsh::backend::Counted::Connections,
        )
        .unwrap();
    let found: Vec<(String, [u32; 3])> = listed[0]
        .destinations
        .iter()
        .map(|(key, entry)| {
            let open = entry.connections;
            (
                key.to_string(),
                [open.active, open.inactive, open.persistent],
            )
        })
        .collect();
    assert_eq!(found, open);
    assert_eq!(director.tcp("10.64.0.1:1", VIP, "A"), "10.1.0.2:80");
    assert_eq!(
        director.tcp("10.64.0.2:1", VIP, "A"),
        "dropped",
        "its server is gone"
    );
    assert_eq!(director.tcp("10.64.0.3:1", VIP, "S"), "10.1.0.2:80");
}

/// The files of connections have the kernel's columns.
#[test]
fn connections_are_listed_as_the_kernel_lists_them() {
    let service = json!([
        { "id": "tcp://10.0.0.1:443", "scheduler": "rr", "persistence": { "timeout_seconds": 360, "netmask": "255.255.255.0" },
          "destinations": [{ "id": "10.1.0.6:80", "forwarding": "masquerading" }] },
        { "id": "udp://[fd00::1]:53", "scheduler": "rr", "destinations": [{ "id": "[fd01::1]:53" }] },
    ]);
    let mut director = Simulation::of(Flavour::CLASSIC, &service);
    director.tcp("10.200.0.2:4002", "10.0.0.1:443", "S");
    director.tcp("10.200.0.2:4002", "10.0.0.1:443", "A");
    director.udp("[fd02::2]:1000", "[fd00::1]:53", "x");
    director.wait(1);
    let text = director.live.file(&KernelFile::Connections).unwrap();
    let wanted = "\
Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
TCP 0AC80000 0000 0A000001 01BB 0A010006 0050 ASSURED         359
TCP 0AC80002 0FA2 0A000001 01BB 0A010006 0050 ESTABLISHED     899
UDP fd02:0000:0000:0000:0000:0000:0000:0002 03E8 fd00:0000:0000:0000:0000:0000:0000:0001 0035 fd01:0000:0000:0000:0000:0000:0000:0001 0035 UDP             299
";
    assert_eq!(String::from_utf8(text).unwrap(), wanted);
    let text = director.live.file(&KernelFile::ConnectionsSync).unwrap();
    let text = String::from_utf8(text).unwrap();
    let line = "TCP 0AC80002 0FA2 0A000001 01BB 0A010006 0050 ESTABLISHED LOCAL      899\n";
    assert!(text.contains(line), "{text}");
}

/// The drop-in's lists show what the simulated kernel does.
#[test]
fn the_lists_of_the_drop_in_show_it_all() {
    use ipvsh::backend::{ConnectionLines, Counted};
    use ipvsh::ipvsadm::text::{Layout, Listing, Numeric, connection_rows, listing};

    let more = json!({ "persistence": { "timeout_seconds": 360, "netmask": "255.255.255.0" } });
    let mut director = Simulation::of(Flavour::CLASSIC, &web(1, &more));
    director.tcp("10.64.0.7:4002", VIP, "S");
    director.tcp("10.64.0.7:4002", VIP, "A");
    director.reply("10.1.0.1:80", "10.64.0.7:4002", "A");
    director.wait(2_000);
    let mut rows = Vec::new();
    let mut lines = ConnectionLines::default();
    let file = director.live.file(&KernelFile::Connections).unwrap();
    lines.take(&file, &mut |entries| {
        connection_rows(&mut rows, entries, false, &Numeric);
    });
    let rows = String::from_utf8(rows).unwrap();
    let mut sorted: Vec<&str> = rows.lines().collect();
    sorted.sort_unstable();
    let wanted = [
        "TCP 05:58  ASSURED     10.64.0.0:0        10.0.0.1:80        10.1.0.1:80",
        "TCP 14:58  ESTABLISHED 10.64.0.7:4002     10.0.0.1:80        10.1.0.1:80",
    ];
    assert_eq!(sorted, wanted);
    let services = director.live.listed(None, Counted::Everything).unwrap();
    for (layout, row) in [
        (Layout::Plain, "-> 10.1.0.1:80 Masq 1 1 0"),
        (Layout::Stats, "-> 10.1.0.1:80 1 2 1 80 40"),
        (Layout::Rate, "-> 10.1.0.1:80 0 0 0 10 5"),
        (Layout::PersistentConn, "-> 10.1.0.1:80 1 1 1 0"),
    ] {
        let mut shown = Vec::new();
        listing(
            &mut shown,
            &Listing {
                services: &services,
                layout,
                exact: false,
                names: &Numeric,
                kernel: None,
            },
        );
        let shown = String::from_utf8(shown).unwrap();
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let last = shown.lines().last().map(words).unwrap();
        assert!(last.starts_with(row), "{last}");
    }
}

/// A commit to a simulated table that is not confirmed rolls back at its time of the simulation's clock.
#[test]
fn confirmation_is_awaited_on_the_clock_of_the_simulation() {
    let folder = tempfile::tempdir().unwrap();
    let begin = "transaction #{ confirm: \"10s\" } { service::add(\"tcp://192.0.2.1:80\"); }\nsleep(\"9s\");\n";
    let late = format!(
        "{begin}print(service::list().len());\nsleep(\"2s\");\nprint(service::list().len());\n"
    );
    let confirmed = format!("{begin}confirm();\nsleep(\"1h\");\nprint(service::list().len());\n");
    for place in ["--sim", "--sim-state=a.json"] {
        let _gone = std::fs::remove_file(folder.path().join("a.json"));
        let ran = crate::support::ipvsh(folder.path(), &[place, "eval", &late]);
        assert_eq!(
            (ran.stdout.as_str(), ran.status),
            ("1\n0\n", 0),
            "{}",
            ran.stderr
        );
        assert!(
            ran.stderr
                .contains("was not confirmed in time and is rolled back"),
            "{}",
            ran.stderr
        );
        let ran = crate::support::ipvsh(folder.path(), &[place, "eval", &confirmed]);
        assert_eq!(
            (ran.stdout.as_str(), ran.status),
            ("1\n", 0),
            "{}",
            ran.stderr
        );
    }
}

/// lblc forgets an address that was not used for its lifetime with the 30th look at its map, after half an hour.
#[test]
fn lblc_forgets_what_is_not_used() {
    for (at, server) in [(1_799_000, "10.1.0.2:80"), (1_800_000, "10.1.0.1:80")] {
        let service = json!([{ "id": "fwmark://5", "scheduler": "lblc", "destinations": [
            { "id": "10.1.0.1:0", "forwarding": "masquerading", "weight": 5 },
            { "id": "10.1.0.2:0", "forwarding": "masquerading", "weight": 5 },
        ] }]);
        let mut director = Simulation::of(Flavour::CLASSIC, &service);
        let send = |director: &Simulation, port: u16, letters: &str| {
            let content = Content::Tcp(TcpFlags::from_letters(letters));
            let client = format!("10.64.0.1:{port}").parse().unwrap();
            let packet = Packet::new(client, "10.9.0.1:80".parse().unwrap(), content, 0);
            director.given(&Packet { mark: 5, ..packet })
        };
        let lifetime = KernelFile::Sysctl("lblc_expiration".to_owned());
        assert_eq!(director.live.file(&lifetime).unwrap(), b"86400\n");
        director.set("lblc_expiration", 600);
        assert_eq!(send(&director, 1, "S"), "10.1.0.2:80");
        // The other one has less load, and the address stays where it is.
        send(&director, 1, "A");
        assert_eq!(send(&director, 2, "S"), "10.1.0.2:80");
        for _ in 0..2 {
            director.wait(850_000);
            send(&director, 1, "A");
        }
        director.wait(at - 1_700_000);
        assert_eq!(send(&director, 3, "S"), server, "after {at} ms");
    }
}

/// What is planned happens at its time, in order, and is part of a savepoint.
#[test]
fn what_is_planned_happens_at_its_time() {
    let mut director = plain(2);
    let packet = |client: &str, letters: &str| PlannedPacket {
        source: client.parse().unwrap(),
        destination: VIP.parse().unwrap(),
        content: PlannedContent::Tcp(TcpFlags::from_letters(letters)),
        mark: 0,
        payload: 0,
    };
    let at = Duration::from_secs;
    director
        .kernel
        .plan(at(10), Happening::Packet(packet("10.64.0.1:1", "S")));
    director
        .kernel
        .plan(at(20), Happening::Packet(packet("10.64.0.2:1", "S")));
    let delete = Operation::DeleteDestination {
        service: ServiceKey::parse(WEB).unwrap(),
        key: crate::support::server("10.1.0.2:80"),
    };
    director.kernel.plan(
        at(15),
        Happening::Request(Box::new(delete.request().unwrap())),
    );
    director.wait(9_999);
    assert_eq!(director.connections().len(), 0);
    let savepoint = director.kernel.snapshot();
    for _ in 0..2 {
        director.wait(20_001);
        let wanted = [
            "TCP 0A400001 0001 0A000001 0050 0A010002 0050 SYN_RECV 40",
            "TCP 0A400002 0001 0A000001 0050 0A010001 0050 SYN_RECV 50",
        ];
        assert_eq!(director.connections(), wanted);
        assert_eq!(director.open().len(), 1);
        // The clock does not go back: what was planned has been due since, and happens at once.
        director.kernel.restore(savepoint.clone());
        assert_eq!(director.connections().len(), 2);
        director = plain(2);
        director.kernel.restore(savepoint.clone());
        assert_eq!(director.kernel.now(), Duration::from_millis(9_999));
    }
}

/// Of 100,000 clients, those of the server that goes move, and of the others as many as the tables say.
#[test]
fn removing_a_server_moves_the_share_that_theory_gives() {
    for (scheduler, theory) in [("sh", moved_by_sh()), ("mh", moved_by_mh())] {
        let mut director = Simulation::of(
            Flavour::CLASSIC,
            &web(10, &json!({ "scheduler": scheduler })),
        );
        let look_up = |director: &Simulation| -> Vec<String> {
            let client = |number: u32| std::net::Ipv4Addr::from_bits(0x0a40_0000 + number);
            (0..100_000)
                .map(|number| director.tcp(&format!("{}:1", client(number)), VIP, "S"))
                .collect()
        };
        let before = look_up(&director);
        director.delete(WEB, "10.1.0.10:80");
        director.wait(100_000);
        let after = look_up(&director);
        let moved = before
            .iter()
            .zip(&after)
            .filter(|(before, after)| before != after)
            .count();
        let lost = before
            .iter()
            .filter(|server| *server == "10.1.0.10:80")
            .count();
        let share = moved as f64 / 1e5;
        // Clients fall into 256 buckets or 4093 slots as evenly as hashes do: a hundredth is far beyond chance.
        assert!(
            (share - theory).abs() < 0.01,
            "{scheduler}: {share} of the clients moved, {theory} of the table"
        );
        assert!(
            (lost as f64 / 1e5 - 0.1).abs() < 0.015,
            "{scheduler}: {lost}"
        );
    }
}

/// The buckets of 10 equal servers are dealt in turn, so those of 9 are others but where both turns agree.
fn moved_by_sh() -> f64 {
    // The newest of ten goes: it is the first of the list.
    let moved = (0..256)
        .filter(|bucket| (bucket % 10) != (bucket % 9) + 1)
        .count();
    moved as f64 / 256.0
}

/// Maglev as its paper has it, over the same hashes.
fn moved_by_mh() -> f64 {
    let table = |servers: std::ops::RangeInclusive<u32>| -> Vec<u32> {
        let mut slots = vec![0; 4093];
        // The newest first.
        let mut takers: Vec<(u32, u64, u64)> = servers
            .rev()
            .map(|host| {
                let value = 0x0a01_0000 + host + 80;
                (
                    host,
                    half_sip(value, 2_654_435_761) % 4093,
                    half_sip(value, 2_654_446_892) % 4092 + 1,
                )
            })
            .collect();
        let mut left = slots.len();
        'all: loop {
            for (host, next, skip) in &mut takers {
                while slots[usize::try_from(*next).unwrap()] != 0 {
                    *next = (*next + *skip) % 4093;
                }
                slots[usize::try_from(*next).unwrap()] = *host;
                left -= 1;
                if left == 0 {
                    break 'all slots;
                }
            }
        }
    };
    let (ten, nine) = (table(1..=10), table(1..=9));
    let moved = ten
        .iter()
        .zip(&nine)
        .filter(|(before, after)| before != after)
        .count();
    moved as f64 / 4093.0
}

/// SipHash-1-3 of four bytes, its low half, from its definition.
fn half_sip(value: u32, key: u64) -> u64 {
    let mut v = [
        0x736f_6d65_7073_6575 ^ key,
        0x646f_7261_6e64_6f6d ^ key,
        0x6c79_6765_6e65_7261 ^ key,
        0x7465_6462_7974_6573u64 ^ key,
    ];
    let round = |v: &mut [u64; 4]| {
        v[0] = v[0].wrapping_add(v[1]);
        v[2] = v[2].wrapping_add(v[3]);
        v[1] = v[1].rotate_left(13) ^ v[0];
        v[3] = v[3].rotate_left(16) ^ v[2];
        v[0] = v[0].rotate_left(32);
        v[2] = v[2].wrapping_add(v[1]);
        v[0] = v[0].wrapping_add(v[3]);
        v[1] = v[1].rotate_left(17) ^ v[2];
        v[3] = v[3].rotate_left(21) ^ v[0];
        v[2] = v[2].rotate_left(32);
    };
    let block = 4u64 << 56 | u64::from(value);
    v[3] ^= block;
    round(&mut v);
    v[0] ^= block;
    v[2] ^= 0xff;
    (0..3).for_each(|_| round(&mut v));
    (v[0] ^ v[1] ^ v[2] ^ v[3]) & 0xffff_ffff
}
