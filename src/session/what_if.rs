//! What a table does with clients: who gets what share, under its own scheduler and others, and which clients change servers when the
//! table changes. Each question is asked of a simulated kernel of its own; the table of the session is not touched.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::trial::{Trial, WhatIf};
use super::{Error, Session};
use crate::backend::Counted;
use crate::model::{
    DestinationKey, Invalid, ListedService, ObjectId, Protocol, Scheduler, ServiceConfiguration,
    ServiceEntry, ServiceKey, Weight,
};
use crate::txn::{Change, Plan};

/// What a service does under one scheduler.
#[derive(Clone, Debug, PartialEq)]
pub struct Shares {
    /// The scheduler.
    pub scheduler: Scheduler,
    /// Connections by real server, those with none among them.
    pub servers: BTreeMap<DestinationKey, u64>,
    /// Connections that nobody got.
    pub refused: u64,
    /// The share of clients that change servers with the table; `None` if a client has no server of its own, as that depends on
    /// what comes before it.
    pub moved: Option<f64>,
    /// The share of those that no server takes any more; `None` as for those that move.
    pub lost: Option<f64>,
}

impl Shares {
    /// Returns a number of connections as a share of all, from 0 to 1.
    #[must_use]
    pub fn share_of(&self, connections: u64) -> f64 {
        let all = self.servers.values().sum::<u64>() + self.refused;
        if all == 0 {
            0.0
        } else {
            connections as f64 / all as f64
        }
    }
}

/// What becomes of a service's clients.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceForecast {
    /// The service.
    pub key: ServiceKey,
    /// Weights of its real servers, those that come and go among them.
    pub weights: Vec<(DestinationKey, Weight)>,
    /// Under its own scheduler, then under the others.
    pub shares: Vec<Shares>,
}

impl Session {
    /// Tells what services do with clients. `to` has another table, whose services of the same name are those after the change.
    ///
    /// # Errors
    /// [`Error`] if the table can't be read, or simulated.
    pub fn what_if(
        &mut self,
        asked: &WhatIf,
        wanted: &[ServiceKey],
        to: Option<&mut Self>,
    ) -> Result<Vec<ServiceForecast>, Error> {
        let to = to
            .map(|other| other.live.listed(None, Counted::Connections))
            .transpose()?;
        let listed = self.live.listed(None, Counted::Connections)?;
        let mut chosen: Vec<&ListedService> = listed
            .iter()
            .filter(|service| wanted.is_empty() || wanted.contains(&service.key))
            .collect();
        let unknown = wanted
            .iter()
            .find(|key| !listed.iter().any(|service| service.key == **key));
        if let Some(key) = unknown {
            return Err(Error::Missing {
                what: "virtual service",
                object: ObjectId::Service(*key),
            });
        }
        let is_there = |gone: IpAddr| {
            let mut servers = chosen.iter().flat_map(|service| &service.destinations);
            servers.any(|(key, _)| key.address == gone)
        };
        let named = [asked.dropped, asked.drained];
        if let Some(gone) = named.iter().flatten().find(|gone| !is_there(**gone)) {
            return Err(Error::Unmatched(gone.to_string()));
        }
        chosen.sort_by_key(|service| service.key);
        let is_sctp = |key: &ServiceKey| {
            let sctp = crate::model::Protocol::Sctp;
            matches!(key, ServiceKey::Endpoint { protocol, .. } if *protocol == sctp)
        };
        // Its clients are those of TCP and UDP.
        if let Some(key) = wanted.iter().find(|key| is_sctp(key)) {
            let text = "shares are simulated of TCP, UDP and marks";
            return Err(Invalid::new("service", key, text).into());
        }
        for service in chosen.iter().filter(|service| is_sctp(&service.key)) {
            self.warn(format!(
                "{} is left out: shares are simulated of TCP, UDP and marks",
                service.key
            ));
        }
        chosen.retain(|service| !is_sctp(&service.key));
        let by_engine = |service: &&ListedService| {
            let persistence = service.configuration.persistence.as_ref();
            persistence.is_some_and(|persistence| persistence.engine.is_some())
        };
        for service in chosen.iter().filter(|service| by_engine(service)) {
            self.warn(format!(
                "{} is left out: its persistence engine goes by what clients say, and simulated ones say nothing",
                service.key
            ));
        }
        chosen.retain(|service| !by_engine(service));
        let mut forecasts = Vec::new();
        for service in chosen {
            let now = Trial::of(service);
            // What a document does not name stays.
            let other = to.iter().flatten().find(|other| other.key == service.key);
            let then = other.map_or_else(|| now.clone(), Trial::of);
            forecasts.push(forecast(&now, &then, asked)?);
        }
        Ok(forecasts)
    }
}

