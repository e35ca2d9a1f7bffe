//! What arrays and lists of snapshots can do beyond Rhai's own: sort, take, sum, group.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rhai::plugin::export_module;
use rhai::{Array, Dynamic, FnPtr, ImmutableString, Map, NativeCallContext};

use super::sorting::{order_texts, try_sort};
use crate::script::convert;
use crate::script::error::{ScriptError, Scripted};
use crate::script::host::with;
use crate::script::limits;
use crate::script::values::{DestinationList, ServiceList};

fn wrong(ctx: &NativeCallContext<'_>, message: impl Into<String>) -> Box<rhai::EvalAltResult> {
    ScriptError::new("invalid", message).raise(ctx.call_position())
}

/// Calls a function with one element.
fn call(ctx: &NativeCallContext<'_>, function: &FnPtr, element: Dynamic) -> Scripted<Dynamic> {
    function.call_within_context(ctx, (element,))
}

/// Puts two keys in order: numbers, texts, truth values, lengths of time.
fn order(ctx: &NativeCallContext<'_>, a: &Dynamic, b: &Dynamic) -> Scripted<Ordering> {
    let float = |value: &Dynamic| {
        value
            .as_float()
            .ok()
            .or_else(|| value.as_int().ok().map(|n| n as f64))
    };
    if let (Ok(a), Ok(b)) = (a.as_int(), b.as_int()) {
        return Ok(a.cmp(&b));
    }
    if let (Some(a), Some(b)) = (float(a), float(b)) {
        return Ok(a.total_cmp(&b));
    }
    if let (Ok(a), Ok(b)) = (a.as_bool(), b.as_bool()) {
        return Ok(a.cmp(&b));
    }
    if let (Some(a), Some(b)) = (
        a.read_lock::<ImmutableString>(),
        b.read_lock::<ImmutableString>(),
    ) {
        return Ok(order_texts(&a, &b)?);
    }
    let duration = |value: &Dynamic| {
        value
            .clone()
            .try_cast::<crate::script::values::DurationValue>()
    };
    if let (Some(a), Some(b)) = (duration(a), duration(b)) {
        return Ok(a.cmp(&b));
    }
    Err(wrong(
        ctx,
        format!(
            "sort_by can't put values of type {} and {} in order",
            a.type_name(),
            b.type_name()
        ),
    ))
}

fn sorted<T>(ctx: &NativeCallContext<'_>, keyed: Vec<(Dynamic, T)>) -> Scripted<Vec<T>> {
    let sorted = try_sort(keyed, &mut |(a, _), (b, _)| order(ctx, a, b))?;
    Ok(sorted.into_iter().map(|(_, element)| element).collect())
}

/// Adds numbers: whole ones exactly, mixed ones as fractions.
fn sum(
    ctx: &NativeCallContext<'_>,
    values: impl Iterator<Item = Scripted<Dynamic>>,
) -> Scripted<Dynamic> {
    let (mut whole, mut fraction, mut mixed) = (0i64, 0.0f64, false);
    for value in values {
        let value = value?;
        if let Ok(number) = value.as_int() {
            whole = whole
                .checked_add(number)
                .ok_or_else(|| wrong(ctx, "the sum is larger than a number can be"))?;
        } else if let Ok(number) = value.as_float() {
            fraction += number;
            mixed = true;
        } else {
            return Err(wrong(
                ctx,
                format!("sum adds numbers, not values of type {}", value.type_name()),
            ));
        }
    }
    Ok(if mixed {
        (whole as f64 + fraction).into()
    } else {
        whole.into()
    })
}

fn count(ctx: &NativeCallContext<'_>, number: i64) -> Scripted<usize> {
    usize::try_from(number).map_err(|_| wrong(ctx, format!("{number} elements can't be taken")))
}

/// The name under which group_by files an element.
fn group(value: &Dynamic) -> Scripted<String> {
    match value.clone().into_string() {
        Ok(text) => Ok(text),
        Err(_) => Ok(crate::script::values::json_text(value)?),
    }
}

