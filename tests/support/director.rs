//! A real kernel as a director, packet by packet: one network namespace with a table, another one at the other end of its cable, where
//! every client and every server is this program.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use ipvsh::backend::{
    ConnectionLines, Counted, Fate, Ipvs, KernelFile, KernelTransport, Operation,
};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, bind, recv, send, socket,
};
use serde_json::{Value, json};

use super::frames::{Mac, SCTP, Seen, Sent, TCP, UDP, What, read};
use super::system;

const DIRECTOR: Mac = [2, 0, 0, 0, 1, 1];
const WIRE: Mac = [2, 0, 0, 0, 1, 2];
const CLIENTS: Mac = [2, 0, 0, 0, 2, 0];

fn server_mac(index: usize) -> Mac {
    let [_, _, _, _, _, _, high, low] = (index as u64).to_be_bytes();
    [2, 0, 0, 0, 0x30 + high, low]
}

fn text(mac: Mac) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// What a world is made of.
pub(crate) struct Layout {
    pub(crate) protocol: &'static str,
    pub(crate) is_v6: bool,
    pub(crate) mark: u32,
    /// Addresses of the director that clients talk to.
    pub(crate) virtuals: Vec<IpAddr>,
    /// Every address that a server ever has.
    pub(crate) servers: Vec<IpAddr>,
    pub(crate) sysctl: BTreeMap<&'static str, i64>,
    /// The host does not answer what is left to it: what it says to a client is for the kernel a packet of that client's
    /// connection, if its server has the virtual address too.
    pub(crate) is_silent: bool,
}

pub(crate) struct Director {
    layout: Layout,
    wire: OwnedFd,
    pub(crate) live: Ipvs,
    begun: Instant,
    places: BTreeMap<IpAddr, usize>,
}

fn command(lines: &[String], arguments: &str) {
    let script = format!(
        "ip -n play-director {arguments} -batch - <<'END'\n{}\nEND",
        lines.join("\n")
    );
    system(&script);
}

fn set(path: &str, value: &str) {
    let full = format!("/proc/sys/net/{path}");
    if let Err(error) = std::fs::write(&full, value) {
        panic!("{full}: {error}");
    }
}

