//! Which lines are to be shown.

use std::collections::HashSet;
use std::net::IpAddr;

use super::view::{Column, View};
use crate::model::{DestinationKey, Invalid, ObjectId, Row, RowKind, ServiceKey};
use crate::script::RowFilter;

/// What a line is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A virtual service.
    Service(ServiceKey),
    /// A real server of one.
    Destination(ServiceKey, DestinationKey),
    /// An address that serves.
    Server(IpAddr),
    /// A network of clients.
    Client(String),
    /// A real server that is drained.
    Drain(ServiceKey, DestinationKey),
}

impl What {
    /// Returns the object of the table that it is.
    pub(super) fn object(&self) -> Option<ObjectId> {
        match self {
            Self::Service(key) => Some(ObjectId::Service(*key)),
            Self::Destination(service, key) | Self::Drain(service, key) => {
                Some(ObjectId::Destination(*service, *key))
            }
            Self::Server(_) | Self::Client(_) => None,
        }
    }

    /// Returns whether it stands below another line.
    pub(super) const fn is_below(&self) -> bool {
        matches!(self, Self::Destination(..))
    }

    /// Returns its name.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Service(key) => key.to_string(),
            Self::Destination(_, key) => key.to_string(),
            Self::Server(address) => address.to_string(),
            Self::Client(network) => network.clone(),
            Self::Drain(service, key) => format!("{service}/{key}"),
        }
    }
}

/// What lines are to be shown.
pub(super) struct Choice<'c> {
    pub(super) view: View,
    pub(super) sort: (Column, bool),
    pub(super) filter: &'c Filter,
    pub(super) folded: &'c HashSet<ServiceKey>,
    pub(super) hides_idle: bool,
    pub(super) is_kernels: bool,
    pub(super) is_bytes: bool,
}

/// Which lines are meant.
#[derive(Default)]
pub(super) enum Filter {
    #[default]
    All,
    /// Whose name has this in it, whatever the case.
    Words(String),
    /// Of which this expression is true.
    Expression(Box<RowFilter>),
}

impl Filter {
    /// Reads what was typed for a view: an expression over fields, or part of a name. What looks like an expression and is none is
    /// looked for in names, and why it is none is returned too.
    pub(super) fn parse(text: &str, view: View) -> (Self, Option<Invalid>) {
        let kind = match view {
            View::Services => Some(RowKind::Destination),
            View::Servers => Some(RowKind::Server),
            View::Clients | View::Drains => None,
        };
        let text = text.trim();
        if text.is_empty() {
            return (Self::All, None);
        }
        let words = || Self::Words(text.to_lowercase());
        // A mere name or number is no condition.
        let is_condition = text.contains(['=', '<', '>', '!', '&', '|']);
        match kind.filter(|_| is_condition) {
            Some(kind) => match RowFilter::parse(text, kind) {
                Ok(filter) => (Self::Expression(Box::new(filter)), None),
                Err(misread) => (words(), Some(misread)),
            },
            None => (words(), None),
        }
    }

    pub(super) fn has_words(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Words(words) => name.to_lowercase().contains(words),
            Self::Expression(_) => false,
        }
    }

    pub(super) fn takes(&self, row: &Row<'_>) -> bool {
        match self {
            Self::Expression(filter) => filter.takes(row).unwrap_or(false),
            Self::All | Self::Words(_) => false,
        }
    }
}