/// Arrays.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(in crate::script) mod arrays {
    /// Returns the elements, ordered by what a function makes of each; `-` in front of a number turns the order.
    ///
    /// # Example
    /// ```rhai
    /// ["bbb", "a", "cc"].sort_by(|text| text.len())
    /// ```
    #[rhai_fn(name = "sort_by", pure, return_raw)]
    pub fn sort_by(ctx: NativeCallContext, list: &mut Array, key: FnPtr) -> Scripted<Array> {
        let keyed: Vec<(Dynamic, Dynamic)> = list
            .iter()
            .map(|element| Ok((call(&ctx, &key, element.clone())?, element.clone())))
            .collect::<Scripted<_>>()?;
        sorted(&ctx, keyed)
    }

    /// Returns a list as one text, with another between its elements.
    ///
    /// # Example
    /// ```rhai
    /// destination::list().map(|d| d.id).join(", ")
    /// ```
    #[rhai_fn(name = "join", pure, return_raw)]
    pub fn join(list: &mut Array, between: &str) -> Scripted<String> {
        let mut text = String::new();
        for (index, element) in list.iter().enumerate() {
            let element = crate::script::values::plain_text(element);
            limits::afford(2 * (text.len() + element.len() + between.len()))?;
            if index > 0 {
                text.push_str(between);
            }
            text.push_str(&element);
        }
        Ok(text)
    }

    /// Returns the first elements, at most so many.
    ///
    /// # Example
    /// ```rhai
    /// [1, 2, 3].first(2)
    /// ```
    #[rhai_fn(name = "first", pure, return_raw)]
    pub fn first(ctx: NativeCallContext, list: &mut Array, number: i64) -> Scripted<Array> {
        Ok(list.iter().take(count(&ctx, number)?).cloned().collect())
    }

    /// Returns the sum of the elements.
    ///
    /// # Example
    /// ```rhai
    /// [1, 2, 3].sum()
    /// ```
    #[rhai_fn(name = "sum", pure, return_raw)]
    pub fn sum_plain(ctx: NativeCallContext, list: &mut Array) -> Scripted<Dynamic> {
        super::sum(&ctx, list.iter().map(|element| Ok(element.clone())))
    }

    /// Returns the sum of what a function makes of each element.
    ///
    /// # Example
    /// ```rhai
    /// ["a", "bb"].sum(|text| text.len())
    /// ```
    #[rhai_fn(name = "sum", pure, return_raw)]
    pub fn sum(ctx: NativeCallContext, list: &mut Array, of: FnPtr) -> Scripted<Dynamic> {
        super::sum(
            &ctx,
            list.iter().map(|element| call(&ctx, &of, element.clone())),
        )
    }

    /// Returns a map from what a function makes of each element, as text, to the elements that gave it.
    ///
    /// # Example
    /// ```rhai
    /// [1, 2, 3, 4].group_by(|n| if n % 2 == 0 { "even" } else { "odd" }).even
    /// ```
    #[rhai_fn(name = "group_by", pure, return_raw)]
    pub fn group_by(ctx: NativeCallContext, list: &mut Array, key: FnPtr) -> Scripted<Map> {
        let mut groups: BTreeMap<String, Array> = BTreeMap::new();
        for element in list.iter() {
            let key = call(&ctx, &key, element.clone())?;
            groups
                .entry(group(&key)?)
                .or_default()
                .push(element.clone());
        }
        Ok(groups
            .into_iter()
            .map(|(key, elements)| (key.into(), elements.into()))
            .collect())
    }

    /// Calls a function with each element.
    ///
    /// # Example
    /// ```rhai
    /// [1, 2].for_each(|n| print(n));
    /// ```
    #[rhai_fn(name = "for_each", pure, return_raw)]
    pub fn for_each(ctx: NativeCallContext, list: &mut Array, action: FnPtr) -> Scripted<()> {
        for element in list.iter() {
            let _value = call(&ctx, &action, element.clone())?;
        }
        Ok(())
    }
}

