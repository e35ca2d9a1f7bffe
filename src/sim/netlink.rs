//! Netlink as the kernel speaks it: messages in a datagram one by one, an answer for each refusal, dumps that
//! go on with every receive.

use std::collections::VecDeque;
use std::ops::Bound;

use super::policy::{self, VIOLATION_TEXT, libc_errno as errno};
use super::server::ServiceIdentity;
use super::service::Ruling;
use super::state::{OrderKey, State, reported};
use super::{daemon, destination, service};
use crate::wire::{
    Attributes, InfoAttributes, Message, Messages, Record, Strictness, finish, put_header,
    uapi as k,
};

/// The number of the family; the kernel deals them out at run time.
const FAMILY: u16 = 0x1c;
/// The kernel's dump datagrams grow to the size of the reader's buffer, up to this.
const DUMP_DATAGRAM: usize = 32 * 1024;
/// Room that a record needs in a dump datagram.
const LARGEST_RECORD: usize = 512;

/// A dump that is not finished.
struct Dump {
    sequence: u32,
    kind: DumpKind,
    /// Records already sent: the kernel's only memory of where it was.
    seen: usize,
    /// The service sent last, and how often services had come or gone by then: while none does, counting ends at the same
    /// place, and need not be done.
    last: Option<(OrderKey, u64)>,
}

#[derive(Clone, Copy)]
enum DumpKind {
    Services,
    Destinations(Option<ServiceIdentity>),
    Daemons,
}

/// The kernel's side of one socket.
#[derive(Default)]
pub(super) struct Socket {
    queue: VecDeque<Vec<u8>>,
    dump: Option<Dump>,
}

/// What a message is answered with, beside an acknowledgement.
enum Answer {
    Nothing,
    Record(Box<Record>),
    Raw(Vec<u8>),
    Dump(DumpKind),
}

/// A refusal with the text of the extended acknowledgement.
struct Refused {
    errno: i32,
    text: Option<&'static str>,
}

impl From<i32> for Refused {
    fn from(errno: i32) -> Self {
        Self { errno, text: None }
    }
}

impl Socket {
    /// Executes the messages of a datagram; what is no message ends it quietly.
    pub(super) fn execute(&mut self, state: &mut State, datagram: &[u8]) {
        for message in Messages::new(datagram) {
            let Ok(message) = message else { return };
            let wants_answer = message.flags & k::NLM_F_ACK != 0;
            if message.kind < k::NLMSG_MIN_TYPE || message.flags & k::NLM_F_REQUEST == 0 {
                if wants_answer {
                    self.acknowledge(&message, 0, None);
                }
                continue;
            }
            match dispatch(state, &message) {
                Err(refused) => self.acknowledge(&message, refused.errno, refused.text),
                Ok(Answer::Dump(_)) if self.dump.is_some() => {
                    self.acknowledge(&message, errno::EBUSY, None)
                }
                Ok(Answer::Dump(kind)) => {
                    self.dump = Some(Dump {
                        sequence: message.sequence,
                        kind,
                        seen: 0,
                        last: None,
                    });
                    self.step(state);
                }
                Ok(answer) => {
                    match answer {
                        Answer::Record(mut record) => {
                            complete(&mut record);
                            let mut bytes = Vec::new();
                            record.encode(&mut bytes, FAMILY, 0, message.sequence);
                            self.queue.push_back(bytes);
                        }
                        Answer::Raw(bytes) => self.queue.push_back(bytes),
                        Answer::Nothing | Answer::Dump(_) => {}
                    }
                    if wants_answer {
                        self.acknowledge(&message, 0, None);
                    }
                }
            }
        }
    }

    /// Takes the oldest datagram; a running dump makes its next one.
    pub(super) fn receive(&mut self, state: &State) -> Option<Vec<u8>> {
        let datagram = self.queue.pop_front()?;
        self.step(state);
        Some(datagram)
    }

