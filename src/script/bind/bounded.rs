//! Functions of the language that could take any memory or time within one step, made anew so that a script's limits hold in
//! them: memory is asked for before it is taken, and signals are looked at on the way.
//!
//! What registers here stands before what Rhai's packages have of the same name.

use rhai::{
    Array, Blob, Dynamic, Engine, EvalAltResult, FuncRegistration, ImmutableString, Map,
    NativeCallContext,
};

use super::sorting;
use crate::script::error::Scripted;
use crate::script::limits::{self, LARGEST_STEP, Stop};

/// What is smaller than this is not worth asking for.
const SMALL_TEXT: usize = 4096;

/// A text that grows as far as the script may go.
#[derive(Default)]
struct Text(String);

impl Text {
    fn push(&mut self, part: &str) -> Result<(), Stop> {
        limits::tick()?;
        if self.0.capacity() - self.0.len() < part.len() {
            // A text that grows is copied into one of twice its size.
            limits::afford(self.0.len().saturating_add(part.len()).saturating_mul(2))?;
        }
        self.0.push_str(part);
        Ok(())
    }
}

/// Writes a value as Rhai prints it: within lists and maps, texts in quotes.
fn print_into(
    ctx: &NativeCallContext<'_>,
    out: &mut Text,
    value: &mut Dynamic,
    name: &str,
) -> Result<(), Stop> {
    if let Some(mut list) = value.write_lock::<Array>() {
        out.push("[")?;
        for (index, item) in list.iter_mut().enumerate() {
            if index > 0 {
                out.push(", ")?;
            }
            print_into(ctx, out, item, "to_debug")?;
        }
        return out.push("]");
    }
    if let Some(mut map) = value.write_lock::<Map>() {
        out.push("#{")?;
        for (index, (key, item)) in map.iter_mut().enumerate() {
            if index > 0 {
                out.push(", ")?;
            }
            out.push(&format!("{key:?}: "))?;
            print_into(ctx, out, item, "to_debug")?;
        }
        return out.push("}");
    }
    if let Some(text) = value.read_lock::<ImmutableString>() {
        if name == "to_string" {
            return out.push(&text);
        }
        limits::afford(text.len().saturating_mul(2))?;
        return out.push(&format!("{:?}", text.as_str()));
    }
    let printed = ctx.call_native_fn_raw(name, true, &mut [value]);
    let text = printed
        .ok()
        .and_then(|text| text.into_immutable_string().ok());
    match text {
        Some(text) => out.push(&text),
        None => out.push(&format!("{value:?}")),
    }
}

/// Returns a value as Rhai prints it. Rhai falls back to more where printing fails, so that the script is ended with its next
/// step instead.
fn printed(ctx: &NativeCallContext<'_>, value: &mut Dynamic, name: &str) -> ImmutableString {
    let mut out = Text::default();
    match print_into(ctx, &mut out, value, name) {
        Ok(()) => out.0.into(),
        Err(stop) => {
            limits::end(stop);
            ImmutableString::new()
        }
    }
}

/// Returns how many bytes a copy of a value takes; texts are shared.
fn weight(value: &Dynamic) -> usize {
    const NODE: usize = 64;
    if let Some(list) = value.read_lock::<Array>() {
        return NODE + list.iter().map(weight).sum::<usize>();
    }
    if let Some(map) = value.read_lock::<Map>() {
        return NODE + map.values().map(|item| NODE + weight(item)).sum::<usize>();
    }
    if let Some(blob) = value.read_lock::<Blob>() {
        return NODE + blob.len();
    }
    size_of::<Dynamic>()
}

fn check(length: i64) -> Result<usize, Box<EvalAltResult>> {
    match usize::try_from(length) {
        Ok(whole) if length <= LARGEST_STEP => Ok(whole),
        Ok(_) => Err(
            format!("{length} elements at once are too many; {LARGEST_STEP} are allowed").into(),
        ),
        Err(_) => Ok(0),
    }
}