/// Makes the module of a list type; both have the same functions, and Rhai's macro knows no type parameters.
macro_rules! list_functions {
    ($module:ident, $list:ident) => {
        /// Lists of snapshots.
        #[export_module]
        #[allow(
            missing_docs,
            unreachable_pub,
            clippy::needless_pass_by_value,
            clippy::unwrap_used
        )] // what the macro makes and asks for
        pub(in crate::script) mod $module {
            // The macro of Rhai wants a name that stands here.
            use super::$list as List;

            /// Returns the snapshots for which a condition holds.
            ///
            /// # Example
            /// ```rhai
            /// service::list().filter(|s| s.scheduler == "wlc").len();
            /// destination::list().filter(|d| d.weight > 0).len()
            /// ```
            #[rhai_fn(name = "filter", pure, return_raw)]
            pub fn filter(ctx: NativeCallContext, list: &mut List, keep: FnPtr) -> Scripted<List> {
                let mut kept = Vec::new();
                for element in list.iter() {
                    if holds(&ctx, &keep, Dynamic::from(element.clone()))? {
                        kept.push(element.clone());
                    }
                }
                Ok(List::new(kept))
            }

            /// Returns an array of what a function makes of each snapshot.
            ///
            /// # Example
            /// ```rhai
            /// service::list().map(|s| s.id);
            /// destination::list().map(|d| d.weight)
            /// ```
            #[rhai_fn(name = "map", pure, return_raw)]
            pub fn map(ctx: NativeCallContext, list: &mut List, turn: FnPtr) -> Scripted<Array> {
                list.iter()
                    .map(|element| call(&ctx, &turn, Dynamic::from(element.clone())))
                    .collect()
            }

            /// Returns whether a condition holds for at least one snapshot.
            ///
            /// # Example
            /// ```rhai
            /// service::list().some(|s| s.one_packet);
            /// destination::list().some(|d| d.active_connections > 0)
            /// ```
            #[rhai_fn(name = "some", pure, return_raw)]
            pub fn some(
                ctx: NativeCallContext,
                list: &mut List,
                condition: FnPtr,
            ) -> Scripted<bool> {
                for element in list.iter() {
                    if holds(&ctx, &condition, Dynamic::from(element.clone()))? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }

            /// Returns whether a condition holds for every snapshot.
            ///
            /// # Example
            /// ```rhai
            /// service::list().all(|s| s.weight_sum > 0);
            /// destination::list().all(|d| d.active_connections == 0)
            /// ```
            #[rhai_fn(name = "all", pure, return_raw)]
            pub fn all(
                ctx: NativeCallContext,
                list: &mut List,
                condition: FnPtr,
            ) -> Scripted<bool> {
                for element in list.iter() {
                    if !holds(&ctx, &condition, Dynamic::from(element.clone()))? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }

            /// Returns the first snapshot for which a condition holds, or `()`.
            ///
            /// # Example
            /// ```rhai
            /// service::list().find(|s| s.port == 80);
            /// destination::list().find(|d| d.address == "10.0.0.2")
            /// ```
            #[rhai_fn(name = "find", pure, return_raw)]
            pub fn find(
                ctx: NativeCallContext,
                list: &mut List,
                condition: FnPtr,
            ) -> Scripted<Dynamic> {
                for element in list.iter() {
                    if holds(&ctx, &condition, Dynamic::from(element.clone()))? {
                        return Ok(Dynamic::from(element.clone()));
                    }
                }
                Ok(Dynamic::UNIT)
            }

            /// Returns the snapshots, ordered by what a function makes of each.
            ///
            /// # Example
            /// ```rhai
            /// service::list().sort_by(|s| s.scheduler);
            /// destination::list().sort_by(|d| -d.active_connections)
            /// ```
            #[rhai_fn(name = "sort_by", pure, return_raw)]
            pub fn sort_by(ctx: NativeCallContext, list: &mut List, key: FnPtr) -> Scripted<List> {
                let keyed: Vec<_> = list
                    .iter()
                    .map(|element| {
                        Ok((
                            call(&ctx, &key, Dynamic::from(element.clone()))?,
                            element.clone(),
                        ))
                    })
                    .collect::<Scripted<_>>()?;
                Ok(List::new(sorted(&ctx, keyed)?))
            }

            /// Returns the first snapshots, at most so many.
            ///
            /// # Example
            /// ```rhai
            /// service::list().first(1);
            /// destination::list().sort_by(|d| -d.weight).first(2)
            /// ```
            #[rhai_fn(name = "first", pure, return_raw)]
            pub fn first(ctx: NativeCallContext, list: &mut List, number: i64) -> Scripted<List> {
                Ok(List::new(
                    list.iter().take(count(&ctx, number)?).cloned().collect(),
                ))
            }

            /// Returns the sum of what a function makes of each snapshot.
            ///
            /// # Example
            /// ```rhai
            /// service::list().sum(|s| s.weight_sum);
            /// destination::list().sum(|d| d.active_connections)
            /// ```
            #[rhai_fn(name = "sum", pure, return_raw)]
            pub fn sum(ctx: NativeCallContext, list: &mut List, of: FnPtr) -> Scripted<Dynamic> {
                super::sum(
                    &ctx,
                    list.iter()
                        .map(|element| call(&ctx, &of, Dynamic::from(element.clone()))),
                )
            }

            /// Returns a map from what a function makes of each snapshot, as text, to the list of those that gave it.
            ///
            /// # Example
            /// ```rhai
            /// service::list().group_by(|s| s.scheduler).keys();
            /// destination::list().group_by(|d| d.address).keys()
            /// ```
            #[rhai_fn(name = "group_by", pure, return_raw)]
            pub fn group_by(ctx: NativeCallContext, list: &mut List, key: FnPtr) -> Scripted<Map> {
                let mut groups: BTreeMap<String, Vec<_>> = BTreeMap::new();
                for element in list.iter() {
                    let key = call(&ctx, &key, Dynamic::from(element.clone()))?;
                    groups
                        .entry(group(&key)?)
                        .or_default()
                        .push(element.clone());
                }
                let lists = groups.into_iter();
                Ok(lists
                    .map(|(key, elements)| (key.into(), Dynamic::from(List::new(elements))))
                    .collect())
            }

            /// Calls a function with each snapshot.
            ///
            /// # Example
            /// ```rhai
            /// service::list().for_each(|s| print(s.id));
            /// destination::list().for_each(|d| print(d.id));
            /// ```
            #[rhai_fn(name = "for_each", pure, return_raw)]
            pub fn for_each(
                ctx: NativeCallContext,
                list: &mut List,
                action: FnPtr,
            ) -> Scripted<()> {
                for element in list.iter() {
                    let _value = call(&ctx, &action, Dynamic::from(element.clone()))?;
                }
                Ok(())
            }
        }
    };
}