    fn acknowledge(&mut self, message: &Message<'_>, errno: i32, text: Option<&str>) {
        let tlvs = if text.is_some() { k::NLM_F_ACK_TLVS } else { 0 };
        let mut bytes = Vec::new();
        let start = put_header(
            &mut bytes,
            k::NLMSG_ERROR,
            k::NLM_F_CAPPED | tlvs,
            message.sequence,
        );
        bytes.extend_from_slice(&(-errno).to_ne_bytes());
        bytes.extend_from_slice(message.bytes.get(..k::NLMSG_HDRLEN).unwrap_or_default());
        if let Some(text) = text {
            let length = u16::try_from(k::NLA_HDRLEN + text.len() + 1).unwrap_or_default();
            bytes.extend_from_slice(&length.to_ne_bytes());
            bytes.extend_from_slice(&k::NLMSGERR_ATTR_MSG.to_ne_bytes());
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        finish(&mut bytes, start);
        self.queue.push_back(bytes);
    }

    /// Makes the next datagram of a dump; the step that finds nothing more to send ends it.
    fn step(&mut self, state: &State) {
        let Some(dump) = &mut self.dump else { return };
        let mut bytes = Vec::new();
        let sequence = dump.sequence;
        let mut put = |mut record: Record| {
            complete(&mut record);
            record.encode(&mut bytes, FAMILY, k::NLM_F_MULTI, sequence);
            bytes.len() + LARGEST_RECORD <= DUMP_DATAGRAM
        };
        let mut sent = 0;
        match dump.kind {
            DumpKind::Services => {
                let known = dump.last.filter(|(_, moves)| *moves == state.moves);
                let (after, skipped) = match known {
                    Some((key, _)) => (Bound::Excluded(key), 0),
                    None => (Bound::Unbounded, dump.seen),
                };
                let rest = state.order.range((after, Bound::Unbounded));
                for (key, place) in rest.skip(skipped) {
                    let Some(service) = state.services.get(*place) else {
                        continue;
                    };
                    sent += 1;
                    dump.last = Some((*key, state.moves));
                    if !put(Record::Service(Box::new(state.service_record(service)))) {
                        break;
                    }
                }
            }
            DumpKind::Destinations(identity) => {
                let service = identity.and_then(|identity| state.service(&identity));
                let destinations = service
                    .into_iter()
                    .flat_map(|service| state.newest_first(service));
                for destination in destinations.skip(dump.seen) {
                    sent += 1;
                    if !put(Record::Destination(Box::new(destination::record(
                        state,
                        destination,
                    )))) {
                        break;
                    }
                }
            }
            DumpKind::Daemons => {
                for daemon in state.daemon_records().into_iter().skip(dump.seen) {
                    sent += 1;
                    if !put(Record::Daemon(daemon)) {
                        break;
                    }
                }
            }
        }
        dump.seen += sent;
        if sent == 0 {
            let start = put_header(&mut bytes, k::NLMSG_DONE, k::NLM_F_MULTI, sequence);
            bytes.extend_from_slice(&0i32.to_ne_bytes());
            finish(&mut bytes, start);
            self.dump = None;
        }
        self.queue.push_back(bytes);
    }
}

/// Fills in the counters as the kernel reports them: twice, and zeros too.
fn complete(record: &mut Record) {
    let (narrow, wide) = match record {
        Record::Service(service) => (&mut service.counters, &mut service.counters64),
        Record::Destination(server) => (&mut server.counters, &mut server.counters64),
        Record::Daemon(_) | Record::Config(_) | Record::Info(_) => return,
    };
    *wide = reported(wide.take());
    narrow.clone_from(wide);
}

fn dispatch(state: &mut State, message: &Message<'_>) -> Result<Answer, Refused> {
    match message.kind {
        k::GENL_ID_CTRL => Ok(controller(message)?),
        FAMILY => ipvs(state, message),
        _ => Err(errno::ENOENT.into()),
    }
}

/// The controller knows one family here.
fn controller(message: &Message<'_>) -> Ruling<Answer> {
    let command = message.command().map_err(|_| errno::EINVAL)?;
    if command != k::CTRL_CMD_GETFAMILY {
        return Err(errno::EOPNOTSUPP);
    }
    let name = Attributes::new(message.attributes(), Strictness::AsTheKernel)
        .last(k::CTRL_ATTR_FAMILY_NAME);
    let name = name.ok().flatten().ok_or(errno::EINVAL)?;
    if name.strip_suffix(b"\0") != Some(k::IPVS_GENL_NAME.as_bytes()) {
        return Err(errno::ENOENT);
    }
    let mut bytes = Vec::new();
    let start = put_header(&mut bytes, k::GENL_ID_CTRL, 0, message.sequence);
    bytes.extend_from_slice(&[k::CTRL_CMD_NEWFAMILY, 2, 0, 0]);
    bytes.extend_from_slice(&6u16.to_ne_bytes());
    bytes.extend_from_slice(&k::CTRL_ATTR_FAMILY_ID.to_ne_bytes());
    bytes.extend_from_slice(&FAMILY.to_ne_bytes());
    bytes.extend_from_slice(&[0, 0]);
    finish(&mut bytes, start);
    Ok(Answer::Raw(bytes))
}

fn ipvs(state: &mut State, message: &Message<'_>) -> Result<Answer, Refused> {
    let command = message
        .command()
        .map_err(|_| Refused::from(errno::EINVAL))?;
    let body = message.attributes();
    let dump = message.flags & k::NLM_F_DUMP == k::NLM_F_DUMP;
    let has_dump = matches!(
        command,
        k::IPVS_CMD_GET_SERVICE | k::IPVS_CMD_GET_DEST | k::IPVS_CMD_GET_DAEMON
    );
    let has_do = matches!(command, k::IPVS_CMD_NEW_SERVICE..=k::IPVS_CMD_FLUSH)
        && !matches!(
            command,
            k::IPVS_CMD_GET_DEST | k::IPVS_CMD_GET_DAEMON | k::IPVS_CMD_SET_INFO
        );
    if (dump && !has_dump) || (!dump && !has_do) {
        return Err(errno::EOPNOTSUPP.into());
    }
    let part = |number: u16| {
        Attributes::new(body, Strictness::AsTheKernel)
            .last(number)
            .ok()
            .flatten()
    };
    let service = part(k::IPVS_CMD_ATTR_SERVICE);
    if dump {
        // A dump of a service that is not there is empty, not an error.
        return Ok(Answer::Dump(match command {
            k::IPVS_CMD_GET_SERVICE => DumpKind::Services,
            k::IPVS_CMD_GET_DEST => {
                DumpKind::Destinations(state.find_service(&service::read(service)).ok())
            }
            _ => DumpKind::Daemons,
        }));
    }
    policy::check_top(body).map_err(|violation| Refused {
        errno: violation.0,
        text: Some(VIOLATION_TEXT),
    })?;
    if let Some(errno) = state.refusals.take(command) {
        return Err(errno.into());
    }
    let given = || service::read(service);
    let server = || destination::read(part(k::IPVS_CMD_ATTR_DEST));
    let daemon = || daemon::read(part(k::IPVS_CMD_ATTR_DAEMON));
    let done = match command {
        k::IPVS_CMD_NEW_SERVICE => state.new_service(given()),
        k::IPVS_CMD_SET_SERVICE => state.set_service(given()),
        k::IPVS_CMD_DEL_SERVICE => state.delete_service(&given()),
        k::IPVS_CMD_NEW_DEST => state.new_destination(&given(), server()),
        k::IPVS_CMD_SET_DEST => state.set_destination(&given(), server()),
        k::IPVS_CMD_DEL_DEST => state.delete_destination(&given(), server()),
        k::IPVS_CMD_NEW_DAEMON => state.new_daemon(daemon()),
        k::IPVS_CMD_DEL_DAEMON => state.delete_daemon(daemon()),
        k::IPVS_CMD_SET_CONFIG => state.set_config(&daemon::read_config(body)),
        k::IPVS_CMD_ZERO => state.zero(service.map(|_| given()).as_ref()),
        k::IPVS_CMD_FLUSH => {
            state.flush();
            Ok(())
        }
        _ => return Ok(Answer::Record(Box::new(read(state, command, service)?))),
    };
    done?;
    Ok(Answer::Nothing)
}

fn read(state: &State, command: u8, service: Option<&[u8]>) -> Ruling<Record> {
    match command {
        k::IPVS_CMD_GET_SERVICE => {
            let identity = state.find_service(&service::read(service))?;
            let service = state.service(&identity).ok_or(errno::ESRCH)?;
            Ok(Record::Service(Box::new(state.service_record(service))))
        }
        k::IPVS_CMD_GET_CONFIG => Ok(Record::Config(state.config_record())),
        _ => Ok(Record::Info(InfoAttributes {
            version: Some(0x0001_0201),
            connection_table_size: Some(state.connection_table_size()),
        })),
    }
}
