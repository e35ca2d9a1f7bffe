//! What was typed becomes what is meant: values are checked in the order in which they stand, then what goes
//! with what, then what can't be.

use std::net::IpAddr;

use super::grammar::{Command, Field, Form, Name, Words};
use super::line_error::{LineError, fail, fail_quoting};
use super::matrix;
use super::names::Reading;
use super::server::ServerOptions;
use super::service::ServiceOptions;
use super::values::{cut, number_within, text};
use crate::backend::Operation;
use crate::model::{DaemonRole, DestinationKey, ServiceKey, SyncDaemon, Timeouts};

/// The longest timeout that can be given: 31 days.
const LONGEST_TIMEOUT: i64 = 86_400 * 31;

/// The options that were given, by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Present(u64);

impl Present {
    pub(crate) const fn has(self, field: Field) -> bool {
        self.0 & (1 << field as u8) != 0
    }

    const fn insert(&mut self, field: Field) {
        self.0 |= 1 << field as u8;
    }

    /// Notes an option of ours by its word; others are no matter of it.
    pub(crate) fn insert_ours(&mut self, word: &[u8]) {
        match word {
            b"--json" => self.insert(Field::Json),
            b"--dry-run" => self.insert(Field::DryRun),
            b"--diff" => self.insert(Field::Diff),
            b"--atomic" => self.insert(Field::Atomic),
            b"--exit-code" => self.insert(Field::ExitCode),
            _ => {}
        }
    }

    pub(super) const fn bits(self) -> u64 {
        self.0
    }
}

/// What a line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// One request to the kernel.
    Change(Operation),
    /// Lists all services, or one.
    List(Option<ServiceKey>),
    ListConnections,
    ListTimeouts,
    ListDaemons,
    Save,
    Restore,
    Help,
    Version,
}

/// A line that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) command: Command,
    pub(crate) meaning: Meaning,
    pub(crate) present: Present,
    /// What to say if this goes through although a port was lost on the way.
    pub(crate) lost_port: Option<&'static str>,
}

/// The options of a line with their values.
struct LineOptions<'a> {
    command: Command,
    present: Present,
    role: Option<DaemonRole>,
    service: ServiceOptions<'a>,
    server: ServerOptions,
    daemon: DaemonOptions,
}

#[derive(Default)]
struct DaemonOptions {
    interface: String,
    sync_id: u32,
    group: Option<IpAddr>,
    port: Option<u16>,
    ttl: Option<u8>,
    maxlen: Option<u16>,
}

/// Reads a line.
pub(crate) fn read(words: &[&[u8]], reading: &Reading<'_>) -> Result<Line, LineError> {
    let mut words = Words::new(words, reading.manner);
    let mut present = Present::default();
    let (command, value) = first_option(&mut words, &mut present)?;
    if matches!(command, Command::Help | Command::Version) {
        let meaning = match command {
            Command::Help => Meaning::Help,
            _ => Meaning::Version,
        };
        return Ok(Line {
            command,
            meaning,
            present,
            lost_port: None,
        });
    }
    let mut given = LineOptions {
        command,
        present,
        role: daemon_role(command, value)?,
        service: ServiceOptions::default(),
        server: ServerOptions::default(),
        daemon: DaemonOptions::default(),
    };
    while let Some(typed) = words.next() {
        let quoted = |reason: &str| [words.last(), b": ", reason.as_bytes()].concat();
        let (name, value) = typed.map_err(|misfit| LineError::Misfit(quoted(misfit.reason())))?;
        match name {
            Name::Command(_) => {
                return Err(fail_quoting("invalid option `", words.last(), "'"));
            }
            Name::Sort => {}
            Name::Six => given.service.six()?,
            Name::Field(field, form) => {
                if given.present.has(field) {
                    return Err(fail(format!(
                        "multiple '{}' options specified",
                        field.name()
                    )));
                }
                given.present.insert(field);
                given.take(field, form, value, reading)?;
            }
        }
    }
    given.mean(words.positionals())
}

/// The first option is the command; ours may stand before it.
fn first_option<'a>(
    words: &mut Words<'a, '_>,
    present: &mut Present,
) -> Result<(Command, Option<&'a [u8]>), LineError> {
    loop {
        match words.next() {
            Some(Ok((Name::Command(command), value))) => return Ok((command, value)),
            Some(Ok((Name::Field(field, _), _))) if field >= Field::Json => present.insert(field),
            _ => return Err(LineError::NoCommand),
        }
    }
}

