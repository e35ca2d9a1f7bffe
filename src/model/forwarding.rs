//! How packets reach a real server.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU16;

use super::{Invalid, Port};

/// The path of a packet from the director to a real server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ForwardingMethod {
    /// Network address translation; replies return through the director.
    Masquerading,
    /// The director itself.
    Local,
    /// Wrapped in an outer packet, see [`Tunnel`].
    Tunneling,
    /// Sent unchanged to the server's link-layer address.
    DirectRouting,
    /// Sent on to its original destination.
    Bypass,
    /// A number that some other tool put into the kernel (5 to 7); shown and kept, never created here.
    Other(u8),
}

impl ForwardingMethod {
    const WORDS: [(&'static str, Self); 5] = [
        ("masquerading", Self::Masquerading),
        ("direct_routing", Self::DirectRouting),
        ("tunneling", Self::Tunneling),
        ("local", Self::Local),
        ("bypass", Self::Bypass),
    ];

    /// Returns the words that [`ForwardingMethod::parse`] takes.
    pub fn words() -> impl Iterator<Item = &'static str> {
        Self::WORDS.iter().map(|(word, _)| *word)
    }

    /// Returns its name, which [`ForwardingMethod::parse`] takes.
    #[must_use]
    pub fn name(&self) -> Cow<'static, str> {
        let known = Self::WORDS.iter().find(|(_, method)| method == self);
        match (known, self) {
            (Some((word, _)), _) => Cow::Borrowed(word),
            (None, Self::Other(number)) => Cow::Owned(format!("method-{number}")),
            (None, _) => Cow::Borrowed(""),
        }
    }

    /// Reads `masquerading`, `direct_routing`, `tunneling`, `local`, `bypass` or `method-N`.
    ///
    /// # Errors
    /// [`Invalid`] for any other word, with the nearest known one.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if let Some((_, method)) = Self::WORDS.iter().find(|(word, _)| *word == text) {
            return Ok(*method);
        }
        let numbered = || text.strip_prefix("method-")?.parse::<u8>().ok();
        if let Some(number) = numbered().filter(|number| (5..8).contains(number)) {
            return Ok(Self::Other(number));
        }
        let expected = match super::suggestion(text, Self::words()) {
            Some(word) => format!("did you mean {word}?"),
            None => "write masquerading, direct_routing, tunneling, local or bypass".to_owned(),
        };
        Err(Invalid::new("forwarding", text, expected))
    }
}

impl fmt::Display for ForwardingMethod {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.name())
    }
}

/// How the outer packet of a tunnel guards the inner one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Checksum {
    /// No checksum in the outer header.
    #[default]
    None,
    /// A checksum in the outer header.
    Csum,
    /// Remote checksum offload; GUE only.
    Remcsum,
}

impl Checksum {
    /// Reads `none`, `csum` or `remcsum`.
    ///
    /// # Errors
    /// [`Invalid`] for any other word.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "none" => Ok(Self::None),
            "csum" => Ok(Self::Csum),
            "remcsum" => Ok(Self::Remcsum),
            _ => Err(Invalid::new(
                "checksum",
                text,
                "write none, csum or remcsum",
            )),
        }
    }

    /// Returns the word used in documents.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Csum => "csum",
            Self::Remcsum => "remcsum",
        }
    }
}

/// How packets are wrapped when the forwarding method is tunneling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tunnel {
    /// IP in IP; what the kernel does when nothing else is said.
    #[default]
    Ipip,
    /// Generic UDP encapsulation.
    Gue {
        /// The UDP port of the outer packet.
        port: NonZeroU16,
        /// The checksum of the outer packet.
        checksum: Checksum,
    },
    /// Generic routing encapsulation; knows no remote checksum offload.
    Gre {
        /// The checksum of the outer packet: none or csum.
        checksum: Checksum,
    },
    /// A combination that some other tool put into the kernel; shown and kept, never created here.
    Other {
        /// The kernel's number of the type.
        kind: u8,
        /// The port.
        port: Port,
        /// The flag bits.
        flags: u16,
    },
}

