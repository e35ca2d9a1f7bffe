//! What a service manager shows of a unit that runs this program: the last word of it, in one line.

use sd_notify::NotifyState;

use super::failure::Failure;
use super::outcome::CommandOutcome;

/// Tells the service manager how it ended, if one listens (`NotifyAccess=` of the unit).
pub(super) fn tell(ended: &Result<CommandOutcome, Failure>) {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return;
    }
    let status = match ended {
        Ok(CommandOutcome::ScriptFailed { failure, .. }) => told(failure),
        Ok(_) => "done".to_owned(),
        Err(failure) => told(failure),
    };
    // Who can't be told has the standard error.
    let _unheard = sd_notify::notify(&[NotifyState::Status(&status)]);
}

/// Tells the service manager that the program does now what it was started for.
pub(super) fn ready(status: &str) {
    if std::env::var_os("NOTIFY_SOCKET").is_some() {
        let _unheard = sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(status)]);
    }
}

fn told(failure: &Failure) -> String {
    let cause = failure.cause();
    let words = format!("error: {}", cause.message);
    let lines: Vec<&str> = words.lines().map(str::trim).collect();
    lines.join(" ")
}