fn daemon_role(command: Command, value: Option<&[u8]>) -> Result<Option<DaemonRole>, LineError> {
    // The second text is misspelt in the original, and scripts may look for it.
    let wrong = match command {
        Command::StartDaemon => "illegal start-daemon parameter specified",
        Command::StopDaemon => "illegal start_daemon specified",
        _ => return Ok(None),
    };
    match value {
        Some(b"master") => Ok(Some(DaemonRole::Master)),
        Some(b"backup") => Ok(Some(DaemonRole::Backup)),
        _ => Err(fail(wrong)),
    }
}

/// Reads a timeout in seconds.
pub(super) fn timeout(value: &[u8], least: i64) -> Result<u32, LineError> {
    number_within(value, least, LONGEST_TIMEOUT)
        .ok_or_else(|| fail_quoting("invalid timeout value `", value, "' specified"))
}

fn small<T: TryFrom<u32>>(
    value: &[u8],
    least: i64,
    most: i64,
    wrong: &str,
) -> Result<T, LineError> {
    number_within(value, least, most)
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| fail(wrong))
}

impl<'a> LineOptions<'a> {
    /// Takes the value of one option.
    fn take(
        &mut self,
        field: Field,
        form: Form,
        value: Option<&'a [u8]>,
        reading: &Reading<'_>,
    ) -> Result<(), LineError> {
        let text_given = value.unwrap_or_default();
        match field {
            Field::ServiceAddress => self.service.address(form, text_given, reading)?,
            Field::Scheduler => self.service.scheduler = Some(cut(text_given, 15)),
            Field::Persistent => {
                self.service.persistent = Some(match value {
                    Some(value) => timeout(value, 1)?,
                    None => 360,
                });
            }
            Field::Netmask => self.service.netmask(text_given, reading.names)?,
            Field::Ops => self.service.one_packet = true,
            Field::Engine => self.service.engine = cut(text_given, 16),
            Field::SchedFlags => self.service.flags = Some(cut(text_given, 127)),
            Field::RealServer => {
                let protocol = self.service.protocol;
                self.server
                    .address(text_given, protocol, self.service.port, reading.names)?;
            }
            Field::ForwardingMethod
            | Field::Weight
            | Field::UpperThreshold
            | Field::LowerThreshold
            | Field::TunType
            | Field::TunPort
            | Field::TunNocsum
            | Field::TunCsum
            | Field::TunRemcsum => self.server.take(field, form, text_given)?,
            _ => self.daemon.take(field, text_given)?,
        }
        Ok(())
    }

    /// Checks everything together, and says what is meant.
    fn mean(mut self, positionals: &[&[u8]]) -> Result<Line, LineError> {
        let mut rest = positionals;
        let mut timeouts = Timeouts {
            tcp_seconds: 0,
            tcp_fin_seconds: 0,
            udp_seconds: 0,
        };
        if self.command == Command::Set {
            let [tcp, tcp_fin, udp, more @ ..] = positionals else {
                return Err(fail("--set option requires 3 timeout values"));
            };
            timeouts.tcp_seconds = timeout(tcp, 0)?;
            timeouts.tcp_fin_seconds = timeout(tcp_fin, 0)?;
            timeouts.udp_seconds = timeout(udp, 0)?;
            rest = more;
        }
        if let Some(unexpected) = rest.first() {
            return Err(fail_quoting("unexpected argument ", unexpected, ""));
        }
        self.service.read_flags()?;
        matrix::check(self.command, self.present.bits())?;
        let change = |operation| Ok(Meaning::Change(operation));
        let meaning = match self.command {
            Command::AddService | Command::EditService => {
                self.service.check()?;
                let key = self.service.key()?;
                let configuration = Box::new(self.service.configuration());
                change(match self.command {
                    Command::AddService => Operation::AddService { key, configuration },
                    _ => Operation::EditService {
                        key,
                        before: None,
                        after: configuration,
                    },
                })
            }
            Command::DeleteService => change(Operation::DeleteService {
                key: self.service.key()?,
            }),
            Command::AddServer | Command::EditServer => {
                self.server.check(&self.service, self.present.bits())?;
                let (service, key) = self.server_keys()?;
                let configuration = self.server.configuration();
                change(match self.command {
                    Command::AddServer => Operation::AddDestination {
                        service,
                        key,
                        configuration,
                    },
                    _ => Operation::EditDestination {
                        service,
                        key,
                        configuration,
                    },
                })
            }
            Command::DeleteServer => {
                let (service, key) = self.server_keys()?;
                change(Operation::DeleteDestination { service, key })
            }
            Command::Clear => change(Operation::Flush),
            Command::Set => change(Operation::SetTimeouts(timeouts)),
            Command::StartDaemon => change(Operation::StartDaemon(self.daemon())),
            Command::StopDaemon => change(Operation::StopDaemon(self.daemon().role)),
            Command::Zero => change(Operation::Zero(self.zeroed()?)),
            Command::List => self.listing(),
            Command::Save => Ok(Meaning::Save),
            Command::Restore => Ok(Meaning::Restore),
            Command::Help => Ok(Meaning::Help),
            Command::Version => Ok(Meaning::Version),
        }?;
        Ok(Line {
            command: self.command,
            meaning,
            present: self.present,
            lost_port: self.lost_port(),
        })
    }

