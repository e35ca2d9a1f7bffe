//! What a field of a list holds.

use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;

use super::{DestinationKey, ServiceKey};

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValue {
    /// It could not be read.
    Unknown,
    /// There is none.
    Nothing,
    /// Yes or no.
    Truth(bool),
    /// A whole number.
    Number(u64),
    /// A part, 0 to 1.
    Share(f64),
    /// A text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// A virtual service.
    Service(ServiceKey),
    /// Several of them.
    Services(Vec<ServiceKey>),
    /// A real server.
    Destination(DestinationKey),
    /// An address.
    Address(IpAddr),
}

impl FieldValue {
    pub(super) fn or_nothing(number: Option<impl Into<u64>>) -> Self {
        number.map_or(Self::Nothing, |number| Self::Number(number.into()))
    }

    /// Returns the same if it is known.
    pub(super) fn if_known(self, known: bool) -> Self {
        if known { self } else { Self::Unknown }
    }

    /// Puts two values of a field in order; what is not there is last, whichever way it goes.
    #[must_use]
    pub fn compared(&self, other: &Self, is_reversed: bool) -> Ordering {
        let is_there = |value: &Self| !matches!(value, Self::Unknown | Self::Nothing);
        match (is_there(self), is_there(other)) {
            (true, true) if is_reversed => other.order(self),
            (true, true) => self.order(other),
            (one, another) => another.cmp(&one),
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Truth(a), Self::Truth(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.cmp(b),
            (Self::Share(a), Self::Share(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Texts(a), Self::Texts(b)) => a.cmp(b),
            (Self::Service(a), Self::Service(b)) => a.cmp(b),
            (Self::Services(a), Self::Services(b)) => a.cmp(b),
            (Self::Destination(a), Self::Destination(b)) => a.cmp(b),
            (Self::Address(a), Self::Address(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }
}

impl fmt::Display for FieldValue {
    /// Writes it for programs: nothing for what is not there.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown | Self::Nothing => Ok(()),
            Self::Truth(value) => value.fmt(out),
            Self::Number(value) => value.fmt(out),
            Self::Share(value) => value.fmt(out),
            Self::Text(value) => value.fmt(out),
            Self::Texts(values) => out.write_str(&values.join(" ")),
            Self::Service(value) => value.fmt(out),
            Self::Services(values) => {
                let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
                out.write_str(&texts.join(" "))
            }
            Self::Destination(value) => value.fmt(out),
            Self::Address(value) => value.fmt(out),
        }
    }
}