impl Director {
    /// Makes both namespaces and moves this thread into the director's.
    pub(crate) fn make(layout: Layout) -> Self {
        // What limits ICMP belongs to the first namespace.
        nix::sched::setns(
            File::open("/proc/1/ns/net").unwrap(),
            nix::sched::CloneFlags::CLONE_NEWNET,
        )
        .unwrap();
        for (name, value) in [
            ("ipv4/icmp_msgs_per_sec", "1000000000"),
            ("ipv4/icmp_msgs_burst", "1000000000"),
        ] {
            // Newer kernels have one for each namespace.
            let _unlimited = std::fs::write(format!("/proc/sys/net/{name}"), value);
        }
        system(&format!(
            "ip netns delete play-director 2>/dev/null; ip netns delete play-wire 2>/dev/null
            set -e
            ip netns add play-director; ip netns add play-wire
            ip -n play-director link add dir0 address {} type veth peer name wire0 address {} netns play-wire
            ip -n play-wire link set wire0 addrgenmode none
            ip -n play-wire link set wire0 up",
            text(DIRECTOR), text(WIRE)
        ));
        let enter = |name: &str| {
            let namespace = File::open(format!("/run/netns/{name}")).unwrap();
            nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
        };
        enter("play-wire");
        let wire = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::EthAll,
        )
        .unwrap();
        let link = nix::ifaddrs::getifaddrs().unwrap().find(|link| {
            link.interface_name == "wire0"
                && link
                    .address
                    .is_some_and(|address| address.as_link_addr().is_some())
        });
        let link = link.unwrap().address.unwrap();
        bind(wire.as_raw_fd(), link.as_link_addr().unwrap()).unwrap();
        enter("play-director");
        for (name, value) in [
            ("ipv4/ip_forward", "1"),
            ("ipv4/icmp_ratelimit", "0"),
            ("ipv4/conf/all/rp_filter", "0"),
            ("ipv4/conf/dir0/rp_filter", "0"),
            ("ipv4/conf/all/accept_local", "1"),
            ("ipv4/conf/dir0/accept_local", "1"),
            ("ipv4/conf/all/send_redirects", "0"),
            ("ipv4/conf/dir0/send_redirects", "0"),
            ("ipv6/conf/all/forwarding", "1"),
            ("ipv6/conf/dir0/accept_dad", "0"),
            ("ipv6/icmp/ratelimit", "0"),
        ] {
            set(name, value);
        }
        let places = lay_out(&layout);
        let live = Ipvs::open(Box::new(KernelTransport::open().unwrap())).unwrap();
        for (name, value) in &layout.sysctl {
            set(&format!("ipv4/vs/{name}"), &value.to_string());
        }
        // The cable takes a while to be one.
        std::thread::sleep(Duration::from_secs(3));
        let made = Self {
            layout,
            wire,
            live,
            begun: Instant::now(),
            places,
        };
        made.read_all();
        made
    }

    /// The time of the scenario begins now.
    pub(crate) fn begin(&mut self) {
        self.begun = Instant::now();
    }

    /// Returns the milliseconds since then.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap()
    }

    pub(crate) fn wait_until(&self, milliseconds: u64) {
        let time = self.begun + Duration::from_millis(milliseconds);
        std::thread::sleep(time.saturating_duration_since(Instant::now()));
    }

    /// Does something to the table. Returns null, or the name of the error.
    pub(crate) fn act(&mut self, operation: Operation) -> Value {
        let done = self.live.execute(&[operation], &mut || true);
        match &done.fates[0] {
            Fate::Done => Value::Null,
            Fate::Refused(refusal) => refusal.errno.name().into(),
            other => panic!("{other:?}"),
        }
    }

    fn number(&self) -> u8 {
        match self.layout.protocol {
            "tcp" => TCP,
            "udp" => UDP,
            _ => SCTP,
        }
    }

    fn write(&self, source: SocketAddr, destination: SocketAddr, flags: &str, payload: usize) {
        let sent = Sent {
            protocol: self.number(),
            source,
            destination,
            flags,
            payload,
        };
        let frame = sent.frame(DIRECTOR, WIRE);
        assert_eq!(
            send(self.wire.as_raw_fd(), &frame, MsgFlags::empty()).unwrap(),
            frame.len()
        );
    }

    fn read_all(&self) -> Vec<Seen> {
        let mut seen = Vec::new();
        let mut buffer = [0; 2048];
        while let Ok(length) = recv(self.wire.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
            let frame = &buffer[..length];
            // What this program wrote comes back to it too.
            if frame.get(6..12) != Some(&WIRE[..]) {
                seen.extend(read(frame));
            }
        }
        seen
    }

    /// Sends a packet of a client. Returns where it went, in the words of scenarios.
    pub(crate) fn packet(
        &self,
        client: SocketAddr,
        to: SocketAddr,
        flags: &str,
        payload: usize,
    ) -> String {
        self.write(client, to, flags, payload);
        let mut fate = "drop".to_owned();
        for seen in self.read_all() {
            match seen.what {
                What::Packet {
                    destination,
                    resets,
                    ..
                } => {
                    let server = self
                        .places
                        .iter()
                        .find(|(_, index)| server_mac(**index) == seen.to);
                    if let Some((address, _)) = server {
                        return SocketAddr::new(*address, destination.port()).to_string();
                    }
                    if resets && seen.to == CLIENTS {
                        fate = if self.layout.mark == 0 {
                            "pass"
                        } else {
                            "none"
                        }
                        .to_owned();
                    }
                }
                What::Unreachable if seen.to == CLIENTS => {
                    fate = if self.layout.mark == 0 {
                        "refused"
                    } else {
                        "lost"
                    }
                    .to_owned();
                }
                What::Unreachable | What::Other => {}
            }
        }
        fate
    }

    /// Sends a packet of a server. Returns the source that the client sees if that is another one.
    pub(crate) fn reply(
        &self,
        server: SocketAddr,
        client: SocketAddr,
        flags: &str,
        payload: usize,
    ) -> String {
        self.write(server, client, flags, payload);
        for seen in self.read_all() {
            if let What::Packet { source, .. } = seen.what
                && seen.to == CLIENTS
                && source != server
            {
                return source.to_string();
            }
        }
        "none".to_owned()
    }

    /// Looks at the table: servers with their connections, and all connections or their number.
    pub(crate) fn look(&mut self, with_connections: bool) -> Value {
        let mut services = serde_json::Map::new();
        for service in self.live.listed(None, Counted::Connections).unwrap() {
            let servers = service.destinations.iter().map(|(key, entry)| {
                let open = entry.connections;
                json!([
                    key.to_string(),
                    entry.configuration.weight.get(),
                    open.active,
                    open.inactive,
                    open.persistent
                ])
            });
            services.insert(
                service.key.to_string(),
                servers.collect::<Vec<Value>>().into(),
            );
        }
        let mut found: Vec<String> = Vec::new();
        let mut lines = ConnectionLines::default();
        let mut keep = |entries: &[ipvsh::model::ConnectionEntry<'_>]| {
            let text = |end: (IpAddr, u16)| SocketAddr::from(end).to_string();
            found.extend(entries.iter().map(|entry| {
                format!(
                    "{} {} {} {} {} {}",
                    entry.protocol.to_ascii_lowercase(),
                    text(entry.source),
                    text(entry.asked),
                    text(entry.destination),
                    entry.state,
                    entry.expires_seconds
                )
            }));
        };
        self.live
            .stream_file(&KernelFile::Connections, &mut |piece| {
                lines.take(piece, &mut keep)
            })
            .unwrap();
        let (_, unread) = lines.end(&mut keep);
        assert_eq!(unread, 0);
        found.sort();
        let mut seen = json!({ "dests": services, "count": found.len() });
        if with_connections {
            seen["conns"] = found.into();
        }
        seen
    }
}

