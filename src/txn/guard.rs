//! Guards: what no commit may do unless the guard is named and overridden.
//!
//! They are checked on what the plan leads to, while the commit lock is held and before anything is sent, so that two
//! programs that commit at the same time can't both take the last but one server.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::change::{Action, Change};
use super::plan::Plan;
use super::weights::weight_breaches;
use crate::backend::{BackendError, Ipvs, model_entry};
use crate::model::{Invalid, ObjectId, Pattern, ServiceEntry, ServiceKey, suggestion};

/// Names a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GuardName {
    /// A service that has weight keeps a real server with weight.
    LastServer,
    /// A service keeps a share of its weight.
    MinWeightPercent,
    /// So many objects are touched at most.
    MaxObjects,
    /// These services are not touched.
    Protected,
}

impl GuardName {
    /// Every guard.
    pub const ALL: [Self; 4] = [
        Self::LastServer,
        Self::MinWeightPercent,
        Self::MaxObjects,
        Self::Protected,
    ];

    /// Returns the word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::LastServer => "last_server",
            Self::MinWeightPercent => "min_weight_percent",
            Self::MaxObjects => "max_objects",
            Self::Protected => "protected",
        }
    }

    /// Reads the word.
    ///
    /// # Errors
    /// [`Invalid`] names those that there are.
    pub fn parse(word: &str) -> Result<Self, Invalid> {
        let found = Self::ALL.into_iter().find(|name| name.word() == word);
        found.ok_or_else(|| {
            let words = Self::ALL.map(Self::word);
            let near = suggestion(word, words)
                .map(|near| format!("did you mean `{near}`? "))
                .unwrap_or_default();
            Invalid::new(
                "guard",
                word,
                format!("{near}there are {}", words.join(", ")),
            )
        })
    }
}

impl fmt::Display for GuardName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

/// A service, or with `*` for any text all that are named so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServicePattern(Pattern);

impl ServicePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`Invalid`] if no service could ever match it.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        const PROTOCOLS: [&str; 5] = ["tcp://", "udp://", "sctp://", "fwmark://", "fwmark6://"];
        if let Some((beginning, _)) = text.split_once('*') {
            let text = text.to_ascii_lowercase();
            let beginning = beginning.to_ascii_lowercase();
            let fits = |protocol: &&str| {
                protocol.starts_with(&beginning) || beginning.starts_with(*protocol)
            };
            let is_server = text
                .split_once("://")
                .is_some_and(|(_, rest)| rest.contains('/'));
            if PROTOCOLS.iter().any(fits) && !is_server {
                return Pattern::new(&text).map(Self);
            }
            if is_server {
                return Err(Invalid::new(
                    "protected service",
                    text,
                    "it is the id of a virtual service, without a real server",
                ));
            }
            return Err(Invalid::new(
                "protected service",
                text,
                "no service begins so: they begin with tcp://, udp://, sctp://, fwmark:// or fwmark6://",
            ));
        }
        match ObjectId::parse(text)? {
            ObjectId::Service(key) => Pattern::new(&key.to_string()).map(Self),
            _ => Err(Invalid::new(
                "protected service",
                text,
                "it is the id of a virtual service, such as tcp://192.0.2.1:80, or has * for any text",
            )),
        }
    }

    /// Returns whether a service is meant.
    #[must_use]
    pub fn matches(&self, key: &ServiceKey) -> bool {
        self.0.matches(&key.to_string())
    }
}

impl fmt::Display for ServicePattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// What commits are checked against. Several sources together are as strict as the strictest of each guard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guards {
    /// A service that has weight keeps a real server with weight, unless it is deleted as a whole.
    pub last_server: bool,
    /// A service that stays keeps so many percent of its weight in each commit.
    pub min_weight_percent: Option<u32>,
    /// A commit touches so many objects at most; a service that is deleted counts with its real servers.
    pub max_objects: Option<usize>,
    /// Neither these services nor their real servers are touched.
    pub protected: Vec<ServicePattern>,
}

