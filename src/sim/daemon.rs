//! The kernel's rules for sync daemons and timeouts.

use super::policy::{self, libc_errno as errno};
use super::service::Ruling;
use super::state::{Daemon, Group, State};
use crate::wire::{Attributes, ConfigAttributes, DaemonAttributes, Strictness, uapi as k};

const DEFAULT_GROUP: [u8; 4] = [224, 0, 0, 81];
const DEFAULT_PORT: u16 = 8848;
/// What a daemon sends at most on an interface of unknown MTU.
const ETHERNET_MTU: u32 = 1500;

/// Reads the daemon of a request.
pub(super) fn read(bytes: Option<&[u8]>) -> Ruling<DaemonAttributes> {
    let bytes = bytes.ok_or(errno::EINVAL)?;
    policy::check_daemon(bytes).map_err(|_| errno::EINVAL)?;
    DaemonAttributes::decode(bytes, Strictness::AsTheKernel).map_err(|_| errno::EINVAL)
}

fn role(state: u32) -> Ruling<usize> {
    match state {
        k::IP_VS_STATE_MASTER => Ok(0),
        k::IP_VS_STATE_BACKUP => Ok(1),
        _ => Err(errno::EINVAL),
    }
}

/// Reads timeouts to set; the kernel ignores what it can't read.
pub(super) fn read_config(body: &[u8]) -> ConfigAttributes {
    let value = |number: u16| {
        let found = Attributes::new(body, Strictness::AsTheKernel).last(number);
        crate::wire::take_u32(found.ok().flatten()?, 0)
    };
    ConfigAttributes {
        tcp: value(k::IPVS_CMD_ATTR_TIMEOUT_TCP),
        tcp_fin: value(k::IPVS_CMD_ATTR_TIMEOUT_TCP_FIN),
        udp: value(k::IPVS_CMD_ATTR_TIMEOUT_UDP),
    }
}

impl State {
    pub(super) fn new_daemon(&mut self, given: Ruling<DaemonAttributes>) -> Ruling<()> {
        let given = given?;
        let (Some(state), Some(interface), Some(sync_id)) =
            (given.state, given.interface, given.sync_id)
        else {
            return Err(errno::EINVAL);
        };
        let group = match (given.group, given.group6) {
            (Some(v4), _) if !std::net::Ipv4Addr::from(v4).is_multicast() => {
                return Err(errno::EINVAL);
            }
            (Some(v4), _) => Group::V4(v4),
            (None, Some(v6)) if !std::net::Ipv6Addr::from(v6).is_multicast() => {
                return Err(errno::EINVAL);
            }
            (None, Some(v6)) => Group::V6(v6),
            (None, None) => Group::V4(DEFAULT_GROUP),
        };
        if self.mixed_destinations() > 0 {
            return Err(errno::EINVAL);
        }
        if !self.environment.interfaces.has(&interface) {
            return Err(errno::ENODEV);
        }
        let index = role(state)?;
        if self.daemons[index].is_some() {
            return Err(errno::EEXIST);
        }
        let mtu = self
            .environment
            .interfaces
            .get(&interface)
            .unwrap_or(ETHERNET_MTU);
        let daemon = Daemon {
            sync_maxlen: length(index, &group, given.sync_maxlen, mtu),
            interface,
            sync_id,
            group,
            port: given.port.filter(|port| *port != 0).unwrap_or(DEFAULT_PORT),
            ttl: given.ttl.filter(|ttl| *ttl != 0).unwrap_or(1),
        };
        self.daemons[index] = Some(daemon);
        Ok(())
    }

    pub(super) fn delete_daemon(&mut self, given: Ruling<DaemonAttributes>) -> Ruling<()> {
        let given = given?;
        let index = role(given.state.ok_or(errno::EINVAL)?)?;
        self.daemons[index].take().map(|_| ()).ok_or(errno::ESRCH)
    }

    /// Takes over a daemon as another kernel reported it.
    pub(super) fn load_daemon(&mut self, given: &DaemonAttributes) -> Ruling<()> {
        let index = role(given.state.ok_or(errno::EINVAL)?)?;
        self.daemons[index] = Some(Daemon {
            interface: given.interface.clone().unwrap_or_default(),
            sync_id: given.sync_id.unwrap_or_default(),
            sync_maxlen: given.sync_maxlen.unwrap_or_default(),
            group: match (given.group, given.group6) {
                (None, Some(v6)) => Group::V6(v6),
                (v4, _) => Group::V4(v4.unwrap_or(DEFAULT_GROUP)),
            },
            port: given.port.unwrap_or(DEFAULT_PORT),
            ttl: given.ttl.unwrap_or(1),
        });
        Ok(())
    }

    pub(super) fn daemon_records(&self) -> Vec<DaemonAttributes> {
        let states = [k::IP_VS_STATE_MASTER, k::IP_VS_STATE_BACKUP];
        let running = states.into_iter().zip(&self.daemons);
        running
            .filter_map(|(state, daemon)| {
                let daemon = daemon.as_ref()?;
                let mut attributes = DaemonAttributes {
                    state: Some(state),
                    interface: Some(daemon.interface.clone()),
                    sync_id: Some(daemon.sync_id),
                    sync_maxlen: Some(daemon.sync_maxlen),
                    port: Some(daemon.port),
                    ttl: Some(daemon.ttl),
                    ..DaemonAttributes::default()
                };
                match daemon.group {
                    Group::V4(group) => attributes.group = Some(group),
                    Group::V6(group) => attributes.group6 = Some(group),
                }
                Some(attributes)
            })
            .collect()
    }

    /// Sets the timeouts that are given; all are checked before any is stored, and 0 keeps.
    pub(super) fn set_config(&mut self, given: &ConfigAttributes) -> Ruling<()> {
        let given = [given.tcp, given.tcp_fin, given.udp].map(Option::unwrap_or_default);
        let longest = i32::MAX.unsigned_abs() / self.environment.ticks_per_second;
        if given.iter().any(|seconds| *seconds > longest) {
            return Err(errno::EINVAL);
        }
        for (place, seconds) in self.timeouts.iter_mut().zip(given) {
            if seconds != 0 {
                *place = seconds;
            }
        }
        Ok(())
    }

    pub(super) fn config_record(&self) -> ConfigAttributes {
        let [tcp, tcp_fin, udp] = self.timeouts;
        ConfigAttributes {
            tcp: Some(tcp),
            tcp_fin: Some(tcp_fin),
            udp: Some(udp),
        }
    }
}

fn length(role: usize, group: &Group, wanted: Option<u16>, mtu: u32) -> u16 {
    let headers = match group {
        Group::V4(_) => 28,
        Group::V6(_) => 48,
    };
    let largest = 65535 - headers;
    let (least, default) = if role == 0 {
        (1, ETHERNET_MTU - headers)
    } else {
        (1024, mtu.clamp(ETHERNET_MTU, 65535) - headers)
    };
    let length = match wanted {
        None | Some(0) => default,
        Some(wanted) => u32::from(wanted).clamp(least, largest),
    };
    u16::try_from(length).unwrap_or(u16::MAX)
}
