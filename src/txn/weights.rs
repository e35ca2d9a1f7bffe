//! What the weights of a service's real servers come to, for the guards that weigh a plan.

use std::collections::BTreeMap;

use super::change::Change;
use super::guard::{Breach, GuardName, Guards};
use crate::model::{DestinationEntry, DestinationKey, ObjectId, ServiceEntry, ServiceKey};

/// The weights of real servers together.
struct Weights {
    /// As they are set.
    set: u64,
    /// Of those that get new connections: what is over its threshold gets none.
    counting: u64,
}

impl Weights {
    fn of(servers: &BTreeMap<DestinationKey, DestinationEntry>) -> Self {
        let weight = |entry: &DestinationEntry| u64::from(entry.configuration.weight.get());
        Self {
            set: servers.values().map(weight).sum(),
            counting: servers
                .values()
                .filter(|entry| entry.overloaded() != Some(true))
                .map(weight)
                .sum(),
        }
    }
}

/// Weighs a service before and after changes of its servers.
pub(super) fn weight_breaches(
    guards: &Guards,
    key: ServiceKey,
    entry: &ServiceEntry,
    changes: &[&Change],
    found: &mut Vec<Breach>,
) {
    let mut left = entry.destinations.clone();
    let before = Weights::of(&left);
    for change in changes {
        match change {
            Change::AddDestination { key, after, .. }
            | Change::EditDestination { key, after, .. } => {
                left.entry(*key).or_default().configuration = *after;
            }
            Change::DeleteDestination { key, .. } => {
                left.remove(key);
            }
            _ => {}
        }
    }
    let after = Weights::of(&left);
    let object = Some(ObjectId::Service(key));
    if guards.last_server {
        let lost = if before.set > 0 && after.set == 0 {
            Some("with a nonzero weight")
        } else if before.counting > 0 && after.counting == 0 {
            Some("that accepts new connections: those that remain are over their thresholds")
        } else {
            None
        };
        found.extend(lost.map(|lost| Breach {
            guard: GuardName::LastServer,
            object: object.clone(),
            text: format!("{key} would be left without a real server {lost}"),
        }));
    }
    let (before, after) = (before.counting, after.counting);
    if let Some(percent) = guards.min_weight_percent
        && after < before
        && after * 100 < before * u64::from(percent)
    {
        found.push(Breach {
            guard: GuardName::MinWeightPercent,
            object,
            text: format!(
                "{key} would keep weight {after} of {before}, but at least {percent} percent must remain"
            ),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::weight_breaches;
    use crate::model::{
        DestinationConfiguration, DestinationEntry, DestinationKey, ServiceEntry, ServiceKey,
        Weight,
    };
    use crate::txn::{Change, Guards};

    #[test]
    fn a_weight_over_its_threshold_keeps_no_service_alive() {
        let key = ServiceKey::parse("tcp://192.0.2.1:80").unwrap();
        let server = |text: &str| DestinationKey::parse(text).unwrap();
        let (full, idle) = (server("10.0.0.1:80"), server("10.0.0.2:80"));
        let mut entry = ServiceEntry::default();
        let mut taken = DestinationEntry::default();
        taken.configuration.weight = Weight::new(9).unwrap();
        taken.configuration.thresholds.upper = 5;
        taken.connections.active = 5;
        entry.destinations.insert(full, taken.clone());
        entry.destinations.insert(idle, DestinationEntry::default());
        let before = entry.destinations[&idle].configuration;
        let after = DestinationConfiguration {
            weight: Weight::ZERO,
            ..before
        };
        let guards = Guards {
            last_server: true,
            min_weight_percent: Some(50),
            ..Guards::default()
        };
        let breaches = |server: DestinationKey, before, after| {
            let change = Change::EditDestination {
                service: key,
                key: server,
                before,
                after,
            };
            let mut found = Vec::new();
            weight_breaches(&guards, key, &entry, &[&change], &mut found);
            let texts = found.into_iter().map(|breach| breach.text);
            texts.collect::<Vec<_>>()
        };
        assert_eq!(
            breaches(idle, before, after),
            [
                "tcp://192.0.2.1:80 would be left without a real server that accepts new connections: those that remain are over their thresholds",
                "tcp://192.0.2.1:80 would keep weight 0 of 1, but at least 50 percent must remain"
            ]
        );
        // Its own weight was none that counted.
        let quiesced = DestinationConfiguration {
            weight: Weight::ZERO,
            ..taken.configuration
        };
        assert!(breaches(full, taken.configuration, quiesced).is_empty());
        // A higher threshold brings it back.
        let mut higher = taken.configuration;
        higher.thresholds.upper = 50;
        assert!(breaches(full, taken.configuration, higher).is_empty());
    }
}
