//! The `ipvsh` program: hands its arguments to the library and returns an exit status.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(ipvsh::run(std::env::args_os().collect()))
}