impl Guards {
    /// Adds a guard as it is written on a command line: `last_server`, `min_weight_percent=50`, `max_objects=20`,
    /// `protected=tcp://192.0.2.1:80`.
    ///
    /// # Errors
    /// [`Invalid`] if there is no such guard, or it takes another value.
    pub fn add(&mut self, text: &str) -> Result<(), Invalid> {
        let (word, value) = match text.split_once('=') {
            Some((word, value)) => (word.trim(), Some(value.trim())),
            None => (text.trim(), None),
        };
        let wrong = |expected: &str| Invalid::new("guard", text, expected);
        let number = |expected: &str| {
            let value = value.ok_or_else(|| wrong(expected))?;
            value.parse::<u32>().map_err(|_| wrong(expected))
        };
        let mut one = Self::default();
        match GuardName::parse(word)? {
            GuardName::LastServer if value.is_none() => one.last_server = true,
            GuardName::LastServer => return Err(wrong("last_server takes no value")),
            GuardName::MinWeightPercent => {
                const EXPECTED: &str = "write min_weight_percent=50: a number from 1 to 100";
                let percent = number(EXPECTED)?;
                if !(1..=100).contains(&percent) {
                    return Err(wrong(EXPECTED));
                }
                one.min_weight_percent = Some(percent);
            }
            GuardName::MaxObjects => {
                let number = number("write max_objects=20: a number of objects")?;
                one.max_objects = usize::try_from(number).ok();
            }
            GuardName::Protected => {
                let value = value.ok_or_else(|| wrong("write protected=tcp://192.0.2.1:80"))?;
                one.protected.push(ServicePattern::new(value)?);
            }
        }
        self.tighten(&one);
        Ok(())
    }

    /// Adds the guards of another source: of each the stricter one holds.
    pub fn tighten(&mut self, other: &Self) {
        self.last_server |= other.last_server;
        self.min_weight_percent = self.min_weight_percent.max(other.min_weight_percent);
        self.max_objects = match (self.max_objects, other.max_objects) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        for pattern in &other.protected {
            if !self.protected.contains(pattern) {
                self.protected.push(pattern.clone());
            }
        }
    }

    /// Returns whether nothing is guarded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Guards, and which of them are overridden by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guarding {
    /// The guards.
    pub guards: Guards,
    /// Those that don't refuse.
    pub overridden: BTreeSet<GuardName>,
}

impl Guarding {
    /// Returns both together: the stricter guards, and what either overrides.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.guards.tighten(&other.guards);
        both.overridden.extend(&other.overridden);
        both
    }
}

/// Something that a guard refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The guard.
    pub guard: GuardName,
    /// The object; `None` is the plan as a whole.
    pub object: Option<ObjectId>,
    /// What is refused, as a sentence without full stop.
    pub text: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.guard, self.text)
    }
}

impl Plan {
    /// Returns what guards refuse of this plan, as the table is now.
    ///
    /// # Errors
    /// [`BackendError`] if the services that it touches can't be read.
    pub fn breaches(
        &self,
        guards: &Guards,
        kernel: &mut Ipvs,
    ) -> Result<Vec<Breach>, BackendError> {
        if guards.is_empty() {
            return Ok(Vec::new());
        }
        let lowered = self.weighed(guards);
        let keys: Vec<ServiceKey> = lowered.keys().copied().collect();
        let fetched = kernel.fetch(&keys)?;
        let now = fetched.iter().map(model_entry).collect();
        Ok(self.breaches_from(guards, &lowered, &now))
    }

    /// Returns what guards refuse of a plan that was rehearsed, as its table was when it began.
    #[must_use]
    pub fn rehearsed_breaches(&self, guards: &Guards) -> Vec<Breach> {
        self.breaches_from(guards, &self.weighed(guards), &self.before().services)
    }

    fn breaches_from(
        &self,
        guards: &Guards,
        lowered: &BTreeMap<ServiceKey, Vec<&Change>>,
        now: &BTreeMap<ServiceKey, ServiceEntry>,
    ) -> Vec<Breach> {
        let mut found = Vec::new();
        if let Some(most) = guards.max_objects {
            let touched: usize = self.changes().iter().map(objects).sum();
            if touched > most {
                found.push(Breach {
                    guard: GuardName::MaxObjects,
                    object: None,
                    text: format!(
                        "{touched} objects would be touched, but at most {most} are allowed"
                    ),
                });
            }
        }
        self.protected_breaches(guards, &mut found);
        for (key, changes) in lowered {
            if let Some(entry) = now.get(key) {
                weight_breaches(guards, *key, entry, changes, &mut found);
            }
        }
        found
    }

