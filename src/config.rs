//! The environment: locale, variables, directories, and who runs the program.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Which characters a text view may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Characters {
    /// Everything.
    Unicode,
    /// ASCII alone.
    Ascii,
}

/// A user's folders; the package knows where desktops and users have moved them to. Without HOME it asks the C library for
/// the user's home, which would load modules that fit another one: with the C library inside, `/etc/passwd` is read instead.
fn folder_of(kind: Kind) -> Option<PathBuf> {
    let has_home = std::env::var_os("HOME").is_some_and(|home| !home.is_empty());
    if has_home || cfg!(not(target_feature = "crt-static")) {
        let folders = directories::ProjectDirs::from("", "", "ipvsh")?;
        return Some(match kind {
            Kind::Settings => folders.config_dir().to_owned(),
            Kind::State => folders
                .state_dir()
                .unwrap_or_else(|| folders.data_dir())
                .to_owned(),
        });
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let home = home_of(&users, user_id()).filter(|home| !home.is_empty())?;
    let (variable, usual) = match kind {
        Kind::Settings => ("XDG_CONFIG_HOME", ".config"),
        Kind::State => ("XDG_STATE_HOME", ".local/state"),
    };
    let named = std::env::var_os(variable).map(PathBuf::from);
    let parent = named
        .filter(|named| named.is_absolute())
        .unwrap_or_else(|| Path::new(&home).join(usual));
    Some(parent.join("ipvsh"))
}

/// What a folder is for.
#[derive(Clone, Copy)]
enum Kind {
    Settings,
    State,
}

/// Returns the folder for what lasts but matters to no one else, such as the history of the prompt.
#[must_use]
pub fn state_folder() -> Option<PathBuf> {
    folder_of(Kind::State)
}

/// Returns the folder for what must last: the journal. `None` if there is no home to put it in.
#[must_use]
pub fn lasting_folder() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("IPVSH_STATE_DIR").filter(|named| !named.is_empty()) {
        return Some(named.into());
    }
    if user_id() == 0 {
        return Some("/var/lib/ipvsh".into());
    }
    state_folder()
}

/// Returns the number of the user that this program runs as.
#[must_use]
pub fn user_id() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// Who runs this program, as far as it is known without asking a directory service, which may be out of reach just when
/// a load balancer is mended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    /// The number of the user.
    pub id: u32,
    /// The user's name, if `/etc/passwd` has it.
    pub name: Option<String>,
    /// Who logged in, by name or number, if the system keeps that.
    pub login: Option<String>,
    /// Who called `sudo`, if that is how it came.
    pub sudo: Option<String>,
}

/// Returns who runs this program.
#[must_use]
pub fn author() -> Author {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let id = user_id();
    let login = std::fs::read_to_string("/proc/self/loginuid").unwrap_or_default();
    let login = login.trim().parse().ok().filter(|id| *id != u32::MAX);
    Author {
        id,
        name: name_of(&users, id),
        login: login.map(|id| name_of(&users, id).unwrap_or_else(|| id.to_string())),
        sudo: std::env::var("SUDO_USER")
            .ok()
            .filter(|name| !name.is_empty()),
    }
}

/// Returns the name of a user, or the number of one that has none.
#[must_use]
pub fn user_name(id: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(&users, id).unwrap_or_else(|| id.to_string())
}

/// Returns the fields of a user in the text of `/etc/passwd`.
fn fields_of(users: &str, id: u32) -> Option<Vec<&str>> {
    users.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let number: u32 = fields.get(2)?.parse().ok()?;
        (number == id).then_some(fields)
    })
}

/// Looks a user up in the text of `/etc/passwd`.
fn name_of(users: &str, id: u32) -> Option<String> {
    Some((*fields_of(users, id)?.first()?).to_owned())
}

/// Returns the home of a user in the text of `/etc/passwd`.
fn home_of(users: &str, id: u32) -> Option<String> {
    Some((*fields_of(users, id)?.get(5)?).to_owned())
}

/// Returns the folder for settings.
#[must_use]
pub fn settings_folder() -> Option<PathBuf> {
    folder_of(Kind::Settings)
}

/// Returns whether whoever started this program had a signal ignored, as `nohup` and shells in the background do.
#[must_use]
pub fn ignores_signal(number: i32) -> bool {
    // As it was when this was first asked, which is before anything is caught.
    static IGNORED: OnceLock<u64> = OnceLock::new();
    let mask = IGNORED.get_or_init(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        status
            .lines()
            .find_map(|line| line.strip_prefix("SigIgn:"))
            .and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok())
            .unwrap_or_default()
    });
    mask.checked_shr(number.unsigned_abs() - 1).unwrap_or(0) & 1 == 1
}

/// Reads from the locale whether the terminal shows more than ASCII.
#[must_use]
pub fn characters() -> Characters {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(variable)
        .unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    if locale.contains("utf-8") || locale.contains("utf8") {
        Characters::Unicode
    } else {
        Characters::Ascii
    }
}

#[cfg(test)]
mod tests {
    use super::{home_of, name_of};

    #[test]
    fn a_user_is_found_by_number() {
        let users =
            "root:x:0:0:root:/root:/bin/sh\nbroken\nalice:x:1000:1000::/home/alice:/bin/sh\n";
        assert_eq!(name_of(users, 1000).as_deref(), Some("alice"));
        assert_eq!(name_of(users, 0).as_deref(), Some("root"));
        assert_eq!(name_of(users, 7), None);
        assert_eq!(home_of(users, 1000).as_deref(), Some("/home/alice"));
        assert_eq!(home_of(users, 7), None);
    }
}
