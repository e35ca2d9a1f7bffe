//! Netlink messages: framing, acknowledgements and the end of a dump.

use super::attribute::{Attributes, Strictness};
use super::error::WireError;
use super::uapi::{GENL_HDRLEN, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLMSG_HDRLEN, NLMSGERR_ATTR_MSG};

/// One message of a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The message type: a control type or a family.
    pub kind: u16,
    /// The flags of the header.
    pub flags: u16,
    /// The number that ties a reply to its request.
    pub sequence: u32,
    /// The whole message, its header included.
    pub bytes: &'a [u8],
}

impl<'a> Message<'a> {
    /// Returns what follows the netlink header.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(NLMSG_HDRLEN..).unwrap_or_default()
    }

    /// Returns the generic netlink command.
    ///
    /// # Errors
    /// [`WireError`] if the message is too short to have one.
    pub fn command(&self) -> Result<u8, WireError> {
        let payload = self.payload();
        if payload.len() < GENL_HDRLEN {
            return Err(self.too_short("generic netlink header"));
        }
        Ok(payload[0])
    }

    /// Returns the bytes of the attributes behind the generic netlink header.
    #[must_use]
    pub fn attributes(&self) -> &'a [u8] {
        self.payload().get(GENL_HDRLEN..).unwrap_or_default()
    }

    /// Reads an acknowledgement or a refusal.
    ///
    /// # Errors
    /// [`WireError`] if the message is too short to be one.
    pub fn acknowledgement(&self) -> Result<Acknowledgement, WireError> {
        let payload = self.payload();
        let code = payload
            .get(..4)
            .ok_or_else(|| self.too_short("acknowledgement"))?;
        let code = i32::from_ne_bytes(std::array::from_fn(|index| code[index]));
        let mut text = None;
        if self.flags & NLM_F_ACK_TLVS != 0 {
            let mut skip = 4 + NLMSG_HDRLEN;
            if self.flags & NLM_F_CAPPED == 0 {
                skip = 4 + take_u32(payload, 4).map_or(NLMSG_HDRLEN, |length| length as usize);
            }
            let extended = payload.get(skip.next_multiple_of(4)..).unwrap_or_default();
            let message =
                Attributes::new(extended, Strictness::AsTheKernel).last(NLMSGERR_ATTR_MSG)?;
            text = message.map(|bytes| {
                let end = bytes
                    .iter()
                    .position(|byte| *byte == 0)
                    .unwrap_or(bytes.len());
                String::from_utf8_lossy(&bytes[..end]).into_owned()
            });
        }
        Ok(Acknowledgement {
            errno: code.checked_neg().unwrap_or(i32::MAX),
            text,
        })
    }

    fn too_short(&self, what: &'static str) -> WireError {
        WireError::Length {
            what,
            offset: NLMSG_HDRLEN,
            claimed: 4,
            available: self.payload().len(),
        }
    }
}

/// The kernel's word on one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Zero, or the error number.
    pub errno: i32,
    /// The extended acknowledgement's text, if the kernel gave one.
    pub text: Option<String>,
}

/// Reads a host-order u32 at `offset`.
#[must_use]
pub fn take_u32(bytes: &[u8], offset: usize) -> Option<u32> {
    let four = bytes.get(offset..offset.checked_add(4)?)?;
    Some(u32::from_ne_bytes(std::array::from_fn(|index| four[index])))
}

fn take_u16(bytes: &[u8], offset: usize) -> Option<u16> {
    let two = bytes.get(offset..offset.checked_add(2)?)?;
    Some(u16::from_ne_bytes([two[0], two[1]]))
}

/// Walks the messages of one datagram.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Messages<'a> {
    /// Starts at the first message of a datagram.
    #[must_use]
    pub const fn new(datagram: &'a [u8]) -> Self {
        Self {
            rest: datagram,
            offset: 0,
        }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let length = take_u32(self.rest, 0).map_or(0, |length| length as usize);
        if length < NLMSG_HDRLEN || length > self.rest.len() {
            let error = WireError::Length {
                what: "message",
                offset: self.offset,
                claimed: length,
                available: self.rest.len(),
            };
            self.rest = &[];
            return Some(Err(error));
        }
        let bytes = &self.rest[..length];
        let step = length.next_multiple_of(4).min(self.rest.len());
        self.rest = &self.rest[step..];
        self.offset += step;
        Some(Ok(Message {
            kind: take_u16(bytes, 4).unwrap_or_default(),
            flags: take_u16(bytes, 6).unwrap_or_default(),
            sequence: take_u32(bytes, 8).unwrap_or_default(),
            bytes,
        }))
    }
}

/// Appends a netlink header whose length [`finish`] fills in, and returns where the message begins.
pub fn put_header(out: &mut Vec<u8>, kind: u16, flags: u16, sequence: u32) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(&flags.to_ne_bytes());
    out.extend_from_slice(&sequence.to_ne_bytes());
    out.extend_from_slice(&[0; 4]);
    start
}

/// Writes the length of the message that begins at `start`.
pub fn finish(out: &mut [u8], start: usize) {
    let length = u32::try_from(out.len() - start).expect("BUG: our messages are short");
    out[start..start + 4].copy_from_slice(&length.to_ne_bytes());
}
