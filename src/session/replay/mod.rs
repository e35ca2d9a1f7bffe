//! Plays a scenario, which a kernel recorded, on a simulated kernel, and finds where the two part.

mod compare;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use compare::{
    connections_differ, counters_text, differing, differing_lists, is_same_fate, server_text,
    servers_of, values_of,
};

use super::error::{Error, about};
use crate::backend::{ConnectionLines, Counted, Errno, Fate, Ipvs, KernelFile, Operation};
use crate::document::{
    Observation, ObservedServer, Recorded, Scenario, ScenarioAction, ScenarioEvent, ScenarioPacket,
};
use crate::model::{
    DestinationKey, DestinationSpecification, Invalid, ListedService, ObjectId, Protocol,
    ServiceKey, ServiceSpecification, Trust,
};
use crate::sim::{
    Answer, Content, Environment, Flavour, Packet, SimulatedKernel, TcpFlags, Verdict,
};

/// Ports of a bulk of packets begin again after so many.
const BULK_PORTS: u32 = 50_000;

/// Where a simulated kernel does something else than the recorded one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The number of the event, from 1.
    pub event: usize,
    /// Its time in milliseconds.
    pub milliseconds: u64,
    /// The event as the scenario has it.
    pub text: String,
    /// What the recorded kernel did.
    pub expected: String,
    /// What the simulated one does.
    pub got: String,
}

/// A scenario on its way.
struct Player<'a> {
    scenario: &'a Scenario,
    kernel: SimulatedKernel,
    live: Ipvs,
    /// Servers of each service in the order in which they were added, the deleted ones too.
    added: BTreeMap<ServiceKey, Vec<DestinationKey>>,
}

/// Plays a scenario. Returns its first difference; `None` if all is as it was recorded.
///
/// # Errors
/// [`Error`] if its table can't be made.
pub fn replay(scenario: &Scenario) -> Result<Option<Difference>, Error> {
    let environment = Environment {
        flavour: Flavour::of_release(&scenario.kernel),
        ..Environment::stock()
    };
    let kernel = SimulatedKernel::new(environment);
    let live = Ipvs::open(Box::new(kernel.another_socket()))?;
    let mut player = Player {
        scenario,
        kernel,
        live,
        added: BTreeMap::new(),
    };
    for (name, value) in &scenario.sysctl {
        let (name, value) = (name.clone(), value.clone());
        player.must(&Operation::SetSysctl { name, value })?;
    }
    if let Some(edit) = &scenario.timeouts {
        let timeouts = edit
            .apply(player.live.timeouts()?)
            .map_err(about(ObjectId::Timeouts))?;
        player.must(&Operation::SetTimeouts(timeouts))?;
    }
    for service in &scenario.services {
        if let Some(errno) = player.add_service(service)? {
            let key = service.key;
            let wrong = Invalid::new("service", key, format!("the kernel says {errno}"));
            return Err(about(ObjectId::Service(key))(wrong));
        }
    }
    let numbered = (1..).zip(&scenario.events);
    for (number, event) in numbered {
        player.wait_for(event.milliseconds);
        if let Some((expected, got)) = player.differs(event)? {
            return Ok(Some(Difference {
                event: number,
                milliseconds: event.milliseconds,
                text: event.text.clone(),
                expected,
                got,
            }));
        }
    }
    Ok(None)
}

