//! Ethernet frames as a director gets and sends them: just what the driver of real kernels needs to write and read.

use std::net::{IpAddr, SocketAddr};

pub(crate) type Mac = [u8; 6];

pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const SCTP: u8 = 132;
const IPIP: u8 = 4;
const IPV6_IN_IP: u8 = 41;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// The sum of IP headers, TCP and UDP.
fn sum(parts: &[&[u8]]) -> u16 {
    let mut total = 0u32;
    for part in parts {
        for pair in part.chunks(2) {
            total += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
        }
    }
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    !u16::try_from(total).unwrap()
}

/// The sum of SCTP: CRC-32C.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |mut crc, byte| {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 * (crc & 1));
        }
        crc
    })
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// A packet to be written. `flags`: letters of TCP, the number of an SCTP chunk.
pub(crate) struct Sent<'a> {
    pub(crate) protocol: u8,
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) flags: &'a str,
    pub(crate) payload: usize,
}

impl Sent<'_> {
    fn segment(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(self.source.port().to_be_bytes());
        bytes.extend(self.destination.port().to_be_bytes());
        match self.protocol {
            TCP => {
                let letters = [('F', 1), ('S', 2), ('R', 4), ('P', 8), ('A', 16)];
                let set = letters
                    .iter()
                    .filter(|(letter, _)| self.flags.contains(*letter));
                let flags = set.fold(0u8, |flags, (_, bit)| flags | bit);
                bytes.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0x20, 0, 0, 0, 0, 0]);
                bytes.resize(bytes.len() + self.payload, 0);
            }
            UDP => {
                let length = u16::try_from(8 + self.payload).unwrap();
                bytes.extend(length.to_be_bytes());
                bytes.extend([0, 0]);
                bytes.resize(bytes.len() + self.payload, 0);
            }
            _ => {
                // Verification tag, sum, and one chunk.
                bytes.extend([0, 0, 0, 1, 0, 0, 0, 0]);
                let length = u16::try_from(4 + self.payload).unwrap();
                bytes.extend([self.flags.parse().unwrap(), 0]);
                bytes.extend(length.to_be_bytes());
                bytes.resize(bytes.len() + self.payload, 0);
            }
        }
        self.seal(&mut bytes);
        bytes
    }

    fn seal(&self, bytes: &mut [u8]) {
        let place = match self.protocol {
            TCP => 16,
            UDP => 6,
            _ => {
                let crc = crc32c(bytes).to_le_bytes();
                bytes[8..12].copy_from_slice(&crc);
                return;
            }
        };
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        let (from, to) = (octets(self.source.ip()), octets(self.destination.ip()));
        let checked = sum(&[&from, &to, &length, &[0, 0, 0, self.protocol], bytes]);
        // Of UDP no sum is 0.
        let checked = if checked == 0 { 0xffff } else { checked };
        bytes[place..place + 2].copy_from_slice(&checked.to_be_bytes());
    }

    pub(crate) fn frame(&self, to: Mac, from: Mac) -> Vec<u8> {
        let segment = self.segment();
        let mut bytes = Vec::new();
        bytes.extend(to);
        bytes.extend(from);
        if self.source.is_ipv6() {
            bytes.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            bytes.extend(u16::try_from(segment.len()).unwrap().to_be_bytes());
            bytes.extend([self.protocol, 64]);
            bytes.extend(octets(self.source.ip()));
            bytes.extend(octets(self.destination.ip()));
        } else {
            let mut header = vec![0x45, 0];
            header.extend(u16::try_from(20 + segment.len()).unwrap().to_be_bytes());
            header.extend([0, 1, 0x40, 0, 64, self.protocol, 0, 0]);
            header.extend(octets(self.source.ip()));
            header.extend(octets(self.destination.ip()));
            let checked = sum(&[&header]).to_be_bytes();
            header[10..12].copy_from_slice(&checked);
            bytes.extend([0x08, 0x00]);
            bytes.extend(header);
        }
        bytes.extend(segment);
        bytes
    }
}

/// A frame that was read.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) to: Mac,
    pub(crate) what: What,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A packet, outside of any tunnel; a sending host may say that it ends the connection.
    Packet {
        source: SocketAddr,
        destination: SocketAddr,
        resets: bool,
    },
    /// ICMP or ICMPv6: the port is unreachable.
    Unreachable,
    Other,
}

/// Reads a frame; `None` if it is no IP.
pub(crate) fn read(frame: &[u8]) -> Option<Seen> {
    let to: Mac = frame.get(..6)?.try_into().ok()?;
    let packet = frame.get(14..)?;
    let what = match frame.get(12..14)? {
        [0x08, 0x00] => inner(packet, false)?,
        [0x86, 0xdd] => inner(packet, true)?,
        _ => return None,
    };
    Some(Seen { to, what })
}

fn inner(packet: &[u8], is_v6: bool) -> Option<What> {
    let (protocol, source, destination, rest): (u8, IpAddr, IpAddr, &[u8]) = if is_v6 {
        let address = |at: usize| {
            let octets: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
            Some(IpAddr::from(octets))
        };
        (
            *packet.get(6)?,
            address(8)?,
            address(24)?,
            packet.get(40..)?,
        )
    } else {
        let address = |at: usize| {
            let octets: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
            Some(IpAddr::from(octets))
        };
        let header = usize::from(packet.first()? & 15) * 4;
        (
            *packet.get(9)?,
            address(12)?,
            address(16)?,
            packet.get(header..)?,
        )
    };
    let port = |at: usize| Some(u16::from_be_bytes(rest.get(at..at + 2)?.try_into().ok()?));
    Some(match protocol {
        IPIP => return inner(rest, false),
        IPV6_IN_IP => return inner(rest, true),
        TCP | UDP | SCTP => What::Packet {
            source: SocketAddr::new(source, port(0)?),
            destination: SocketAddr::new(destination, port(2)?),
            resets: match protocol {
                TCP => rest.get(13)? & 4 != 0,
                SCTP => *rest.get(12)? == 6,
                _ => false,
            },
        },
        ICMP if rest.get(..2)? == [3, 3] => What::Unreachable,
        ICMPV6 if rest.get(..2)? == [1, 4] => What::Unreachable,
        _ => What::Other,
    })
}
