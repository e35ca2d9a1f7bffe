//! Hosts for live connections: a client and two servers around a director, each in a network namespace of its own.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use super::system;
use super::tool::{Table, Tool};

/// Namespaces that a test made; they go with it.
pub(crate) struct Net {
    pub(crate) director: File,
    pub(crate) client: File,
    pub(crate) inner: File,
    pub(crate) outer: File,
}

const NAMES: [&str; 4] = ["director", "client", "inner", "outer"];

fn namespace(name: &str) -> File {
    File::open(format!("/run/netns/{name}")).unwrap()
}

fn enter(namespace: &File) {
    nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
}

/// Runs something in a namespace, on a thread of its own, which stays there.
pub(crate) fn within<T: Send + 'static>(
    namespace: &File,
    work: impl FnOnce() -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let namespace = namespace.try_clone().unwrap();
    thread::spawn(move || {
        enter(&namespace);
        work()
    })
}

impl Net {
    pub(crate) fn make() -> Self {
        system("modprobe -q ipip || true");
        for name in NAMES {
            system(&format!(
                "ip netns delete {name} 2>/dev/null; ip netns add {name} && ip -n {name} link set lo up"
            ));
        }
        // The client and one server share a bridge with the director; the other server is behind the director.
        system(
            "set -e
            ip -n director link add br0 type bridge
            for peer in client outer; do
                ip -n director link add port-$peer type veth peer name eth0 netns $peer
                ip -n director link set port-$peer master br0 up
                ip -n $peer link set eth0 up
            done
            ip -n director link set br0 up
            ip -n director addr add 10.9.0.1/24 dev br0
            ip -n director addr add 10.9.0.100/32 dev br0
            ip -n director -6 addr add fd00:9::1/64 dev br0 nodad
            ip -n director -6 addr add fd00:9::100/128 dev br0 nodad
            ip -n client addr add 10.9.0.2/24 dev eth0
            ip -n client -6 addr add fd00:9::2/64 dev eth0 nodad
            ip -n outer addr add 10.9.0.3/24 dev eth0
            ip -n director link add inside type veth peer name eth0 netns inner
            ip -n director link set inside up
            ip -n inner link set eth0 up
            ip -n director addr add 10.8.0.1/24 dev inside
            ip -n director -6 addr add fd00:8::1/64 dev inside nodad
            ip -n inner addr add 10.8.0.2/24 dev eth0
            ip -n inner -6 addr add fd00:8::2/64 dev eth0 nodad
            ip -n inner route add default via 10.8.0.1
            ip -n inner -6 route add default via fd00:8::1
            ip netns exec director sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
            ip netns exec outer sh -c 'echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore; echo 2 >/proc/sys/net/ipv4/conf/all/arp_announce; echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter'
            ip -n outer addr add 10.9.0.100/32 dev lo
            ip netns exec outer ip link set tunl0 up 2>/dev/null || ip -n outer link add tunl1 type ipip local 10.9.0.3 && ip -n outer link set tunl1 up 2>/dev/null || true
            for file in /proc/sys/net/ipv4/conf/*/rp_filter; do ip netns exec outer sh -c \"echo 0 >$file\" 2>/dev/null || true; done
            ip netns exec outer sh -c 'for file in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$file; done'",
        );
        Self {
            director: namespace("director"),
            client: namespace("client"),
            inner: namespace("inner"),
            outer: namespace("outer"),
        }
    }

    /// Returns ours and the original, both at work on the director.
    pub(crate) fn tools(&self) -> (Tool, Tool) {
        let tool = |original| Tool {
            _folder: None,
            original,
            table: Table::Namespace(self.director.try_clone().unwrap()),
        };
        (tool(false), tool(true))
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for name in NAMES {
            system(&format!("ip netns delete {name}"));
        }
    }
}

/// Answers what comes to a TCP port, and keeps the connections.
pub(crate) fn answers_tcp(namespace: &File, address: &'static str) {
    let listening = within(namespace, move || TcpListener::bind(address).unwrap());
    let listener = listening.join().unwrap();
    thread::spawn(move || {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept() {
            let mut bytes = [0; 64];
            let read = stream.read(&mut bytes).unwrap_or_default();
            let _gone = stream.write_all(&bytes[..read]);
            kept.push(stream);
        }
    });
}

/// Answers what comes to a TCP port for as long as it comes, and ends each connection when the client does.
pub(crate) fn echoes_tcp(namespace: &File, address: &'static str) {
    let listening = within(namespace, move || TcpListener::bind(address).unwrap());
    let listener = listening.join().unwrap();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            thread::spawn(move || {
                let mut bytes = [0; 64];
                while let Ok(read @ 1..) = stream.read(&mut bytes) {
                    let _gone = stream.write_all(&bytes[..read]);
                }
            });
        }
    });
}

/// Says something through an open connection and hears it again.
pub(crate) fn still_talks(stream: &mut TcpStream) -> bool {
    let mut heard = [0; 5];
    stream.write_all(b"again").is_ok()
        && stream.read_exact(&mut heard).is_ok()
        && &heard == b"again"
}

pub(crate) fn answers_udp(namespace: &File, address: &'static str) {
    let socket = within(namespace, move || UdpSocket::bind(address).unwrap())
        .join()
        .unwrap();
    thread::spawn(move || {
        let mut bytes = [0; 1500];
        while let Ok((read, from)) = socket.recv_from(&mut bytes) {
            let _gone = socket.send_to(&bytes[..read], from);
        }
    });
}

/// Connects, says something and hears it again.
pub(crate) fn talks_tcp(namespace: &File, address: &'static str) -> TcpStream {
    let talked = within(namespace, move || {
        let address = address.parse().unwrap();
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(20)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream.write_all(b"hello").unwrap();
        let mut heard = [0; 5];
        stream.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"hello");
        stream
    });
    talked
        .join()
        .unwrap_or_else(|_| panic!("{address} does not answer"))
}

pub(crate) fn talks_udp(namespace: &File, address: &'static str, text: &'static str) {
    let talked = within(namespace, move || {
        let local = if address.starts_with('[') {
            "[::]:0"
        } else {
            "0.0.0.0:0"
        };
        let socket = UdpSocket::bind(local).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let mut heard = [0; 1500];
        // The first datagram may meet a neighbour that is not known yet.
        (0..4).any(|_| {
            socket.send_to(text.as_bytes(), address).unwrap();
            socket.recv(&mut heard).is_ok()
        })
    });
    assert!(talked.join().unwrap(), "{address} does not answer");
}