impl Player<'_> {
    fn wait_for(&mut self, milliseconds: u64) {
        let time = Duration::from_millis(milliseconds);
        let left = time.saturating_sub(self.live.now());
        self.live.sleep(left);
    }

    /// Does something; returns the name of the error if the kernel refuses it.
    fn act(&mut self, operation: &Operation) -> Option<String> {
        if let Some(request) = operation.request() {
            let refused = self.kernel.request(request).err()?;
            return Some(Errno::from_number(refused).name());
        }
        let done = self
            .live
            .execute(std::slice::from_ref(operation), &mut || true);
        done.fates.into_iter().find_map(|fate| match fate {
            Fate::Refused(refusal) => Some(refusal.errno.name()),
            _ => None,
        })
    }

    fn must(&mut self, operation: &Operation) -> Result<(), Error> {
        match self.act(operation) {
            None => Ok(()),
            Some(errno) => {
                Err(Invalid::new("scenario", operation, format!("the kernel says {errno}")).into())
            }
        }
    }

    fn add_service(&mut self, service: &ServiceSpecification) -> Result<Option<String>, Error> {
        let key = service.key;
        let configuration = service
            .edit
            .apply(&key, None, Trust::Recorded)
            .map_err(about(ObjectId::Service(key)))?;
        let refused = self.act(&Operation::AddService {
            key,
            configuration: Box::new(configuration),
        });
        if refused.is_some() {
            return Ok(refused);
        }
        for server in service.destinations.iter().flatten() {
            let refused = self.server(key, server, false)?;
            if refused.is_some() {
                return Ok(refused);
            }
        }
        Ok(None)
    }

    /// Adds or edits a real server.
    fn server(
        &mut self,
        service: ServiceKey,
        server: &DestinationSpecification,
        edits: bool,
    ) -> Result<Option<String>, Error> {
        let key = server.key;
        let configuration = server
            .edit
            .apply(&service, &key, None, Trust::Recorded)
            .map_err(about(ObjectId::Destination(service, key)))?;
        if edits {
            return Ok(self.act(&Operation::EditDestination {
                service,
                key,
                configuration,
            }));
        }
        let added = self.added.entry(service).or_default();
        if !added.contains(&key) {
            added.push(key);
        }
        Ok(self.act(&Operation::AddDestination {
            service,
            key,
            configuration,
        }))
    }

    /// Lets an event happen. Returns what was recorded and what happens here, if that differs.
    fn differs(&mut self, event: &ScenarioEvent) -> Result<Option<(String, String)>, Error> {
        let got = match &event.action {
            ScenarioAction::Packet(packet) => Recorded::Packet(self.packet(packet)),
            ScenarioAction::Reply(packet) => Recorded::Packet(self.reply(packet)),
            ScenarioAction::Bulk {
                service,
                first,
                count,
                port,
                destination,
            } => Recorded::Packet(self.bulk(*service, *first, *count, *port, *destination)),
            ScenarioAction::AddServer(service, server) => {
                Recorded::Refusal(self.server(*service, server, false)?)
            }
            ScenarioAction::EditServer(service, server) => {
                Recorded::Refusal(self.server(*service, server, true)?)
            }
            ScenarioAction::DeleteServer(service, server) => {
                Recorded::Refusal(self.act(&Operation::DeleteDestination {
                    service: *service,
                    key: server.key,
                }))
            }
            ScenarioAction::AddService(service) => Recorded::Refusal(self.add_service(service)?),
            ScenarioAction::EditService(service) => {
                let key = service.key;
                let after = service
                    .edit
                    .apply(&key, None, Trust::Recorded)
                    .map_err(about(ObjectId::Service(key)))?;
                Recorded::Refusal(self.act(&Operation::EditService {
                    key,
                    before: None,
                    after: Box::new(after),
                }))
            }
            ScenarioAction::DeleteService(key) => {
                Recorded::Refusal(self.act(&Operation::DeleteService { key: *key }))
            }
            ScenarioAction::Sysctl(name, value) => {
                let (name, value) = (name.clone(), value.clone());
                Recorded::Refusal(self.act(&Operation::SetSysctl { name, value }))
            }
            ScenarioAction::Zero(key) => Recorded::Refusal(self.act(&Operation::Zero(*key))),
            ScenarioAction::Look => {
                let Recorded::Table(expected) = &event.recorded else {
                    return Ok(None);
                };
                return self.looks_different(expected);
            }
        };
        Ok(match (&event.recorded, got) {
            (Recorded::Packet(expected), Recorded::Packet(got)) => {
                (!is_same_fate(expected, &got)).then(|| differing(expected, &got))
            }
            (Recorded::Refusal(expected), Recorded::Refusal(got)) => {
                let name =
                    |errno: &Option<String>| errno.clone().unwrap_or_else(|| "done".to_owned());
                (*expected != got).then(|| (name(expected), name(&got)))
            }
            _ => None,
        })
    }

    fn made<'p>(&self, packet: &'p ScenarioPacket) -> Packet<'p> {
        let content = match self.scenario.protocol {
            Protocol::Tcp => Content::Tcp(TcpFlags::from_letters(&packet.flags)),
            Protocol::Sctp => Content::Sctp(packet.flags.parse().unwrap_or_default(), None),
            _ => Content::Udp(packet.flags.as_bytes()),
        };
        Packet {
            mark: self.scenario.mark,
            ..Packet::new(packet.source, packet.destination, content, packet.payload)
        }
    }

    /// What becomes of a packet, in the words of scenarios.
    fn packet(&self, packet: &ScenarioPacket) -> String {
        let is_marked = self.scenario.mark != 0;
        match self.kernel.packet(&self.made(packet)) {
            Verdict::Forwarded { to, .. } => to.to_string(),
            Verdict::Refused | Verdict::Dropped if is_marked => "lost".to_owned(),
            Verdict::Passed | Verdict::Bypassed if is_marked => "none".to_owned(),
            Verdict::Refused => "refused".to_owned(),
            Verdict::Dropped => "drop".to_owned(),
            Verdict::Passed => "pass".to_owned(),
            Verdict::Bypassed => "bypassed".to_owned(),
        }
    }

    fn reply(&self, packet: &ScenarioPacket) -> String {
        // A mark is given to what comes from clients.
        let packet = Packet {
            mark: 0,
            ..self.made(packet)
        };
        match self.kernel.reply(&packet) {
            Answer::Translated(source) => source.to_string(),
            Answer::Unchanged => "none".to_owned(),
            Answer::Refused => "refused".to_owned(),
        }
    }

    fn bulk(
        &self,
        service: ServiceKey,
        first: IpAddr,
        count: u32,
        port: u16,
        destination: SocketAddr,
    ) -> String {
        const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        let added = self.added.get(&service).map_or(&[][..], Vec::as_slice);
        let one = |index: u32| {
            let client: IpAddr = match first {
                IpAddr::V4(first) => {
                    std::net::Ipv4Addr::from_bits(first.to_bits().wrapping_add(index)).into()
                }
                IpAddr::V6(first) => {
                    let bits = first.to_bits().wrapping_add(index.into());
                    std::net::Ipv6Addr::from_bits(bits).into()
                }
            };
            let offset = u16::try_from(index % BULK_PORTS).unwrap_or_default();
            let packet = ScenarioPacket {
                source: SocketAddr::new(client, port.wrapping_add(offset)),
                destination,
                flags: "S".to_owned(),
                payload: 0,
            };
            let Verdict::Forwarded { to, .. } = self.kernel.packet(&self.made(&packet)) else {
                return '-';
            };
            let place = added
                .iter()
                .position(|key| key.address == to.ip() && [0, to.port()].contains(&key.port));
            let digit = place.and_then(|place| DIGITS.get(place));
            digit.map_or('?', |digit| char::from(*digit))
        };
        (0..count).map(one).collect()
    }

    fn looks_different(
        &mut self,
        expected: &Observation,
    ) -> Result<Option<(String, String)>, Error> {
        if expected.dests.is_some() || expected.services.is_some() {
            let listed = self.live.listed(None, Counted::Everything)?;
            let by_name: BTreeMap<String, &ListedService> = listed
                .iter()
                .map(|service| (service.key.to_string(), service))
                .collect();
            for (name, servers) in expected.dests.iter().flatten() {
                let wanted: Vec<String> = servers.iter().map(server_text).collect();
                let counted = servers
                    .iter()
                    .any(|server| matches!(server, ObservedServer::Counted(..)));
                let got = by_name
                    .get(name)
                    .map_or_else(Vec::new, |service| servers_of(service, counted));
                if wanted != got {
                    return Ok(Some(differing_lists(name, &wanted, &got)));
                }
            }
            for (name, values) in expected.services.iter().flatten() {
                let wanted = counters_text(values);
                let got = by_name.get(name).map_or_else(
                    || "none of that name".to_owned(),
                    |service| counters_text(&values_of(&service.observed)),
                );
                if wanted != got {
                    return Ok(Some((format!("{name} {wanted}"), format!("{name} {got}"))));
                }
            }
        }
        if let Some(wanted) = &expected.conns {
            let got = self.connections()?;
            if let Some(different) = connections_differ(wanted, &got) {
                return Ok(Some(different));
            }
        }
        let count = u64::try_from(self.kernel.connection_count()).unwrap_or(u64::MAX);
        Ok(expected
            .count
            .filter(|wanted| *wanted != count)
            .map(|wanted| {
                let text = |count: u64| format!("{count} entries in the connection table");
                (text(wanted), text(count))
            }))
    }

    /// The connection table, in the words of scenarios.
    fn connections(&mut self) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        let mut lines = ConnectionLines::default();
        let mut keep = |entries: &[crate::model::ConnectionEntry<'_>]| {
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
                lines.take(piece, &mut keep);
            })?;
        let _count = lines.end(&mut keep);
        found.sort();
        Ok(found)
    }
}
