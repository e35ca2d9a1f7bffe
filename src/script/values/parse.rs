//! JSON as a value of the language, read where it stands: nothing is held beside the value, and a script that takes more than it
//! may is ended on the way.

use std::fmt;

use rhai::{Array, Dynamic, Map};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::script::limits::{self, Stop};

/// Why a text has no value.
pub(in crate::script) enum NoValue {
    /// The script is to end.
    Stopped(Stop),
    /// It is no JSON.
    Wrong(serde_json::Error),
}

/// Reads a JSON text.
///
/// # Errors
/// [`NoValue`]; a whole number that the language can't hold is wrong too.
pub(in crate::script) fn parse_json(text: &str) -> Result<Dynamic, NoValue> {
    let mut stopped = None;
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Value(&mut stopped)
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    match (value, stopped) {
        (_, Some(stop)) => Err(NoValue::Stopped(stop)),
        (Ok(value), None) => Ok(value),
        (Err(error), None) => Err(NoValue::Wrong(error)),
    }
}

/// Reads one value, and notes why the script is to end if it is.
struct Value<'s>(&'s mut Option<Stop>);

impl Value<'_> {
    fn look<E: Error>(&mut self, asked: Result<(), Stop>) -> Result<(), E> {
        asked.map_err(|stop| {
            *self.0 = Some(stop);
            E::custom("the script is ended")
        })
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Dynamic;

    fn deserialize<D: Deserializer<'de>>(mut self, reader: D) -> Result<Dynamic, D::Error> {
        self.look(limits::tick())?;
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Dynamic;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Dynamic, E> {
        Ok(Dynamic::UNIT)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Dynamic, E> {
        Ok(flag.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Dynamic, E> {
        Ok(number.into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Dynamic, E> {
        match i64::try_from(number) {
            Ok(number) => Ok(number.into()),
            Err(_) => Err(E::custom(format_args!(
                "{number} is larger than a whole number can be; write it as a text"
            ))),
        }
    }

    fn visit_f64<E>(self, number: f64) -> Result<Dynamic, E> {
        Ok(number.into())
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<Dynamic, E> {
        self.look(limits::afford(text.len()))?;
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Dynamic, A::Error> {
        let mut list = Array::new();
        while let Some(item) = items.next_element_seed(Value(&mut *self.0))? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Dynamic, A::Error> {
        let mut map = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            let value = fields.next_value_seed(Value(&mut *self.0))?;
            map.insert(name.into(), value);
        }
        Ok(map.into())
    }
}