    fn protected_breaches(&self, guards: &Guards, found: &mut Vec<Breach>) {
        let mut services: BTreeSet<ServiceKey> = self
            .changes()
            .iter()
            .filter_map(|change| change.object().service().copied())
            .collect();
        for action in self.actions() {
            match action {
                Action::Zero(Some(key)) => {
                    services.insert(*key);
                }
                Action::Zero(None) => {
                    let first = guards.protected.first();
                    found.extend(first.map(|pattern| Breach {
                        guard: GuardName::Protected,
                        object: None,
                        text: format!("the counters of all services would be zeroed, and {pattern} is protected"),
                    }));
                }
            }
        }
        for key in &services {
            let pattern = guards.protected.iter().find(|pattern| pattern.matches(key));
            found.extend(pattern.map(|pattern| Breach {
                guard: GuardName::Protected,
                object: Some(ObjectId::Service(*key)),
                text: format!("{key} is protected by {pattern}"),
            }));
        }
    }

    /// Returns the changes of servers by service, where a guard weighs them; of services that come or go, none.
    fn weighed(&self, guards: &Guards) -> BTreeMap<ServiceKey, Vec<&Change>> {
        let mut lowered: BTreeMap<ServiceKey, Vec<&Change>> = BTreeMap::new();
        if !guards.last_server && guards.min_weight_percent.is_none() {
            return lowered;
        }
        let mut whole = BTreeSet::new();
        for change in self.changes() {
            match change {
                Change::AddDestination { service, .. }
                | Change::EditDestination { service, .. }
                | Change::DeleteDestination { service, .. } => {
                    lowered.entry(*service).or_default().push(change);
                }
                Change::DeleteService { key, .. } | Change::AddService { key, .. } => {
                    whole.insert(*key);
                }
                _ => {}
            }
        }
        lowered.retain(|key, _| !whole.contains(key));
        lowered
    }
}

/// Returns how many objects a change touches.
fn objects(change: &Change) -> usize {
    match change {
        Change::DeleteService { destinations, .. } => 1 + destinations.len(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::{Guards, ServicePattern};
    use crate::model::ObjectId;

    #[test]
    fn a_pattern_matches_what_it_says() {
        let key = |text: &str| match ObjectId::parse(text).unwrap() {
            ObjectId::Service(key) => key,
            other => panic!("{other}"),
        };
        for (pattern, service, matches) in [
            ("tcp://192.0.2.1:80", "tcp://192.0.2.1:80", true),
            ("tcp://192.0.2.1:80", "tcp://192.0.2.1:8080", false),
            ("tcp://192.0.2.1:*", "tcp://192.0.2.1:8080", true),
            ("*://192.0.2.1:443", "udp://192.0.2.1:443", true),
            ("*2.1*443", "udp://192.0.2.1:443", true),
            ("*2.1*443", "udp://192.0.2.1:4430", false),
            ("fwmark*", "fwmark6://7", true),
            ("*", "fwmark://7", true),
        ] {
            let pattern = ServicePattern::new(pattern).unwrap();
            assert_eq!(
                pattern.matches(&key(service)),
                matches,
                "{pattern} {service}"
            );
        }
        for wrong in ["192.0.2.1", "tpc://*", "192.0.2.1:*", "http*"] {
            assert!(ServicePattern::new(wrong).is_err(), "{wrong}");
        }
        let upper = ServicePattern::new("TCP://[2001:DB8::1]:*").unwrap();
        assert!(upper.matches(&key("tcp://[2001:db8::1]:80")));
        assert!(ServicePattern::new("tcp://192.0.2.1:80/10.0.0.2:80").is_err());
    }

    #[test]
    fn of_two_sources_the_stricter_one_holds() {
        let mut guards = Guards::default();
        for text in [
            "max_objects=20",
            "max_objects=30",
            "min_weight_percent=30",
            "min_weight_percent=50",
            "last_server",
            "protected=fwmark://7",
            "protected=fwmark://7",
        ] {
            guards.add(text).unwrap();
        }
        assert!(guards.last_server);
        assert_eq!(
            (guards.max_objects, guards.min_weight_percent),
            (Some(20), Some(50))
        );
        assert_eq!(guards.protected.len(), 1);
        for wrong in [
            "last_servr",
            "last_server=1",
            "max_objects",
            "max_objects=-1",
            "min_weight_percent=0",
            "min_weight_percent=101",
            "protected",
        ] {
            assert!(guards.add(wrong).is_err(), "{wrong}");
        }
    }
}
