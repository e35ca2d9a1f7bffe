//! The order of the original's listings.
//!
//! The original compares marks and addresses by the sign of a difference of 32 bits. What lies more than half of
//! them apart compares the wrong way round (192.168.0.1 stands before 10.0.0.1), and the relation is no order:
//! the result depends on the order before and on the way of sorting, which is that of the C library's `qsort`.

use std::net::{IpAddr, Ipv4Addr};

use crate::model::{AddressFamily, DestinationEntry, DestinationKey, ListedService, ServiceKey};

/// The sign of a difference of 32 bits.
fn wrapped(left: u32, right: u32) -> i32 {
    let difference = left.wrapping_sub(right);
    i32::from_ne_bytes(difference.to_ne_bytes()).signum()
}

fn words(address: IpAddr) -> [u32; 4] {
    match address {
        IpAddr::V4(address) => [address.to_bits(), 0, 0, 0],
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            // Each shift leaves 32 bits.
            [96, 64, 32, 0]
                .map(|shift| u32::try_from(bits >> shift & 0xffff_ffff).unwrap_or_default())
        }
    }
}

/// Compares by four words if the left one is IPv6, else by the first.
fn compare_addresses(left: IpAddr, right: IpAddr) -> i32 {
    let count = if left.is_ipv6() { 4 } else { 1 };
    let (left, right) = (words(left), words(right));
    let pairs = left.iter().zip(right).take(count);
    pairs
        .map(|(left, right)| wrapped(*left, right))
        .find(|sign| *sign != 0)
        .unwrap_or_default()
}

/// What a service is compared by: mark, family, protocol, address, port.
fn parts(key: &ServiceKey) -> (u32, AddressFamily, u16, IpAddr, u16) {
    match key {
        ServiceKey::Fwmark { family, mark } => {
            (mark.get(), *family, 0, Ipv4Addr::UNSPECIFIED.into(), 0)
        }
        ServiceKey::Endpoint {
            protocol,
            address,
            port,
        } => (
            0,
            AddressFamily::of(*address),
            protocol.number(),
            *address,
            *port,
        ),
    }
}

fn compare_services(left: &ServiceKey, right: &ServiceKey) -> i32 {
    let (left, right) = (parts(left), parts(right));
    let sign = |order: std::cmp::Ordering| order as i32;
    let steps = [
        wrapped(left.0, right.0),
        sign(left.1.cmp(&right.1)),
        sign(left.2.cmp(&right.2)),
        compare_addresses(left.3, right.3),
        sign(left.4.cmp(&right.4)),
    ];
    steps
        .into_iter()
        .find(|sign| *sign != 0)
        .unwrap_or_default()
}

/// Sorts by merging, top down: the left one is taken unless it is greater.
fn merge_sort<T: Copy>(items: &mut [T], room: &mut Vec<T>, compare: &impl Fn(T, T) -> i32) {
    if items.len() < 2 {
        return;
    }
    let (left, right) = items.split_at_mut(items.len() / 2);
    merge_sort(left, room, compare);
    merge_sort(right, room, compare);
    room.clear();
    let (mut l, mut r) = (0, 0);
    while let (Some(first), Some(second)) = (left.get(l), right.get(r)) {
        if compare(*first, *second) <= 0 {
            room.push(*first);
            l += 1;
        } else {
            room.push(*second);
            r += 1;
        }
    }
    room.extend_from_slice(&left[l..]);
    // What is left of the right half stands where it belongs.
    let merged = room.len();
    items[..merged].copy_from_slice(room);
}

fn sort_by_key<T, K: Copy>(
    items: &mut Vec<T>,
    key: impl Fn(&T) -> K,
    compare: impl Fn(K, K) -> i32,
) {
    let keys: Vec<K> = items.iter().map(key).collect();
    let mut order: Vec<usize> = (0..items.len()).collect();
    merge_sort(
        &mut order,
        &mut Vec::with_capacity(items.len()),
        &|left, right| compare(keys[left], keys[right]),
    );
    let mut taken: Vec<Option<T>> = items.drain(..).map(Some).collect();
    items.extend(order.into_iter().filter_map(|index| taken[index].take()));
}

/// Sorts services as the original does. They must stand in the kernel's order.
pub fn sort_services(services: &mut Vec<ListedService>) {
    sort_by_key(
        services,
        |service| service.key,
        |left, right| compare_services(&left, &right),
    );
    for service in services {
        sort_servers(&mut service.destinations);
    }
}

/// Sorts the servers of a service as the original does. They must stand in the kernel's order.
pub fn sort_servers(servers: &mut Vec<(DestinationKey, DestinationEntry)>) {
    sort_by_key(
        servers,
        |(key, _)| *key,
        |left, right| match compare_addresses(left.address, right.address) {
            0 => left.port.cmp(&right.port) as i32,
            sign => sign,
        },
    );
}

#[cfg(test)]
mod tests {
    use super::sort_services;
    use crate::model::{ListedService, Observed, ServiceConfiguration, ServiceKey};

    fn sorted(keys: &[&str]) -> Vec<String> {
        let mut services: Vec<ListedService> = keys
            .iter()
            .map(|text| ListedService {
                key: ServiceKey::parse(text).unwrap(),
                configuration: ServiceConfiguration::default(),
                observed: Observed::default(),
                destinations: Vec::new(),
            })
            .collect();
        sort_services(&mut services);
        services
            .iter()
            .map(|service| service.key.to_string())
            .collect()
    }

    #[test]
    fn distant_addresses_and_marks_stand_the_wrong_way_round() {
        assert_eq!(
            sorted(&[
                "fwmark6://1",
                "fwmark://1",
                "tcp://10.0.0.1:443",
                "udp://10.0.0.1:53",
                "tcp://[2001:db8::80]:80",
                "tcp://10.0.0.1:80",
                "tcp://192.168.0.1:80",
                "fwmark://4294967295",
                "tcp://172.16.0.1:80",
            ]),
            [
                "fwmark://4294967295",
                "tcp://172.16.0.1:80",
                "tcp://192.168.0.1:80",
                "tcp://10.0.0.1:80",
                "tcp://10.0.0.1:443",
                "udp://10.0.0.1:53",
                "tcp://[2001:db8::80]:80",
                "fwmark://1",
                "fwmark6://1",
            ]
        );
    }
}