fn forecast(now: &Trial, then: &Trial, asked: &WhatIf) -> Result<ServiceForecast, Error> {
    let own = now.configuration.scheduler.clone();
    let others = asked.compare.iter().filter(|other| **other != own).cloned();
    let schedulers: Vec<Scheduler> = std::iter::once(own.clone()).chain(others).collect();
    let mut shares = Vec::new();
    for scheduler in schedulers {
        let is_own = scheduler == own;
        let before = now.under(&scheduler);
        let after = if is_own {
            then.clone()
        } else {
            then.under(&scheduler)
        };
        let after = after.after(asked);
        let (servers, refused) = after.shares(after.kernel_after(&before)?, asked);
        let counted = if has_homes(&before.configuration) && has_homes(&after.configuration) {
            let old = before.homes_in(&before.kernel()?, asked.clients);
            let new = after.homes_in(&after.kernel_after(&before)?, asked.clients);
            Some(moves(&old, &new))
        } else {
            None
        };
        let (moved, lost) = counted.unzip();
        shares.push(Shares {
            scheduler: after.configuration.scheduler.clone(),
            servers,
            refused,
            moved,
            lost,
        });
    }
    let mut weights: Vec<(DestinationKey, Weight)> = then
        .after(asked)
        .servers
        .iter()
        .chain(&now.servers)
        .map(|(key, configuration)| (*key, configuration.weight))
        .collect();
    weights.sort_by_key(|(key, _)| *key);
    weights.dedup_by_key(|(key, _)| *key);
    Ok(ServiceForecast {
        key: now.key,
        weights,
        shares,
    })
}

/// Clients by whom it is told how many change servers.
const SAMPLE: u32 = 1_000;
/// Services of a plan that it is told of at most: of more it takes longer than a plan may.
const MOST_SERVICES: usize = 16;

fn has_homes(configuration: &ServiceConfiguration) -> bool {
    matches!(configuration.scheduler.as_str(), "sh" | "mh" | "dh")
}

/// Returns the share of clients that change servers, and of those that lose theirs. Who had none can't leave one.
fn moves(old: &[Option<SocketAddr>], new: &[Option<SocketAddr>]) -> (f64, f64) {
    let had = old.iter().zip(new).filter(|(old, _)| old.is_some());
    let (mut all, mut moved, mut lost) = (0.0_f64, 0.0, 0.0);
    for (old, new) in had {
        all += 1.0;
        match new {
            None => lost += 1.0,
            Some(_) if old != new => moved += 1.0,
            Some(_) => {}
        }
    }
    (moved / all.max(1.0), lost / all.max(1.0))
}

/// What a plan does to the clients of a service that has a server for each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClientsMoved {
    /// The service.
    pub key: ServiceKey,
    /// The share of clients that change servers, from 0 to 1.
    pub moved: f64,
    /// The share of those that are refused: their server has no weight, and the scheduler chooses no other.
    pub refused: f64,
}

/// Returns the share of clients that change servers with a plan, by service, where that can be told: of services whose scheduler goes by
/// addresses before and after it and that keep no clients. A plan of many such services tells of none.
#[must_use]
pub fn clients_moved(plan: &Plan) -> Vec<ClientsMoved> {
    let (before, after) = (plan.before(), plan.after());
    let mut trials = Vec::new();
    for (key, now) in &before.services {
        let Some(then) = after.services.get(key) else {
            continue;
        };
        let keeps = |entry: &ServiceEntry| entry.configuration.persistence.is_some();
        let is_sctp =
            matches!(key, ServiceKey::Endpoint { protocol, .. } if *protocol == Protocol::Sctp);
        let is_known = !is_sctp && has_homes(&now.configuration) && has_homes(&then.configuration);
        let is_same = now.configuration == then.configuration
            && now.destinations.len() == then.destinations.len()
            && now.destinations.iter().all(|(key, entry)| {
                let other = then.destinations.get(key);
                other.is_some_and(|other| other.configuration == entry.configuration)
            });
        if !is_known || is_same || keeps(now) || keeps(then) {
            continue;
        }
        trials.push(Trial::of_entry(*key, now));
        if trials.len() > MOST_SERVICES {
            return Vec::new();
        }
    }
    let shares = trials.into_iter().filter_map(|trial| {
        let key = trial.key;
        let kernel = trial.kernel().ok()?;
        let start = kernel.snapshot();
        let old = trial.homes_in(&kernel, SAMPLE);
        // Without the connections of these, and with the plan as it is sent: what is edited is not what is made anew.
        kernel.restore(start);
        let mine = |change: &&Change| change.object().service() == Some(&key);
        for change in plan.changes().iter().filter(mine) {
            kernel.request(change.operation().request()?).ok()?;
        }
        let new = trial.homes_in(&kernel, SAMPLE);
        // Where nobody had a server there is nothing to tell.
        old.iter().flatten().next()?;
        let (moved, refused) = moves(&old, &new);
        Some(ClientsMoved {
            key,
            moved,
            refused,
        })
    });
    shares.collect()
}