fn pad_list(list: &mut Array, length: i64, item: Dynamic) -> Scripted<()> {
    let length = check(length)?;
    if length > list.len() {
        limits::afford((length - list.len()).saturating_mul(weight(&item)))?;
        list.reserve(length - list.len());
        while list.len() < length {
            limits::tick()?;
            list.push(item.clone());
        }
    }
    Ok(())
}

fn pad_text(text: &mut ImmutableString, length: i64, with: &str) -> Scripted<()> {
    let length = check(length)?;
    let missing = length.saturating_sub(text.chars().count());
    if missing == 0 || with.is_empty() {
        return Ok(());
    }
    let each = with.chars().count();
    let times = missing.div_ceil(each);
    limits::afford(text.len().saturating_add(times.saturating_mul(with.len())))?;
    let mut padded = text.to_string();
    padded.push_str(&with.repeat(times));
    *text = padded.into();
    Ok(())
}

fn pad_blob(blob: &mut Blob, length: i64, byte: i64) -> Scripted<()> {
    let length = check(length)?;
    if length > blob.len() {
        limits::afford(length)?;
        blob.resize(length, low_byte(byte));
    }
    Ok(())
}

fn low_byte(value: i64) -> u8 {
    value.to_le_bytes()[0]
}

/// Replaces `find`, if the result is not too large.
fn replace_in(text: &mut ImmutableString, find: &str, with: &str) -> Scripted<()> {
    let found = text.matches(find).count();
    limits::afford(found.saturating_mul(with.len()).saturating_add(text.len()))?;
    *text = text.replace(find, with).into();
    Ok(())
}

/// Collects parts of a text; each is a text of its own.
fn parts<'t>(text: &str, parts: impl Iterator<Item = &'t str>) -> Scripted<Array> {
    /// What a part takes beside its bytes.
    const EACH: usize = 72;
    limits::afford(text.len())?;
    let mut list = Array::new();
    for part in parts {
        limits::tick()?;
        if list.len() == list.capacity() {
            limits::afford(list.len().saturating_mul(2 * EACH))?;
        }
        list.push(part.into());
    }
    Ok(list)
}

/// Returns how many parts at most are wanted; as Rhai has it, less than one is one.
fn at_most(segments: i64) -> usize {
    usize::try_from(segments).unwrap_or(0).max(1)
}

/// Returns a part of a text by characters: a beginning below zero is from the end.
fn part_of(text: &str, start: i64, length: i64) -> Scripted<ImmutableString> {
    let start = match usize::try_from(start) {
        Ok(start) => start,
        Err(_) => {
            let back = usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX);
            text.chars().count().saturating_sub(back)
        }
    };
    let Ok(length) = usize::try_from(length) else {
        return Ok(ImmutableString::new());
    };
    let place = |count: usize, text: &str| {
        text.char_indices()
            .nth(count)
            .map_or(text.len(), |(place, _)| place)
    };
    let rest = &text[place(start, text)..];
    let part = &rest[..place(length, rest)];
    limits::afford(part.len())?;
    Ok(part.into())
}

/// Returns where a text is found from a character on, in characters; -1 if it is not.
fn place_of(text: &str, wanted: &str, start: i64) -> Scripted<i64> {
    limits::tick()?;
    let back = usize::try_from(start.unsigned_abs()).unwrap_or(usize::MAX);
    let skipped = if start < 0 {
        text.chars().count().saturating_sub(back)
    } else {
        back
    };
    let Some((from, _)) = text.char_indices().nth(skipped) else {
        return Ok(-1);
    };
    let rest = &text[from..];
    let found = rest
        .find(wanted)
        .map(|place| rest[..place].chars().count() + skipped);
    Ok(found
        .and_then(|place| i64::try_from(place).ok())
        .unwrap_or(-1))
}

/// Returns the characters of a text.
fn characters(text: &str) -> Scripted<Array> {
    limits::afford(text.len().saturating_mul(size_of::<Dynamic>()))?;
    Ok(text.chars().map(Dynamic::from).collect())
}

/// Longer texts are no numbers.
const LONGEST_NUMBER: usize = 400;

