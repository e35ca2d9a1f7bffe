//! How long a drain will take: what the connection table and the rates of now tell of it.
//!
//! The kernel tells of a connection how long its entry lasts without traffic, not how old it is. How long connections last on average comes
//! from how many are open and how many begin in a second (Little's law); from there, lengths are taken for exponential.

use std::net::IpAddr;
use std::time::Duration;

use super::{Error, Session};
use crate::backend::{ConnectionLines, Counted, KernelFile};
use crate::model::{ConnectionEntry, ServiceKey};

/// What a drain of a real server has before it.
#[derive(Clone, Debug, PartialEq)]
pub struct DrainForecast {
    /// Its address.
    pub server: IpAddr,
    /// Connections that nobody is closing yet.
    pub open: EntryCount,
    /// Those that end by themselves.
    pub closing: EntryCount,
    /// Templates of persistent clients.
    pub templates: EntryCount,
    /// New connections in a second, as the kernel estimates them.
    pub new_per_second: f64,
    /// How long a connection is open on average; `None` if it can't be told.
    pub average: Option<Duration>,
}

/// Entries of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryCount {
    /// How many.
    pub entries: u64,
    /// After how many seconds without traffic the last of them is forgotten.
    pub seconds_left: u64,
}

impl EntryCount {
    fn add(&mut self, entry: &ConnectionEntry<'_>) {
        self.entries += 1;
        self.seconds_left = self.seconds_left.max(entry.expires_seconds);
    }
}

impl DrainForecast {
    /// Returns after how long so large a share of the open connections is gone, from 0 to 1, if their lengths are exponential.
    #[must_use]
    pub fn gone_after(&self, share: f64) -> Option<Duration> {
        let factor = -(1.0 - share.clamp(0.0, 0.999_999)).ln();
        Some(self.average?.mul_f64(factor))
    }

    /// Returns after how long the last one is gone, on average, if their lengths are exponential.
    #[must_use]
    pub fn all_gone_after(&self) -> Option<Duration> {
        /// Of Euler: the longest of n lasts ln n and this much as long as the average.
        const GAMMA: f64 = 0.577_2;
        let entries = self.open.entries.max(1) as f64;
        Some(self.average?.mul_f64(entries.ln() + GAMMA))
    }
}

impl Session {
    /// Tells what a drain of a real server has before it, in all services or in some.
    ///
    /// # Errors
    /// [`Error`] if the table, or the connection table, can't be read.
    pub fn drain_forecast(
        &mut self,
        server: IpAddr,
        wanted: &[ServiceKey],
    ) -> Result<DrainForecast, Error> {
        let mut listed = self.live.listed(None, Counted::Everything)?;
        listed.retain(|service| wanted.is_empty() || wanted.contains(&service.key));
        let destinations = listed.iter().flat_map(|service| &service.destinations);
        let mine = destinations.filter(|(key, _)| key.address == server);
        let rates = mine.map(|(_, entry)| entry.observed.rates().connections_per_second);
        let new_per_second = rates.sum::<u64>() as f64;
        let mut forecast = DrainForecast {
            server,
            open: EntryCount::default(),
            closing: EntryCount::default(),
            templates: EntryCount::default(),
            new_per_second,
            average: None,
        };
        let is_wanted = |entry: &ConnectionEntry<'_>| {
            entry.destination.0 == server
                && (wanted.is_empty() || wanted.iter().any(|key| may_be_of(key, entry)))
        };
        let mut lines = ConnectionLines::default();
        let mut count = |entries: &[ConnectionEntry<'_>]| {
            for entry in entries.iter().filter(|entry| is_wanted(entry)) {
                let kind = if entry.source.1 == 0 {
                    &mut forecast.templates
                } else if matches!(entry.state, "ESTABLISHED" | "UDP") {
                    &mut forecast.open
                } else {
                    &mut forecast.closing
                };
                kind.add(entry);
            }
        };
        self.live
            .stream_file(&KernelFile::Connections, &mut |piece| {
                lines.take(piece, &mut count);
            })?;
        lines.end(&mut count);
        if forecast.open.entries > 0 && new_per_second > 0.0 {
            let seconds = forecast.open.entries as f64 / new_per_second;
            forecast.average = Some(Duration::from_secs_f64(seconds));
        }
        Ok(forecast)
    }
}

/// Returns whether an entry may be one of a service: those of a mark are known by their templates alone.
fn may_be_of(key: &ServiceKey, entry: &ConnectionEntry<'_>) -> bool {
    match key {
        ServiceKey::Endpoint { address, port, .. } => {
            entry.asked.0 == *address && (*port == 0 || entry.asked.1 == *port)
        }
        ServiceKey::Fwmark { mark, .. } => entry.mark().is_none_or(|found| found == mark.get()),
    }
}
