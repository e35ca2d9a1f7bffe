//! Where something was said.

/// Where in a script a change was staged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The script's file.
    pub source: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}
