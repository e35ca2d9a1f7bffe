//! Sorting that ends when the script must, and that loses no error of the function that gives the order.

use std::cmp::Ordering;

use rhai::{
    Array, Dynamic, Engine, EvalAltResult, FnPtr, FuncRegistration, ImmutableString,
    NativeCallContext,
};

use crate::script::error::Scripted;
use crate::script::limits::{self, Stop};

/// Sorts with an order that may fail; equal elements keep theirs.
pub(in crate::script) fn try_sort<T>(
    items: Vec<T>,
    order: &mut dyn FnMut(&T, &T) -> Scripted<Ordering>,
) -> Scripted<Vec<T>> {
    if items.len() < 2 {
        return Ok(items);
    }
    let mut runs: Vec<Vec<T>> = items.into_iter().map(|item| vec![item]).collect();
    while runs.len() > 1 {
        let mut merged = Vec::with_capacity(runs.len().div_ceil(2));
        let mut rest = runs.into_iter();
        while let Some(left) = rest.next() {
            merged.push(match rest.next() {
                Some(right) => merge(left, right, order)?,
                None => left,
            });
        }
        runs = merged;
    }
    Ok(runs.pop().unwrap_or_default())
}

fn merge<T>(
    left: Vec<T>,
    right: Vec<T>,
    order: &mut dyn FnMut(&T, &T) -> Scripted<Ordering>,
) -> Scripted<Vec<T>> {
    let mut all = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        limits::tick()?;
        let next = if order(one, other)? == Ordering::Greater {
            right.next()
        } else {
            left.next()
        };
        all.extend(next);
    }
    all.extend(left);
    all.extend(right);
    Ok(all)
}

/// Compares two texts, looking now and then whether the script must end.
pub(in crate::script) fn order_texts(
    one: &ImmutableString,
    other: &ImmutableString,
) -> Result<Ordering, Stop> {
    const CHUNK: usize = 1 << 16;
    if ImmutableString::ptr_eq(one, other) {
        return Ok(Ordering::Equal);
    }
    let pairs = one
        .as_bytes()
        .chunks(CHUNK)
        .zip(other.as_bytes().chunks(CHUNK));
    for (one, other) in pairs {
        limits::afford(0)?;
        match one.cmp(other) {
            Ordering::Equal => {}
            order => return Ok(order),
        }
    }
    Ok(one.len().cmp(&other.len()))
}

/// Orders two values of one plain type; `None` where they are of none, or of two.
fn natural(one: &Dynamic, other: &Dynamic) -> Result<Option<Ordering>, Stop> {
    if let (Ok(one), Ok(other)) = (one.as_int(), other.as_int()) {
        return Ok(Some(one.cmp(&other)));
    }
    if let (Ok(one), Ok(other)) = (one.as_float(), other.as_float()) {
        return Ok(Some(one.partial_cmp(&other).unwrap_or(Ordering::Equal)));
    }
    if let (Ok(one), Ok(other)) = (one.as_char(), other.as_char()) {
        return Ok(Some(one.cmp(&other)));
    }
    if let (Ok(one), Ok(other)) = (one.as_bool(), other.as_bool()) {
        return Ok(Some(one.cmp(&other)));
    }
    match (
        one.read_lock::<ImmutableString>(),
        other.read_lock::<ImmutableString>(),
    ) {
        (Some(one), Some(other)) => order_texts(&one, &other).map(Some),
        _ => Ok(None),
    }
}

fn sort_plain(list: &mut Array, turned: bool) -> Scripted<()> {
    let items = std::mem::take(list);
    // A failure leaves the list as it was.
    let before = items.clone();
    let sorted = try_sort(items, &mut |one, other| {
        let order = natural(one, other)?.ok_or_else(|| {
            Box::<EvalAltResult>::from(format!(
                "sort can't put values of type {} and {} in order: give it a function, as in list.sort(|a, b| a.weight - b.weight)",
                one.type_name(),
                other.type_name()
            ))
        })?;
        Ok(if turned { order.reverse() } else { order })
    });
    *list = before;
    *list = sorted?;
    Ok(())
}

fn sort_by_function(ctx: &NativeCallContext<'_>, list: &mut Array, order: &FnPtr) -> Scripted<()> {
    let items = list.clone();
    *list = try_sort(items, &mut |one, other| {
        let answer = order.call_raw(ctx, None, [one.clone(), other.clone()])?;
        if let Ok(number) = answer.as_int() {
            return Ok(number.cmp(&0));
        }
        match answer.as_bool() {
            Ok(true) => Ok(Ordering::Less),
            Ok(false) => Ok(Ordering::Greater),
            Err(kind) => Err(format!(
                "the function given to sort returns a number (below, at or above 0), not a value of type {kind}"
            )
            .into()),
        }
    })?;
    Ok(())
}

/// Takes out elements that a function calls equal to the one before them.
fn dedup(ctx: &NativeCallContext<'_>, list: &mut Array, equal: &FnPtr) -> Scripted<()> {
    let mut kept = Array::new();
    for item in list.iter() {
        limits::tick()?;
        let repeats = match kept.last() {
            None => false,
            Some(last) => {
                let answer = equal.call_raw(ctx, None, [item.clone(), Dynamic::clone(last)])?;
                answer.as_bool().map_err(|kind| {
                    Box::<EvalAltResult>::from(format!(
                        "the function given to dedup returns true or false, not a value of type {kind}"
                    ))
                })?
            }
        };
        if !repeats {
            kept.push(item.clone());
        }
    }
    *list = kept;
    Ok(())
}

/// Puts these functions in the place of Rhai's.
pub(super) fn register(engine: &mut Engine) {
    // What is read-only stays as it is.
    let changes = |name: &str| FuncRegistration::new(name).with_purity(false);
    changes("sort").register_into_engine(engine, |list: &mut Array| sort_plain(list, false));
    changes("sort_desc").register_into_engine(engine, |list: &mut Array| sort_plain(list, true));
    changes("sort").register_into_engine(
        engine,
        |ctx: NativeCallContext, list: &mut Array, order: FnPtr| {
            sort_by_function(&ctx, list, &order)
        },
    );
    changes("dedup").register_into_engine(
        engine,
        |ctx: NativeCallContext, list: &mut Array, equal: FnPtr| dedup(&ctx, list, &equal),
    );
    engine.register_fn("order", |list: &mut Array| -> Scripted<Array> {
        let mut sorted = list.clone();
        sort_plain(&mut sorted, false)?;
        Ok(sorted)
    });
    engine.register_fn("order_desc", |list: &mut Array| -> Scripted<Array> {
        let mut sorted = list.clone();
        sort_plain(&mut sorted, true)?;
        Ok(sorted)
    });
    for name in ["order", "order_by"] {
        engine.register_fn(
            name,
            |ctx: NativeCallContext, list: &mut Array, order: FnPtr| -> Scripted<Array> {
                let mut sorted = list.clone();
                sort_by_function(&ctx, &mut sorted, &order)?;
                Ok(sorted)
            },
        );
    }
}