/// Gives the director its addresses and its ways, and marks what comes from clients.
fn lay_out(layout: &Layout) -> BTreeMap<IpAddr, usize> {
    let six = if layout.is_v6 { "-6" } else { "-4" };
    let bits = if layout.is_v6 { 128 } else { 32 };
    let (own, gateway, clients) = if layout.is_v6 {
        ("fd00:63::1", "fd00:63::2", "fd00:64::/32")
    } else {
        ("10.63.0.1", "10.63.0.2", "10.64.0.0/10")
    };
    let nodad = if layout.is_v6 { "nodad" } else { "" };
    command(
        &["link set lo up".to_owned(), "link set dir0 up".to_owned()],
        "",
    );
    let mut lines = vec![
        format!("addr add {own}/{bits} dev dir0 {nodad}"),
        format!(
            "neigh add {gateway} lladdr {} dev dir0 nud permanent",
            text(CLIENTS)
        ),
        format!("route add {clients} via {gateway} dev dir0 onlink"),
    ];
    lines.extend(
        layout
            .virtuals
            .iter()
            .map(|address| format!("addr add {address}/{bits} dev lo {nodad}")),
    );
    let places: BTreeMap<IpAddr, usize> = (0..)
        .zip(&layout.servers)
        .map(|(index, address)| (*address, index))
        .collect();
    // Behind a gateway each: a kernel that remembers the way to a server from address translation sends what is routed directly to the
    // virtual address itself otherwise.
    for (address, index) in &places {
        let gateway = if layout.is_v6 {
            format!("fd00:62::{index:x}")
        } else {
            format!("10.62.0.{index}")
        };
        lines.push(format!(
            "neigh add {gateway} lladdr {} dev dir0 nud permanent",
            text(server_mac(*index))
        ));
        lines.push(format!(
            "route add {address}/{bits} via {gateway} dev dir0 onlink"
        ));
    }
    command(&lines, six);
    if layout.is_silent {
        let rule = format!(
            "rule add iif lo ipproto {} to {clients} unreachable pref 10",
            layout.protocol
        );
        command(&[rule], six);
    }
    if layout.mark != 0 {
        let (kind, source) = if layout.is_v6 {
            ("ipv6", "src_ip fd00:64::/32")
        } else {
            ("ip", "src_ip 10.64.0.0/10")
        };
        system(&format!(
            "set -e
            tc -n play-director qdisc add dev dir0 ingress
            tc -n play-director filter add dev dir0 ingress protocol {kind} flower {source} action skbedit mark {}",
            layout.mark
        ));
    }
    places
}
