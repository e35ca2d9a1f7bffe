//! What can be wrong with bytes.

use thiserror::Error;

/// Bytes that are no message of the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WireError {
    /// A message or attribute claims more bytes than there are, or fewer than its header.
    #[error("{what} at byte {offset} claims {claimed} bytes, {available} are there")]
    Length {
        /// What claims the length.
        what: &'static str,
        /// Where it begins.
        offset: usize,
        /// The length it claims.
        claimed: usize,
        /// The bytes that are there.
        available: usize,
    },
    /// A value has too few or too many bytes for its type.
    #[error("attribute {attribute} of {record} has {found} bytes, expected {expected}")]
    Width {
        /// The record it belongs to.
        record: &'static str,
        /// The attribute's number.
        attribute: u16,
        /// Its bytes.
        found: usize,
        /// The bytes it should have.
        expected: &'static str,
    },
    /// A record that should be there is not.
    #[error("{record} is missing")]
    Missing {
        /// The record.
        record: &'static str,
    },
    /// A command that the family does not have in this direction.
    #[error("unknown command {command}")]
    Command {
        /// The command's number.
        command: u8,
    },
}
