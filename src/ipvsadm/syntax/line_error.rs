//! Why a line can't be taken, in the words of the original.

/// Why a line can't be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LineError {
    /// There is no command in it.
    NoCommand,
    /// An option can't be taken; a list of commands goes on behind it.
    Misfit(Vec<u8>),
    /// A usage or value error; ends a list of commands.
    Usage(Vec<u8>),
}

/// Makes a usage or value error.
pub(super) fn fail(text: impl Into<Vec<u8>>) -> LineError {
    LineError::Usage(text.into())
}

/// Makes a usage or value error that quotes what was typed.
pub(super) fn fail_quoting(before: &str, value: &[u8], after: &str) -> LineError {
    LineError::Usage([before.as_bytes(), value, after.as_bytes()].concat())
}