impl Tunnel {
    /// Makes a GUE tunnel.
    ///
    /// # Errors
    /// [`Invalid`] if the port is zero.
    pub fn gue(port: Port, checksum: Checksum) -> Result<Self, Invalid> {
        NonZeroU16::new(port)
            .map(|port| Self::Gue { port, checksum })
            .ok_or_else(|| Invalid::new("tunnel port", port, "gue needs a port from 1 to 65535"))
    }

    /// Makes a GRE tunnel.
    ///
    /// # Errors
    /// [`Invalid`] if the checksum is `remcsum`.
    pub fn gre(checksum: Checksum) -> Result<Self, Invalid> {
        match checksum {
            Checksum::Remcsum => Err(Invalid::new(
                "checksum",
                "remcsum",
                "a gre tunnel takes none or csum",
            )),
            Checksum::None | Checksum::Csum => Ok(Self::Gre { checksum }),
        }
    }

    /// Makes a tunnel from the parts that documents and scripts name.
    ///
    /// # Errors
    /// [`Invalid`] for a type that is not known, or a part that the type does not take.
    pub fn from_parts(
        kind: &str,
        port: Option<Port>,
        checksum: Option<Checksum>,
        flags: Option<u16>,
    ) -> Result<Self, Invalid> {
        let numbered = kind
            .strip_prefix("type-")
            .and_then(|number| number.parse::<u8>().ok());
        if let Some(kind) = numbered {
            return Ok(Self::Other {
                kind,
                port: port.unwrap_or_default(),
                flags: flags.unwrap_or_default(),
            });
        }
        let refuse = |part: &str| {
            Err(Invalid::new(
                format!("tunnel {part}"),
                kind,
                format!("a tunnel of this type takes no {part}"),
            ))
        };
        if flags.is_some() {
            return refuse("flags");
        }
        match (kind, port, checksum) {
            ("ipip", Some(_), _) | ("gre", Some(_), _) => refuse("port"),
            ("ipip", None, Some(_)) => refuse("checksum"),
            ("ipip", None, None) => Ok(Self::Ipip),
            ("gre", None, checksum) => Self::gre(checksum.unwrap_or_default()),
            ("gue", port, checksum) => {
                Self::gue(port.unwrap_or_default(), checksum.unwrap_or_default())
            }
            _ => Err(Invalid::new("tunnel type", kind, "write ipip, gue or gre")),
        }
    }

    /// Reads the one-word form of the command line: `ipip`, `gue:PORT[:CHECKSUM]`, `gre[:CHECKSUM]`.
    ///
    /// # Errors
    /// [`Invalid`] names the text and the three forms.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let wrong = || {
            Invalid::new(
                "tunnel",
                text,
                "write ipip, gue:PORT[:CHECKSUM] or gre[:CHECKSUM]",
            )
        };
        let parts: Vec<&str> = text.split(':').collect();
        let checksum =
            |word: Option<&&str>| word.map_or(Ok(Checksum::None), |w| Checksum::parse(w));
        match parts.as_slice() {
            ["ipip"] => Ok(Self::Ipip),
            ["gue", port] | ["gue", port, _] => {
                let port = port.parse::<Port>().map_err(|_| wrong())?;
                Self::gue(port, checksum(parts.get(2))?)
            }
            ["gre"] | ["gre", _] => Self::gre(checksum(parts.get(1))?),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Tunnel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipip => out.write_str("ipip"),
            Self::Gue { port, checksum } => write!(out, "gue:{port}:{}", checksum.word()),
            Self::Gre { checksum } => write!(out, "gre:{}", checksum.word()),
            Self::Other { kind, port, flags } => write!(out, "type-{kind}:{port}:{flags:#x}"),
        }
    }
}
