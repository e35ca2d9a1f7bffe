//! The answer of `ipvsh simulate`: who gets what share, and which clients change servers.

use serde::Serialize;

use super::VERSION;
use crate::model::Weight;
use crate::session::{ServiceForecast, Shares, WhatIf};

/// What a table does with clients.
#[derive(Clone, Debug, Serialize)]
pub struct ForecastShape {
    version: u32,
    clients: u32,
    connections: u32,
    seed: u64,
    services: Vec<ServiceShape>,
}

#[derive(Clone, Debug, Serialize)]
struct ServiceShape {
    id: String,
    /// Under its own scheduler, then under the others.
    schedulers: Vec<SharesShape>,
}

#[derive(Clone, Debug, Serialize)]
struct SharesShape {
    scheduler: String,
    destinations: Vec<ServerShape>,
    /// Connections that nobody got.
    refused: u64,
    /// The share of clients that change servers, from 0 to 1; null if nothing changes, or if a client's server depends on what comes before it.
    clients_moved: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
struct ServerShape {
    id: String,
    weight: i64,
    connections: u64,
    /// From 0 to 1.
    share: f64,
}

impl ForecastShape {
    /// Makes the answer; `changes` tells whether anything of the table was to change.
    #[must_use]
    pub fn new(asked: &WhatIf, forecasts: &[ServiceForecast], changes: bool) -> Self {
        let services = forecasts.iter().map(|forecast| ServiceShape {
            id: forecast.key.to_string(),
            schedulers: forecast
                .shares
                .iter()
                .map(|shares| shares_shape(forecast, shares, changes))
                .collect(),
        });
        Self {
            version: VERSION,
            clients: asked.clients,
            connections: asked.connections,
            seed: asked.seed,
            services: services.collect(),
        }
    }
}

fn shares_shape(forecast: &ServiceForecast, shares: &Shares, changes: bool) -> SharesShape {
    let servers = forecast.weights.iter().map(|(key, weight): &(_, Weight)| {
        let connections = shares.servers.get(key).copied().unwrap_or_default();
        ServerShape {
            id: key.to_string(),
            weight: weight.get().into(),
            connections,
            share: shares.share_of(connections),
        }
    });
    SharesShape {
        scheduler: shares.scheduler.to_string(),
        destinations: servers.collect(),
        refused: shares.refused,
        clients_moved: shares.moved.filter(|_| changes),
    }
}
