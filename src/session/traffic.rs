//! Packets, load and failures: what a script lets happen in the simulated kernel of its session.

use super::{Error, Session};
use crate::backend::Errno;
use crate::model::Invalid;
pub use crate::sim::{
    Answer, Content, Distribution, Happening, Load, LoadCounts, Packet, Shape, SimulatedKernel,
    TcpFlags, Verdict, refusable,
};

/// Ports from which clients connect that name none.
const FIRST_CLIENT_PORT: u16 = 1_024;
const CLIENT_PORTS: u16 = 64_000;

impl Session {
    /// Returns the simulated kernel, to let something happen in it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on a kernel's table, and in a rehearsal, in which nothing happens.
    pub fn simulation(&self, what: &str) -> Result<&SimulatedKernel, Error> {
        if self.is_rehearsing() {
            return Err(Error::Unsupported(format!(
                "{what} lets something happen, and in a rehearsal or a plan nothing does"
            )));
        }
        self.simulated_kernel().ok_or_else(|| {
            Error::Unsupported(format!(
                "{what} needs a simulated table, and this one is a kernel's: run it with --sim"
            ))
        })
    }

    /// Sets where all random numbers of the simulation begin that name no seed of their own.
    pub fn set_seed(&mut self, seed: u64) {
        if let Some(simulated) = &mut self.simulated {
            simulated.seed = seed;
            simulated.kernel.seed(seed);
        }
    }

    /// Returns where random numbers begin that name no seed of their own.
    #[must_use]
    pub fn seed(&self) -> i64 {
        let seed = self
            .simulated
            .as_ref()
            .map_or(1, |simulated| simulated.seed);
        i64::try_from(seed).unwrap_or(i64::MAX)
    }

    /// Returns a port for a client that has none: another one each time.
    #[must_use]
    pub fn next_client_port(&self) -> u16 {
        let Some(simulated) = &self.simulated else {
            return FIRST_CLIENT_PORT;
        };
        let used = simulated.client_ports.get();
        simulated.client_ports.set((used + 1) % CLIENT_PORTS);
        FIRST_CLIENT_PORT + used
    }

    /// Has the n-th request of a kind refused.
    ///
    /// # Errors
    /// [`Error`] if nothing has these names, or there is no simulated kernel.
    pub fn plan_refusal(&self, what: &str, errno: &str, number: u64) -> Result<(), Error> {
        let kernel = self.simulation("sim::fail")?;
        let Some(errno) = Errno::named(errno) else {
            return Err(Invalid::new(
                "errno",
                errno,
                "it is no name of an error of the kernel; some are ENOENT, EEXIST, EINVAL, EBUSY, ENOMEM",
            )
            .into());
        };
        if kernel.plan_refusal(what, errno.number(), number) {
            return Ok(());
        }
        let known = format!("nothing is called that; known: {}", refusable().join(" "));
        Err(Invalid::new("what is refused", what, known).into())
    }
}