    fn server_keys(&self) -> Result<(ServiceKey, DestinationKey), LineError> {
        Ok((self.service.key()?, self.server.key()))
    }

    /// A service of address and port zero stands for everything.
    fn zeroed(&self) -> Result<Option<ServiceKey>, LineError> {
        let everything = !self.present.has(Field::ServiceAddress) || self.service.is_nothing();
        if everything {
            return Ok(None);
        }
        self.service.key().map(Some)
    }

    fn listing(&self) -> Result<Meaning, LineError> {
        matrix::check_listing(self.present.bits())?;
        let has = |field| self.present.has(field);
        Ok(if has(Field::Connection) {
            Meaning::ListConnections
        } else if has(Field::Timeout) {
            Meaning::ListTimeouts
        } else if has(Field::Daemon) {
            Meaning::ListDaemons
        } else if has(Field::ServiceAddress) {
            Meaning::List(Some(self.service.key()?))
        } else {
            Meaning::List(None)
        })
    }

    fn daemon(&self) -> SyncDaemon {
        let interface = &self.daemon.interface;
        SyncDaemon {
            role: self.role.unwrap_or(DaemonRole::Master),
            interface: if interface.is_empty() {
                "eth0".to_owned()
            } else {
                interface.clone()
            },
            sync_id: self.daemon.sync_id,
            sync_maxlen: self.daemon.maxlen,
            group: self.daemon.group.unwrap_or(SyncDaemon::DEFAULT_GROUP),
            port: self.daemon.port.unwrap_or(SyncDaemon::DEFAULT_PORT),
            ttl: self.daemon.ttl.unwrap_or(SyncDaemon::DEFAULT_TTL),
        }
    }

    /// Returns what to say if the line goes through with another port than the one that was written.
    fn lost_port(&self) -> Option<&'static str> {
        let differs =
            |lost: Option<u32>, used: u16| lost.is_some_and(|lost| lost != u32::from(used));
        if differs(self.service.lost_port, self.service.port) {
            return Some(super::service::WRONG_ADDRESS);
        }
        differs(self.server.lost_port, self.server.key().port)
            .then_some(super::server::WRONG_ADDRESS)
    }
}

impl DaemonOptions {
    fn take(&mut self, field: Field, value: &[u8]) -> Result<(), LineError> {
        match field {
            Field::McastInterface => self.interface = text(cut(value, 15)),
            Field::SyncId => self.sync_id = small(value, 0, 255, "illegal syncid specified")?,
            Field::McastGroup => self.group = Some(group(value)?),
            Field::McastPort => {
                self.port = Some(small(value, 1, 65535, "illegal mcast-port specified")?);
            }
            Field::McastTtl => {
                self.ttl = Some(small(value, 1, 255, "illegal mcast-ttl specified")?)
            }
            Field::SyncMaxlen => {
                self.maxlen = Some(small(value, 1, 65507, "illegal sync-maxlen specified")?);
            }
            // Those that only say that something is wanted.
            _ => {}
        }
        Ok(())
    }
}

fn group(value: &[u8]) -> Result<IpAddr, LineError> {
    let six = value.contains(&b':');
    let parsed = std::str::from_utf8(value).ok();
    let parsed = parsed.and_then(|text| text.parse::<IpAddr>().ok());
    parsed
        .filter(|group| group.is_ipv6() == six && group.is_multicast())
        .ok_or_else(|| {
            let family = if six { "IPv6" } else { "IPv4" };
            fail_quoting(&format!("invalid {family} mcast-group `"), value, "'")
        })
}
