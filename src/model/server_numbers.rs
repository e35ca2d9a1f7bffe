//! The numbers that are configured of a real server. Documents, plans, lists, scripts and options go by this list: one more number is
//! an entry here, and what the kernel's attributes need.

use super::{DestinationConfiguration, DestinationEdit, Invalid, Weight};

/// One number that is configured of a real server.
#[derive(Clone, Copy, Debug)]
pub struct ServerNumber {
    /// Its name in documents and scripts.
    pub name: &'static str,
    /// Its name as an option.
    pub option: &'static str,
    /// What it is, as the help of the option says it.
    pub summary: &'static str,
    /// What a new real server has.
    pub default: u32,
    /// The largest that a document may record: what some kernel can have.
    pub most: u32,
    /// What a document takes, in words.
    pub expected: &'static str,
    /// Whether `/proc/net/ip_vs` shows it, to everyone.
    pub is_public: bool,
    get: fn(&DestinationConfiguration) -> u32,
    named: fn(&DestinationEdit) -> Option<u32>,
    set: fn(&mut DestinationEdit, u32) -> Result<(), Invalid>,
}

impl ServerNumber {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 3] = [
        Self {
            name: "weight",
            option: "weight",
            summary: "The weight; 0 means no new connections [new servers: 1]",
            default: 1,
            most: Weight::MAX,
            expected: "it is a whole number from 0 to 2147483647",
            is_public: true,
            get: |configuration| configuration.weight.get(),
            named: |edit| edit.weight.map(Weight::get),
            set: |edit, value| {
                edit.weight = Some(Weight::new(i64::from(value))?);
                Ok(())
            },
        },
        Self {
            name: "upper_threshold",
            option: "upper-threshold",
            summary: "At this many connections, no new ones; 0 is no limit",
            default: 0,
            most: u32::MAX,
            expected: "it is a whole number from 0 to 4294967295",
            is_public: false,
            get: |configuration| configuration.thresholds.upper,
            named: |edit| edit.upper_threshold,
            set: |edit, value| {
                edit.upper_threshold = Some(value);
                Ok(())
            },
        },
        Self {
            name: "lower_threshold",
            option: "lower-threshold",
            summary: "Below this many connections, new ones again",
            default: 0,
            most: u32::MAX,
            expected: "it is a whole number from 0 to 4294967295",
            is_public: false,
            get: |configuration| configuration.thresholds.lower,
            named: |edit| edit.lower_threshold,
            set: |edit, value| {
                edit.lower_threshold = Some(value);
                Ok(())
            },
        },
    ];

    /// Finds one by its name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        const ALL: &[ServerNumber] = &ServerNumber::ALL;
        ALL.iter().find(|number| number.name == name)
    }

    /// Puts their names behind others.
    #[must_use]
    pub const fn names<const N: usize>(others: [&'static str; N]) -> [&'static str; N] {
        let mut all = others;
        let mut index = 0;
        while index < Self::ALL.len() {
            all[N - Self::ALL.len() + index] = Self::ALL[index].name;
            index += 1;
        }
        all
    }

    /// Returns its value.
    #[must_use]
    pub fn of(&self, configuration: &DestinationConfiguration) -> u32 {
        (self.get)(configuration)
    }

    /// Tells whether it has another value than a new real server has.
    #[must_use]
    pub fn is_set(&self, configuration: &DestinationConfiguration) -> bool {
        self.of(configuration) != self.default
    }

    /// Returns the value that an edit names, if it does.
    #[must_use]
    pub fn in_edit(&self, edit: &DestinationEdit) -> Option<u32> {
        (self.named)(edit)
    }

    /// Has an edit name a value.
    ///
    /// # Errors
    /// [`Invalid`] if it can't be.
    pub fn set(&self, edit: &mut DestinationEdit, value: u32) -> Result<(), Invalid> {
        (self.set)(edit, value)
    }
}

#[cfg(test)]
mod tests {
    use super::ServerNumber;
    use crate::model::{AddressFamily, DestinationConfiguration, DestinationEdit, Trust};

    #[test]
    fn each_number_is_read_where_it_was_set() {
        let service = crate::model::ServiceKey::parse("tcp://192.0.2.1:80").unwrap();
        let key = crate::model::DestinationKey::parse("10.0.0.1:80").unwrap();
        assert_eq!(key.family(), AddressFamily::Inet);
        let fresh = DestinationConfiguration::default();
        for number in ServerNumber::ALL {
            assert!(!number.is_set(&fresh), "{}", number.name);
            let mut edit = DestinationEdit::default();
            assert_eq!(number.in_edit(&edit), None);
            number.set(&mut edit, 7).unwrap();
            assert_eq!(number.in_edit(&edit), Some(7));
            let made = edit.apply(&service, &key, None, Trust::Recorded).unwrap();
            assert_eq!(number.of(&made), 7, "{}", number.name);
            assert!(ServerNumber::named(number.name).is_some() && number.is_set(&made));
        }
        assert_eq!(
            ServerNumber::names(["id", "", "", ""]),
            ["id", "weight", "upper_threshold", "lower_threshold"]
        );
    }
}
