//! Objects of a document, read key by key: unknown fields are an error at their place, with the nearest known
//! one; `comment`, `labels` and `x-…` are anyone's.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::complaint::{under, under_item};
use crate::model::{Invalid, SysctlName, shown, suggestion};

/// An object whose fields are known, while it is read.
pub(super) trait Fields: Default {
    /// What it means.
    type Value;
    /// What it is, with its article.
    const WHAT: &'static str;
    /// The names of its fields.
    const KNOWN: &'static [&'static str];

    /// Reads the value of a known field.
    fn read<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error>;

    /// Checks what belongs together, once all is read, and returns what it means.
    fn finish(self) -> Result<Self::Value, String>;
}

/// A value read through [`Fields`].
pub(super) struct Object<T: Fields>(pub(super) T::Value);

impl<'de, T: Fields> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_map(ObjectVisitor(PhantomData::<T>))
            .map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Fields> Visitor<'de> for ObjectVisitor<T> {
    type Value = T::Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(T::WHAT)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T::Value, A::Error> {
        let mut object = T::default();
        // One bit for each known field.
        let mut seen = 0u32;
        while let Some(Text(name)) = map.next_key()? {
            let known = T::KNOWN.iter().position(|known| **known == *name);
            match known {
                Some(place) if seen >> place & 1 == 1 => {
                    return Err(A::Error::custom(format!(
                        "field `{name}` of {} is given twice",
                        T::WHAT
                    )));
                }
                Some(place) => {
                    seen |= 1 << place;
                    let read = object.read(&name, &mut map);
                    read.map_err(|error| under(&name, &error))?;
                }
                None if name == "comment" || name == "labels" || name.starts_with("x-") => {
                    map.next_value::<IgnoredAny>()?;
                }
                None => return Err(A::Error::custom(unknown::<T>(&name))),
            }
        }
        object.finish().map_err(A::Error::custom)
    }
}

fn unknown<T: Fields>(name: &str) -> String {
    let known = T::KNOWN.join(", ");
    let name = &shown(name);
    let longer = |known: &&str| {
        let rest = known.strip_prefix(name.as_str());
        rest.is_some_and(|rest| rest.starts_with('_'))
    };
    let near = suggestion(name, T::KNOWN.iter().copied());
    match near.or_else(|| T::KNOWN.iter().copied().find(longer)) {
        Some(near) => format!(
            "unknown field `{name}` of {}: did you mean `{near}`? Known: {known}",
            T::WHAT
        ),
        None => format!("unknown field `{name}` of {}. Known: {known}", T::WHAT),
    }
}

/// Reads a list of objects.
pub(super) fn list<'de, T: Fields, A: MapAccess<'de>>(
    map: &mut A,
) -> Result<Vec<T::Value>, A::Error> {
    Ok(map.next_value::<List<T>>()?.0)
}

/// A list of objects read through [`Fields`].
struct List<T: Fields>(Vec<T::Value>);

impl<'de, T: Fields> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_seq(ListVisitor(PhantomData::<T>))
            .map(Self)
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Fields> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T::Value>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let item = items.next_element::<Object<T>>();
            match item.map_err(|error| under_item(list.len(), &error))? {
                Some(object) => list.push(object.0),
                None => return Ok(list),
            }
        }
    }
}

/// Kernel parameters: the names are the kernel's own, so they are not [`Fields`].
pub(super) struct Parameters(pub(super) Vec<(SysctlName, String)>);

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ParametersVisitor).map(Self)
    }
}

struct ParametersVisitor;

impl<'de> Visitor<'de> for ParametersVisitor {
    type Value = Vec<(SysctlName, String)>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut parameters = Vec::new();
        while let Some(Text(name)) = map.next_key()? {
            let name = SysctlName::new(&name).map_err(A::Error::custom)?;
            let value = parameter::<A>(&name, &mut map);
            let value = value.map_err(|error| under(name.as_str(), &error))?;
            parameters.push((name, value));
        }
        match repeated(parameters.iter().map(|(name, _)| name)) {
            Some(name) => Err(A::Error::custom(format!(
                "field `{name}` of sysctl is given twice"
            ))),
            None => Ok(parameters),
        }
    }
}

fn parameter<'de, A: MapAccess<'de>>(name: &SysctlName, map: &mut A) -> Result<String, A::Error> {
    let value = match map.next_value()? {
        serde_json::Value::String(text) => text,
        serde_json::Value::Number(number) => number.to_string(),
        other => {
            let expected = "it is a number or a text";
            return Err(A::Error::custom(Invalid::new(
                name.as_str(),
                other,
                expected,
            )));
        }
    };
    let words: Vec<&str> = value.split_whitespace().collect();
    Ok(words.join(" "))
}

/// Finds an object that is listed twice; a list in order, which is the usual, is not searched.
pub(super) fn repeated<K: Copy + Ord>(keys: impl Iterator<Item = K> + Clone) -> Option<K> {
    if keys.clone().is_sorted_by(|a, b| a < b) {
        return None;
    }
    let mut seen = BTreeSet::new();
    keys.into_iter().find(|key| !seen.insert(*key))
}

/// Reads a text and what it means.
pub(super) fn parsed<'de, T, A: MapAccess<'de>>(
    map: &mut A,
    parse: impl FnOnce(&str) -> Result<T, Invalid>,
) -> Result<T, A::Error> {
    parse(&map.next_value::<Text<'de>>()?.0).map_err(A::Error::custom)
}

/// Reads an address without port.
pub(super) fn parsed_address<'de, A: MapAccess<'de>>(
    map: &mut A,
) -> Result<std::net::IpAddr, A::Error> {
    parsed(map, |text| {
        text.parse().map_err(|_| {
            Invalid::new(
                "address",
                text,
                "write an IPv4 or IPv6 address without port; names are not resolved",
            )
        })
    })
}

/// A text that is borrowed from the document where it has no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}