list_functions!(services, ServiceList);
list_functions!(destinations, DestinationList);

/// Asks a condition about one element.
fn holds(ctx: &NativeCallContext<'_>, condition: &FnPtr, element: Dynamic) -> Scripted<bool> {
    let value = call(ctx, condition, element)?;
    value.as_bool().map_err(|found| {
        wrong(
            ctx,
            format!(
                "a condition gives true or false, not a value of type {}",
                crate::script::rhai_errors::clean(found)
            ),
        )
    })
}

/// Verbs on lists of real servers.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(in crate::script) mod verbs {
    /// Edits each of these real servers, all of them or none; returns their new snapshots.
    ///
    /// # Example
    /// ```rhai
    /// destination::list().filter(|d| d.address == "10.0.0.2").edit(#{ weight: 0 });
    /// ```
    #[rhai_fn(name = "edit", pure, return_raw)]
    pub fn edit(
        ctx: NativeCallContext,
        list: &mut DestinationList,
        fields: Map,
    ) -> Scripted<DestinationList> {
        let keys: Vec<_> = list.iter().map(|d| (d.service.key, d.key)).collect();
        with(&ctx, |session| {
            let edit = convert::destination_edit(&fields)?;
            session
                .edit_destinations(&keys, &edit)
                .map(|_staged_or_committed| ())
        })?;
        with(&ctx, |session| {
            super::super::waits::refreshed(session, list)
        })
    }
}
