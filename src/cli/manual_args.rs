//! The options of what tells about the program: help, man pages, completions.

use clap::{Args, ValueEnum};

#[derive(Clone, Debug, Args)]
pub(super) struct HelpArguments {
    /// Print the whole reference, in Markdown
    #[arg(long, conflicts_with = "name")]
    pub(super) reference: bool,
    /// Print the definitions of the language for Rhai's language server
    #[arg(long, conflicts_with_all = ["name", "reference"])]
    pub(super) definitions: bool,
    /// List what speaks of a word: commands, topics of the manual, functions
    #[arg(short, long, value_name = "WORD", num_args = 1.., conflicts_with_all = ["name", "reference", "definitions"])]
    pub(super) keyword: Vec<String>,
    /// A topic, a command, a function or namespace of the script language, a kind of error, an exit status
    pub(super) name: Vec<String>,
}

#[derive(Clone, Debug, Args)]
pub(super) struct ManArguments {
    /// The folder that the pages are written to; it must be there
    #[arg(long, value_name = "DIR")]
    pub(super) out: String,
}

#[derive(Clone, Debug, Args)]
pub(super) struct CompletionsArguments {
    /// The shell
    pub(super) shell: ShellName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ShellName {
    Bash,
    Zsh,
    Fish,
}
