//! A simulated kernel as a director: a table from a document, packets in, the table and its files out.

use std::net::SocketAddr;
use std::time::Duration;

use ipvsh::backend::{Counted, Ipvs, KernelFile, Operation, Transport};
use ipvsh::model::{ServiceKey, SysctlName, Trust};
use ipvsh::sim::{
    Answer, Content, Environment, Flavour, Packet, SimulatedKernel, TcpFlags, Verdict,
};
use serde_json::{Value, json};

pub(crate) struct Simulation {
    pub(crate) kernel: SimulatedKernel,
    pub(crate) live: Ipvs,
}

impl Simulation {
    /// Makes a kernel with the services of a document; real servers are added as they are listed.
    pub(crate) fn of(flavour: Flavour, services: &Value) -> Self {
        let kernel = SimulatedKernel::new(Environment {
            flavour,
            ..Environment::stock()
        });
        let live = Ipvs::open(Box::new(kernel.another_socket())).unwrap();
        let mut made = Self { kernel, live };
        made.add(services);
        made
    }

    pub(crate) fn add(&mut self, services: &Value) {
        let text = json!({ "version": 1, "services": services }).to_string();
        let document = ipvsh::document::read_document("table", text.as_bytes()).unwrap();
        for service in document.services {
            let key = service.key;
            let configuration = service.edit.apply(&key, None, Trust::Recorded).unwrap();
            self.act(Operation::AddService {
                key,
                configuration: Box::new(configuration),
            });
            for server in service.destinations.into_iter().flatten() {
                let configuration = server
                    .edit
                    .apply(&key, &server.key, None, Trust::Recorded)
                    .unwrap();
                self.act(Operation::AddDestination {
                    service: key,
                    key: server.key,
                    configuration,
                });
            }
        }
    }

    #[track_caller]
    pub(crate) fn act(&mut self, operation: Operation) {
        let done = self.live.execute(&[operation], &mut || true);
        assert!(done.is_complete(), "{done:?}");
    }

    pub(crate) fn set(&mut self, name: &str, value: i64) {
        self.act(Operation::SetSysctl {
            name: SysctlName::new(name).unwrap(),
            value: value.to_string(),
        });
    }

    pub(crate) fn edit(&mut self, service: &str, server: &str, fields: &Value) {
        let (service, server) = (ServiceKey::parse(service).unwrap(), super::server(server));
        let mut given = fields.clone();
        given["id"] = server.to_string().into();
        let text = json!({ "version": 1, "services": [{ "id": service.to_string(), "scheduler": "rr", "destinations": [given] }] });
        let document =
            ipvsh::document::read_document("table", text.to_string().as_bytes()).unwrap();
        let edit = &document.services[0].destinations.as_ref().unwrap()[0].edit;
        self.act(Operation::EditDestination {
            service,
            key: server,
            configuration: edit
                .apply(&service, &server, None, Trust::Recorded)
                .unwrap(),
        });
    }

    pub(crate) fn delete(&mut self, service: &str, server: &str) {
        self.act(Operation::DeleteDestination {
            service: ServiceKey::parse(service).unwrap(),
            key: super::server(server),
        });
    }

    pub(crate) fn wait(&mut self, milliseconds: u64) {
        self.kernel.sleep(Duration::from_millis(milliseconds));
    }

    /// Sends a TCP packet. Returns the real server, or what else became of it.
    pub(crate) fn tcp(&self, client: &str, to: &str, flags: &str) -> String {
        self.sent(client, to, Content::Tcp(TcpFlags::from_letters(flags)), 0)
    }

    pub(crate) fn udp(&self, client: &str, to: &str, text: &str) -> String {
        self.sent(
            client,
            to,
            Content::Udp(text.as_bytes()),
            u32::try_from(text.len()).unwrap(),
        )
    }

    pub(crate) fn sent(
        &self,
        client: &str,
        to: &str,
        content: Content<'_>,
        payload: u32,
    ) -> String {
        let packet = Packet::new(
            client.parse().unwrap(),
            to.parse().unwrap(),
            content,
            payload,
        );
        self.given(&packet)
    }

    pub(crate) fn given(&self, packet: &Packet<'_>) -> String {
        match self.kernel.packet(packet) {
            Verdict::Forwarded { to, .. } => to.to_string(),
            other => format!("{other:?}").to_lowercase(),
        }
    }

    pub(crate) fn reply(&self, server: &str, client: &str, flags: &str) -> Answer {
        let content = Content::Tcp(TcpFlags::from_letters(flags));
        let (server, client): (SocketAddr, SocketAddr) =
            (server.parse().unwrap(), client.parse().unwrap());
        self.kernel.reply(&Packet::new(server, client, content, 0))
    }

    /// The connection table without its title, sorted, with single blanks.
    pub(crate) fn connections(&mut self) -> Vec<String> {
        let text = self.live.file(&KernelFile::Connections).unwrap();
        let text = String::from_utf8(text).unwrap();
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut lines: Vec<String> = text.lines().skip(1).map(words).collect();
        lines.sort();
        lines
    }

    /// Active, inactive and persistent of the servers of the first service, the newest first.
    pub(crate) fn open(&mut self) -> Vec<(String, [u32; 3])> {
        let listed = self.live.listed(None, Counted::Connections).unwrap();
        let servers = listed[0].destinations.iter().map(|(key, entry)| {
            let open = entry.connections;
            (
                key.to_string(),
                [open.active, open.inactive, open.persistent],
            )
        });
        servers.collect()
    }

    /// Counters and rates of the first service.
    pub(crate) fn counters(&mut self) -> [u64; 10] {
        let listed = self.live.listed(None, Counted::Everything).unwrap();
        let (counters, rates) = (listed[0].observed.counters(), listed[0].observed.rates());
        [
            counters.connections,
            counters.packets_in,
            counters.packets_out,
            counters.bytes_in,
            counters.bytes_out,
            rates.connections_per_second,
            rates.packets_in_per_second,
            rates.packets_out_per_second,
            rates.bytes_in_per_second,
            rates.bytes_out_per_second,
        ]
    }
}
