//! The answer of `ipvsh simulate`: who gets what share, and which clients change servers.

use std::time::Duration;

use serde::Serialize;

use super::VERSION;
use crate::model::Weight;
use crate::session::{DrainForecast, ServiceForecast, Shares, WhatIf};

/// What a table does with clients.
#[derive(Clone, Debug, Serialize)]
pub struct ForecastShape {
    version: u32,
    clients: u32,
    connections: u32,
    seed: u64,
    services: Vec<ServiceShape>,
    /// What a drain of the server has before it that goes, or null.
    drain: Option<DrainForecastShape>,
}

#[derive(Clone, Debug, Serialize)]
struct DrainForecastShape {
    server: String,
    /// Connections that nobody is closing yet.
    open: u64,
    /// Those that end by themselves, and within how many seconds.
    closing: u64,
    closing_seconds: u64,
    /// Templates of persistent clients, and the seconds that the last of them has without them.
    templates: u64,
    template_seconds: u64,
    /// How many seconds a connection is open on average, or null.
    average_seconds: Option<f64>,
    /// After how many seconds half, nine of ten and all of the open ones are gone if lengths are exponential, or null.
    half_seconds: Option<f64>,
    nine_of_ten_seconds: Option<f64>,
    all_seconds: Option<f64>,
    /// After how many seconds those that stay silent are forgotten.
    silent_seconds: u64,
}

fn drain_shape(drain: &DrainForecast) -> DrainForecastShape {
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    DrainForecastShape {
        server: drain.server.to_string(),
        open: drain.open.entries,
        closing: drain.closing.entries,
        closing_seconds: drain.closing.seconds_left,
        templates: drain.templates.entries,
        template_seconds: drain.templates.seconds_left,
        average_seconds: seconds(drain.average),
        half_seconds: seconds(drain.gone_after(0.5)),
        nine_of_ten_seconds: seconds(drain.gone_after(0.9)),
        all_seconds: seconds(drain.all_gone_after()),
        silent_seconds: drain.open.seconds_left,
    }
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
    /// The share of those that no server takes any more, in the same way.
    clients_refused: Option<f64>,
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
    pub fn new(
        asked: &WhatIf,
        forecasts: &[ServiceForecast],
        changes: bool,
        drain: Option<&DrainForecast>,
    ) -> Self {
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
            drain: drain.map(drain_shape),
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
        clients_refused: shares.lost.filter(|_| changes),
    }
}