/// Returns the number that a text is.
fn number<T>(text: &str, what: &str, parse: impl FnOnce(&str) -> Option<T>) -> Scripted<T> {
    let trimmed = text.trim();
    let parsed = Some(trimmed).filter(|text| text.len() <= LONGEST_NUMBER);
    parsed.and_then(parse).ok_or_else(|| {
        let beginning: String = trimmed.chars().take(40).collect();
        let more = if beginning.len() < trimmed.len() {
            ".."
        } else {
            ""
        };
        format!("{:?} is not {what}", beginning + more).into()
    })
}

/// Puts these functions in the place of Rhai's.
pub(super) fn register(engine: &mut Engine) {
    printing(engine);
    sizes(engine);
    texts(engine);
    parts_of_texts(engine);
    numbers(engine);
    sorting::register(engine);
}

fn printing(engine: &mut Engine) {
    for (name, inner) in [
        ("to_string", "to_string"),
        ("print", "to_string"),
        ("to_debug", "to_debug"),
        ("debug", "to_debug"),
    ] {
        engine.register_fn(name, move |ctx: NativeCallContext, list: &mut Array| {
            let mut value = Dynamic::from_array(std::mem::take(list));
            let text = printed(&ctx, &mut value, inner);
            *list = value.cast();
            text
        });
        engine.register_fn(name, move |ctx: NativeCallContext, map: &mut Map| {
            let mut value = Dynamic::from_map(std::mem::take(map));
            let text = printed(&ctx, &mut value, inner);
            *map = value.cast();
            text
        });
    }
}

/// A function that changes what it is called on: what is read-only stays as it is.
fn changes(name: &str) -> FuncRegistration {
    FuncRegistration::new(name).with_purity(false)
}

fn sizes(engine: &mut Engine) {
    changes("pad").register_into_engine(engine, pad_list);
    changes("pad").register_into_engine(
        engine,
        |text: &mut ImmutableString, length: i64, with: char| {
            pad_text(text, length, with.encode_utf8(&mut [0; 4]))
        },
    );
    changes("pad").register_into_engine(
        engine,
        |text: &mut ImmutableString, length: i64, with: &str| pad_text(text, length, with),
    );
    changes("pad").register_into_engine(engine, pad_blob);
    engine.register_fn("blob", |length: i64| -> Scripted<Blob> {
        let length = check(length)?;
        limits::afford(length)?;
        Ok(vec![0; length])
    });
    engine.register_fn("blob", |length: i64, byte: i64| -> Scripted<Blob> {
        let length = check(length)?;
        limits::afford(length)?;
        Ok(vec![low_byte(byte); length])
    });
    engine.register_fn("to_array", |blob: &mut Blob| -> Scripted<Array> {
        limits::afford(blob.len().saturating_mul(size_of::<Dynamic>()))?;
        Ok(blob.iter().map(|byte| i64::from(*byte).into()).collect())
    });
}

fn numbers(engine: &mut Engine) {
    engine.register_fn("parse_int", |text: &str| {
        number(text, "a whole number", |text| text.parse::<i64>().ok())
    });
    engine.register_fn("parse_int", |text: &str, radix: i64| -> Scripted<i64> {
        match u32::try_from(radix) {
            Ok(radix @ 2..=36) => number(text, "a whole number of that base", |text| {
                i64::from_str_radix(text, radix).ok()
            }),
            _ => Err(format!("a base is from 2 to 36, and {radix} is not").into()),
        }
    });
    engine.register_fn("parse_float", |text: &str| {
        number(text, "a number", |text| text.parse::<f64>().ok())
    });
}

/// Returns a text behind another one. A text that grows takes room for half as much again, beside the one it was.
fn joined(one: &ImmutableString, other: &str) -> Scripted<ImmutableString> {
    let length = one.len().saturating_add(other.len());
    if length >= SMALL_TEXT {
        limits::afford(length.saturating_mul(2))?;
    }
    let mut text = String::with_capacity(length);
    text.push_str(one);
    text.push_str(other);
    Ok(text.into())
}

