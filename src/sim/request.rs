//! Requests that come as records: the same rules behind another door, without framing, policy and decoding.
//!
//! A test sends random requests through both doors and demands the same answers and the same table.

use super::policy::libc_errno as errno;
use super::service::Ruling;
use super::state::State;
use crate::wire::{DaemonAttributes, Request, ServiceAttributes};

/// Names that are longer than the kernel's policy allows, or that a zero byte would cut.
fn fits(name: Option<&Vec<u8>>, longest: usize) -> bool {
    name.is_none_or(|name| name.len() <= longest && !name.contains(&0))
}

fn service(given: ServiceAttributes) -> Ruling<ServiceAttributes> {
    let fit = fits(given.scheduler.as_ref(), 15) && fits(given.engine.as_ref(), 16);
    if fit { Ok(given) } else { Err(errno::EINVAL) }
}

fn daemon(given: DaemonAttributes) -> Ruling<DaemonAttributes> {
    let fit = fits(given.interface.as_ref(), 15);
    if fit { Ok(given) } else { Err(errno::EINVAL) }
}

/// Does what a request says.
pub(super) fn perform(state: &mut State, request: Request) -> Ruling<()> {
    match request {
        Request::NewService(given) => state.new_service(service(given)),
        Request::SetService(given) => state.set_service(service(given)),
        Request::DeleteService(given) => state.delete_service(&service(given)),
        Request::NewDestination(given, server) => {
            state.new_destination(&service(given), Ok(server))
        }
        Request::SetDestination(given, server) => {
            state.set_destination(&service(given), Ok(server))
        }
        Request::DeleteDestination(given, server) => {
            state.delete_destination(&service(given), Ok(server))
        }
        Request::NewDaemon(given) => state.new_daemon(daemon(given)),
        Request::DeleteDaemon(given) => state.delete_daemon(daemon(given)),
        Request::SetConfig(given) => state.set_config(&given),
        Request::Zero(given) => state.zero(given.map(service).as_ref()),
        Request::Flush => {
            state.flush();
            Ok(())
        }
        Request::GetService(_)
        | Request::DumpServices
        | Request::DumpDestinations(_)
        | Request::DumpDaemons
        | Request::GetConfig
        | Request::GetInfo => Err(errno::EOPNOTSUPP),
    }
}
