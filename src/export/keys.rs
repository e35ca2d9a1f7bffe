//! Objects of a document, read key by key: unknown fields are an error at their place, with the nearest known
//! one; `comment`, `labels` and `x-…` are anyone's.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use crate::model::{Invalid, suggestion};

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
                        "field `{name}` of {} comes twice",
                        T::WHAT
                    )));
                }
                Some(place) => {
                    seen |= 1 << place;
                    object.read(&name, &mut map)?;
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
    match suggestion(name, T::KNOWN.iter().copied()) {
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
    let objects = map.next_value::<Vec<Object<T>>>()?;
    Ok(objects.into_iter().map(|object| object.0).collect())
}

/// Finds an object that comes twice; a list in order, which is the usual, is not searched.
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
