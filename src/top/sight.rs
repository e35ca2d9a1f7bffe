//! What the cells of lines hold.

use super::cell::Cell;
use super::choice::Choice;
use super::clients::Clients;
use super::history::{History, Measured, RatesSeen};
use super::view::Column;
use crate::model::{
    DestinationEntry, DestinationKey, ObjectId, Observed, Receptions, ServerRow, ServiceEntry,
    ServiceKey,
};
use crate::observe::DrainView;

/// How many samples a trend has.
const SAMPLES: usize = 30;

/// An address that serves.
pub(super) struct AddressLine {
    pub(super) row: ServerRow,
    pub(super) rates: RatesSeen,
    pub(super) began: u64,
}

/// Where the values of lines come from.
#[derive(Clone, Copy)]
pub(super) struct Sight<'s> {
    pub(super) history: &'s History,
    /// Which snapshot of it.
    pub(super) at: usize,
    pub(super) measured: &'s Measured,
    pub(super) clients: &'s Clients,
}

fn kernel_rates(observed: &Observed) -> RatesSeen {
    let rates = observed.rates();
    [
        rates.connections_per_second,
        rates.packets_in_per_second,
        rates.packets_out_per_second,
        rates.bytes_in_per_second,
        rates.bytes_out_per_second,
    ]
    .map(short)
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // a rate has the digits that are shown
fn short(number: u64) -> f32 {
    number as f64 as f32
}

fn rate(rates: RatesSeen, column: Column, choice: &Choice<'_>) -> Cell {
    let Some(place) = column.rate() else {
        return Cell::Nothing;
    };
    let is_bits = !choice.is_bytes && matches!(column, Column::In | Column::Out);
    Cell::rate(rates[place] * if is_bits { 8.0 } else { 1.0 })
}

fn difference(now: u64, before: u64) -> Cell {
    Cell::Delta(now.cast_signed().wrapping_sub(before.cast_signed()))
}

impl Sight<'_> {
    pub(super) fn rates(
        &self,
        place: usize,
        observed: &Observed,
        choice: &Choice<'_>,
    ) -> RatesSeen {
        let known = self.measured.snapshot.known;
        if choice.is_kernels && known.all && known.rates {
            kernel_rates(observed)
        } else if choice.is_kernels {
            [f32::NAN; 5]
        } else {
            self.measured.rates(place)
        }
    }

    fn if_all(&self, cell: Cell) -> Cell {
        if self.measured.snapshot.known.all {
            cell
        } else {
            Cell::Unknown
        }
    }

    pub(super) fn of_service(
        &self,
        column: Column,
        (place, key, entry): (usize, &ServiceKey, &ServiceEntry),
        choice: &Choice<'_>,
    ) -> Cell {
        let sum = |of: fn(&DestinationEntry) -> u64| entry.destinations.values().map(of).sum();
        let active = || sum(|one| one.connections.active.into());
        match column {
            Column::Name => Cell::Text(key.to_string()),
            Column::Scheduler => Cell::Text(entry.configuration.scheduler.to_string()),
            Column::Weight => Cell::Count(entry.weight_sum()),
            Column::Active => Cell::Count(active()),
            Column::Inactive => Cell::Count(sum(|one| one.connections.inactive.into())),
            Column::Persistent => {
                self.if_all(Cell::Count(sum(|one| one.connections.persistent.into())))
            }
            Column::Delta => difference(active(), self.measured.began(place)),
            Column::Trend => {
                let object = ObjectId::Service(*key);
                Cell::Trend(self.history.trend(&object, self.at, SAMPLES, 0))
            }
            _ => rate(self.rates(place, &entry.observed, choice), column, choice),
        }
    }

    pub(super) fn of_destination(
        &self,
        column: Column,
        (place, service, key, entry): (usize, &ServiceKey, &DestinationKey, &DestinationEntry),
        receptions: &Receptions<'_>,
        choice: &Choice<'_>,
    ) -> Cell {
        let open = entry.connections;
        match column {
            Column::Name => Cell::Text(key.to_string()),
            Column::Scheduler => Cell::Text(String::new()),
            Column::Weight => Cell::Count(entry.configuration.weight.get().into()),
            Column::Share => {
                let share = receptions.of(key).share;
                let cell = share.map_or(Cell::Nothing, Cell::Share);
                if share == Some(0.0) {
                    cell
                } else {
                    self.if_all(cell)
                }
            }
            Column::Active => Cell::Count(open.active.into()),
            Column::Inactive => Cell::Count(open.inactive.into()),
            Column::Persistent => self.if_all(Cell::Count(open.persistent.into())),
            Column::Delta => difference(open.active.into(), self.measured.began(place)),
            Column::Trend => {
                let object = ObjectId::Destination(*service, *key);
                Cell::Trend(self.history.trend(&object, self.at, SAMPLES, 0))
            }
            _ => rate(self.rates(place, &entry.observed, choice), column, choice),
        }
    }

    pub(super) fn of_server(
        &self,
        column: Column,
        line: &AddressLine,
        choice: &Choice<'_>,
    ) -> Cell {
        let row = &line.row;
        match column {
            Column::Name => Cell::Text(row.address.to_string()),
            Column::Services => Cell::Count(u64::try_from(row.services.len()).unwrap_or(u64::MAX)),
            Column::Weight => Cell::Count(row.weight_sum),
            Column::Active => Cell::Count(row.connections[0]),
            Column::Inactive => Cell::Count(row.connections[1]),
            Column::Persistent => self.if_all(Cell::Count(row.connections[2])),
            Column::Delta => difference(row.connections[0], line.began),
            Column::Trend => Cell::Trend(self.server_trend(row)),
            _ => rate(line.rates, column, choice),
        }
    }

    /// Adds up what an address has in all the places where it is.
    fn server_trend(&self, row: &ServerRow) -> Vec<f32> {
        let table = &self.measured.snapshot.table;
        let mut sum: Vec<f32> = Vec::new();
        for service in &row.services {
            let entries = table.services.get(service).map(|entry| &entry.destinations);
            let keys = entries.into_iter().flat_map(|entries| entries.keys());
            for key in keys.filter(|key| key.address == row.address) {
                let object = ObjectId::Destination(*service, *key);
                let trend = self.history.trend(&object, self.at, SAMPLES, 0);
                if sum.is_empty() {
                    sum = trend;
                } else {
                    sum.iter_mut()
                        .zip(trend)
                        .for_each(|(sum, one)| *sum = added(*sum, one));
                }
            }
        }
        sum
    }

    pub(super) fn of_drain(&self, column: Column, drain: &DrainView) -> Cell {
        let table = &self.measured.snapshot.table;
        let service = table.services.get(&drain.service);
        let open = service
            .and_then(|service| service.destinations.get(&drain.server))
            .map(|server| server.connections);
        let age = drain
            .since
            .and_then(|since| self.measured.snapshot.time.duration_since(since).ok());
        let seconds = |time: Option<std::time::Duration>| {
            time.map_or(Cell::Nothing, |time| Cell::Seconds(time.as_secs()))
        };
        match column {
            Column::Name => Cell::Text(format!("{}/{}", drain.service, drain.server)),
            Column::Active => open.map_or(Cell::Nothing, |open| Cell::Count(open.active.into())),
            Column::Inactive => {
                open.map_or(Cell::Nothing, |open| Cell::Count(open.inactive.into()))
            }
            Column::Since => seconds(age),
            Column::Left if drain.is_under_way => seconds(
                drain
                    .deadline
                    .zip(age)
                    .map(|(deadline, age)| deadline.saturating_sub(age)),
            ),
            Column::Left => Cell::Text("over".to_owned()),
            Column::Before => Cell::Count(drain.weight.into()),
            Column::Who => Cell::Text(drain.who.clone()),
            Column::Reason => Cell::Text(drain.reason.clone()),
            _ => Cell::Nothing,
        }
    }

    pub(super) fn drains(&self) -> &[DrainView] {
        let settings = self.measured.snapshot.settings.as_ref();
        let journal = settings.and_then(|settings| settings.journal.as_ref());
        journal.map_or(&[], |journal| &journal.drains)
    }
}

/// Adds up rates, as far as they are known.
pub(super) fn added(sum: f32, one: f32) -> f32 {
    match (sum.is_nan(), one.is_nan()) {
        (true, _) => one,
        (_, true) => sum,
        _ => sum + one,
    }
}
