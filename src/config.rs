//! What the surroundings say: locale, environment, folders.

use std::sync::OnceLock;

/// Which characters a text view may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Characters {
    /// Everything.
    Unicode,
    /// ASCII alone.
    Ascii,
}

/// Returns the folder for what lasts but matters to no one else, such as the history of the prompt.
#[must_use]
pub fn state_folder() -> Option<std::path::PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "ipvsh")?;
    Some(
        folders
            .state_dir()
            .unwrap_or_else(|| folders.data_dir())
            .to_owned(),
    )
}

/// Returns the folder for what must last: the journal. `None` if there is no home to put it in.
#[must_use]
pub fn lasting_folder() -> Option<std::path::PathBuf> {
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

/// Returns the time since the machine started, its sleep included: a clock that nobody sets.
#[must_use]
pub fn since_boot() -> std::time::Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME)
        .map(std::time::Duration::from)
        .unwrap_or_default()
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

/// Looks a user up in the text of `/etc/passwd`.
fn name_of(users: &str, id: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number: u32 = fields.nth(1)?.parse().ok()?;
        (number == id).then(|| name.to_owned())
    })
}

/// Returns the folder for settings.
#[must_use]
pub fn settings_folder() -> Option<std::path::PathBuf> {
    Some(
        directories::ProjectDirs::from("", "", "ipvsh")?
            .config_dir()
            .to_owned(),
    )
}

/// Tells whether whoever started this program had a signal ignored, as `nohup` and shells in the background do.
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
    use super::name_of;

    #[test]
    fn a_user_is_found_by_number() {
        let users =
            "root:x:0:0:root:/root:/bin/sh\nbroken\nalice:x:1000:1000::/home/alice:/bin/sh\n";
        assert_eq!(name_of(users, 1000).as_deref(), Some("alice"));
        assert_eq!(name_of(users, 0).as_deref(), Some("root"));
        assert_eq!(name_of(users, 7), None);
    }
}
