//! An option whose value may be left out takes it behind `=`. Behind a space it would be taken for something else, which is said before
//! anything runs.

use std::ffi::OsString;
use std::path::Path;

use clap::CommandFactory;

use super::args::Arguments;

/// An option, the values that are words, and what it is without a value.
struct Optional {
    name: &'static str,
    words: &'static [&'static str],
    alone: &'static str,
}

const OPTIONAL: [Optional; 4] = [
    Optional {
        name: "--sim",
        words: &[],
        alone: "an empty simulated table",
    },
    Optional {
        name: "--prune",
        words: &["servers", "services"],
        alone: "no choice",
    },
    Optional {
        name: "--allow-read",
        words: &[],
        alone: "every file",
    },
    Optional {
        name: "--allow-write",
        words: &[],
        alone: "every file",
    },
];

/// Commands whose own argument is a file, so that one behind `--sim` is theirs if there is no other.
const TAKE_FILES: [&str; 5] = ["plan", "apply", "diff", "run", "check"];

/// Returns what is wrong with a value that stands behind a space, and how it is right.
pub(super) fn value_behind_a_space(arguments: &[OsString]) -> Option<String> {
    let words: Vec<&str> = arguments
        .iter()
        .skip(1)
        .map(|word| word.to_str().unwrap_or_default())
        .collect();
    for (place, pair) in words.windows(2).enumerate() {
        let (word, behind) = (pair[0], pair[1]);
        // What stands behind a script's name is the script's own.
        if word == "--" || is_script(word) {
            return None;
        }
        let Some(option) = OPTIONAL.iter().find(|option| option.name == word) else {
            continue;
        };
        let is_value = option.words.contains(&behind)
            || (Path::new(behind).is_file() && !is_command(behind) && !is_own_file(&words, place));
        if is_value {
            let (name, alone) = (option.name, option.alone);
            let shown = crate::model::shown(behind);
            return Some(format!(
                "the value of {name} stands behind `=`: {name}={shown} ({name} alone means {alone}; where {shown} is not its value, {name} goes behind it)"
            ));
        }
    }
    None
}

/// Returns whether a word is a command, whatever file has its name: `./list` is the file.
fn is_command(word: &str) -> bool {
    let program = Arguments::command();
    program
        .get_subcommands()
        .any(|command| command.get_name() == word)
}

fn is_script(word: &str) -> bool {
    word.ends_with(".rhai") && !word.starts_with('-')
}

/// Returns whether the word behind an option is the file that the command is about: a script, or the only file that is named.
fn is_own_file(words: &[&str], option: usize) -> bool {
    let behind = words[option + 1];
    if is_script(behind) {
        return true;
    }
    if !words[..option].iter().any(|word| TAKE_FILES.contains(word)) {
        return false;
    }
    let others = words.iter().enumerate().filter(|(place, word)| {
        *place != option + 1 && !word.starts_with('-') && Path::new(word).is_file()
    });
    // A script that does not end in .rhai may have files for arguments.
    let is_run = words.contains(&"run");
    others
        .into_iter()
        .all(|(_, word)| is_run && !is_script(word))
}
