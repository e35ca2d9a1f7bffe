//! The options for the numbers of a real server, as the list of them has it.

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};

use super::option_values::number;
use crate::model::ServerNumber;

/// The numbers that were given.
#[derive(Clone, Debug, Default)]
pub(super) struct ServerNumbers {
    pub(super) given: Vec<(ServerNumber, i64)>,
}

impl FromArgMatches for ServerNumbers {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut numbers = Self::default();
        numbers.update_from_arg_matches(matches)?;
        Ok(numbers)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for field in ServerNumber::ALL {
            let given = matches
                .try_get_one::<i64>(field.name)
                .map_err(|error| Error::raw(ErrorKind::InvalidValue, error))?;
            self.given.extend(given.map(|value| (field, *value)));
        }
        Ok(())
    }
}

impl Args for ServerNumbers {
    fn augment_args(command: Command) -> Command {
        ServerNumber::ALL
            .into_iter()
            .fold(command, |command, field| {
                let option = Arg::new(field.name)
                    .long(field.option)
                    .value_name("NUMBER")
                    .allow_negative_numbers(true)
                    .value_parser(number::<i64>)
                    .help(field.summary);
                // As people who know ipvsadm type it.
                command.arg(match field.name {
                    "weight" => option.short('w'),
                    _ => option,
                })
            })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
