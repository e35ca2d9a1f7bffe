//! The `ipvsh` program: hands its arguments to the library and takes back an exit status.

use std::process::ExitCode;

/// Values of a script can lie deep within each other; they are copied and dropped by recursion. Only what is
/// touched of this is taken from the machine.
const STACK_BYTES: usize = 512 << 20;

fn main() -> ExitCode {
    let program = || ipvsh::run(std::env::args_os().collect());
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let status = match thread.spawn(program) {
        Ok(running) => running.join().unwrap_or(101),
        Err(_) => program(),
    };
    ExitCode::from(status)
}
