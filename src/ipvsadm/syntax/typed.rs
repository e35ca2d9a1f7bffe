//! Telling lines of `ipvsadm` from others, as people type and paste them: with `sudo`, a path, a prompt of the shell before it, or
//! without the name of the program.

use super::grammar::{Command, Manner, Name, Words};

/// Which of the three programs is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Ipvsadm,
    Save,
    Restore,
}

impl Program {
    /// Finds a program by its name.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"ipvsadm" => Some(Self::Ipvsadm),
            b"ipvsadm-save" => Some(Self::Save),
            b"ipvsadm-restore" => Some(Self::Restore),
            _ => None,
        }
    }

    /// Finds a program by the path that it is called by.
    pub(crate) fn called(path: &[u8]) -> Option<Self> {
        Self::named(path.rsplit(|byte| *byte == b'/').next()?)
    }
}

/// A line that somebody typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Typed {
    pub(crate) program: Program,
    /// The words behind the program's name.
    pub(crate) words: Vec<Vec<u8>>,
    /// What of it was for the shell and has no place here, such as a pipe.
    pub(crate) rest: Option<String>,
}

/// Returns whether a word begins a line of `ipvsadm`: it is one of its commands, with other letters behind it.
fn is_command(word: &str) -> bool {
    let is_option = match word.strip_prefix('-') {
        Some(rest) => match rest.strip_prefix('-') {
            Some(name) => name.starts_with(|c: char| c.is_ascii_alphabetic()),
            None => {
                let letter = |c: char| c.is_ascii_alphanumeric();
                rest.starts_with(|c: char| c.is_ascii_alphabetic()) && rest.chars().all(letter)
            }
        },
        None => false,
    };
    // A value that a command needs is behind it.
    let words = [word.as_bytes(), b"-"];
    let manner = Manner {
        posix: false,
        ours: false,
    };
    let first = Words::new(&words, manner).next();
    is_option
        && matches!(first, Some(Ok((Name::Command(command), _))) if !matches!(command, Command::Help | Command::Version))
}

/// Returns what a line of `ipvsadm` calls; `None` if it is something else.
pub(crate) fn typed(line: &str) -> Option<Typed> {
    let (line, rest) = without_shell(line);
    // A line that was copied together with the prompt of its shell.
    let line = line.trim_start();
    let line = line
        .strip_prefix("$ ")
        .or(line.strip_prefix("# "))
        .unwrap_or(line);
    let words = shlex::split(line)?;
    let mut words = words.into_iter().peekable();
    let is_prefix = |word: &String| {
        let is_variable = word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
        });
        is_variable || matches!(word.as_str(), "sudo" | "doas" | "env" | "command")
    };
    let mut is_called_by = false;
    while words.next_if(is_prefix).is_some() {
        is_called_by = true;
    }
    while is_called_by && words.next_if(|word| word.starts_with('-')).is_some() {}
    let first = words.peek()?;
    let program = match Program::called(first.as_bytes()) {
        Some(program) => {
            words.next();
            program
        }
        None if is_command(first) && !is_called_by => Program::Ipvsadm,
        None => return None,
    };
    Some(Typed {
        program,
        words: words.map(String::into_bytes).collect(),
        rest,
    })
}

/// Takes off what is for a shell: redirections, pipes, further commands.
fn without_shell(line: &str) -> (&str, Option<String>) {
    let mut quote = None;
    for (place, character) in line.char_indices() {
        match (quote, character) {
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            (None, '|' | '<' | '>' | ';' | '&') => {
                return (&line[..place], Some(line[place..].trim().to_owned()));
            }
            _ => {}
        }
    }
    (line, None)
}

#[cfg(test)]
mod tests {
    use super::{Program, is_command, typed};

    #[test]
    fn lines_of_ipvsadm_are_told_from_expressions() {
        for (line, program, words) in [
            ("-Ln", Program::Ipvsadm, "-Ln"),
            ("ipvsadm", Program::Ipvsadm, ""),
            ("sudo ipvsadm -Ln", Program::Ipvsadm, "-Ln"),
            ("sudo -n /sbin/ipvsadm -L", Program::Ipvsadm, "-L"),
            ("# ipvsadm -C", Program::Ipvsadm, "-C"),
            ("LC_ALL=C ipvsadm -l", Program::Ipvsadm, "-l"),
            ("-A -t 192.0.2.1:80", Program::Ipvsadm, "-A -t 192.0.2.1:80"),
            ("--list", Program::Ipvsadm, "--list"),
            (
                "--start-daemon master",
                Program::Ipvsadm,
                "--start-daemon master",
            ),
            ("ipvsadm-save -n", Program::Save, "-n"),
            ("ipvsadm-save > rules", Program::Save, ""),
            ("ipvsadm-restore < rules", Program::Restore, ""),
        ] {
            let found = typed(line).unwrap();
            let expected: Vec<&[u8]> = words.split_whitespace().map(str::as_bytes).collect();
            assert_eq!(
                (found.program, found.words),
                (program, expected.iter().map(|word| word.to_vec()).collect()),
                "{line}"
            );
        }
        let piped = typed("ipvsadm -Ln | grep 10.0").unwrap();
        assert_eq!(piped.rest.as_deref(), Some("| grep 10.0"));
        for line in [
            "-1",
            "-x",
            "-d.weight",
            "--",
            "- 1",
            "service::list()",
            "",
            "sudo ls",
            "x = 1",
            "\"",
        ] {
            assert_eq!(typed(line), None, "{line}");
        }
        assert!(is_command("-A") && !is_command("A") && !is_command("-h"));
    }
}