fn joins(engine: &mut Engine) {
    engine.register_fn("+", |one: ImmutableString, other: ImmutableString| {
        joined(&one, &other)
    });
    changes("+=").register_into_engine(
        engine,
        |text: &mut ImmutableString, other: ImmutableString| -> Scripted<()> {
            let grown = text.len().saturating_add(other.len());
            if grown < SMALL_TEXT {
                *text += other;
                return Ok(());
            }
            limits::afford(grown.saturating_mul(2))?;
            *text += other;
            Ok(())
        },
    );
}

fn texts(engine: &mut Engine) {
    joins(engine);
    changes("replace").register_into_engine(
        engine,
        |text: &mut ImmutableString, find: &str, with: &str| replace_in(text, find, with),
    );
    changes("replace").register_into_engine(
        engine,
        |text: &mut ImmutableString, find: char, with: &str| {
            replace_in(text, find.encode_utf8(&mut [0; 4]), with)
        },
    );
    changes("replace").register_into_engine(
        engine,
        |text: &mut ImmutableString, find: &str, with: char| {
            replace_in(text, find, with.encode_utf8(&mut [0; 4]))
        },
    );
    changes("replace").register_into_engine(
        engine,
        |text: &mut ImmutableString, find: char, with: char| {
            replace_in(
                text,
                find.encode_utf8(&mut [0; 4]),
                with.encode_utf8(&mut [0; 4]),
            )
        },
    );
    for name in ["to_chars", "chars"] {
        engine.register_fn(name, |text: &mut ImmutableString| characters(text));
    }
    engine.register_get("chars", |text: &mut ImmutableString| characters(text));
    engine.register_fn("chars", |text: &mut ImmutableString, start: i64| {
        characters(&part_of(text, start, i64::MAX)?)
    });
    engine.register_fn(
        "chars",
        |text: &mut ImmutableString, start: i64, length: i64| {
            characters(&part_of(text, start, length)?)
        },
    );
    changes("crop").register_into_engine(
        engine,
        |text: &mut ImmutableString, start: i64| -> Scripted<()> {
            *text = part_of(text, start, i64::MAX)?;
            Ok(())
        },
    );
    changes("crop").register_into_engine(
        engine,
        |text: &mut ImmutableString, start: i64, length: i64| -> Scripted<()> {
            *text = part_of(text, start, length)?;
            Ok(())
        },
    );
    engine.register_fn(
        "index_of",
        |text: &mut ImmutableString, wanted: &str, start: i64| place_of(text, wanted, start),
    );
    engine.register_fn(
        "index_of",
        |text: &mut ImmutableString, wanted: char, start: i64| {
            place_of(text, wanted.encode_utf8(&mut [0; 4]), start)
        },
    );
}

fn parts_of_texts(engine: &mut Engine) {
    engine.register_fn("split", |text: &mut ImmutableString| {
        parts(text, text.split_whitespace())
    });
    engine.register_fn("split", |text: &mut ImmutableString, by: &str| {
        parts(text, text.split(by))
    });
    engine.register_fn("split", |text: &mut ImmutableString, by: char| {
        parts(text, text.split(by))
    });
    engine.register_fn(
        "split",
        |text: &mut ImmutableString, by: &str, most: i64| {
            parts(text, text.splitn(at_most(most), by))
        },
    );
    engine.register_fn(
        "split",
        |text: &mut ImmutableString, by: char, most: i64| {
            parts(text, text.splitn(at_most(most), by))
        },
    );
    engine.register_fn("split_rev", |text: &mut ImmutableString, by: &str| {
        parts(text, text.rsplit(by))
    });
    engine.register_fn("split_rev", |text: &mut ImmutableString, by: char| {
        parts(text, text.rsplit(by))
    });
    engine.register_fn(
        "split_rev",
        |text: &mut ImmutableString, by: &str, most: i64| {
            parts(text, text.rsplitn(at_most(most), by))
        },
    );
    engine.register_fn(
        "split_rev",
        |text: &mut ImmutableString, by: char, most: i64| {
            parts(text, text.rsplitn(at_most(most), by))
        },
    );
    engine.register_fn(
        "sub_string",
        |text: &mut ImmutableString, start: i64, length: i64| part_of(text, start, length),
    );
    engine.register_fn("sub_string", |text: &mut ImmutableString, start: i64| {
        part_of(text, start, i64::MAX)
    });
}
