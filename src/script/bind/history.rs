//! `history::`: what was committed to this table, and taking it back; and `confirm`.

use rhai::plugin::export_module;
use rhai::{Array, Dynamic, Map, NativeCallContext};

use crate::document::json;
use crate::journal::Record;
use crate::results::{damaged_shape, record_shape};
use crate::script::error::{ScriptError, Scripted};
use crate::script::host::with;
use crate::script::values::{OutcomeValue, PlanValue, dynamic_of};
use crate::session::{Error, Scope, Session};

/// Reads the number of a commit.
fn number(ctx: &NativeCallContext<'_>, id: i64) -> Scripted<u64> {
    u64::try_from(id).map_err(|_| {
        let text = format!("a commit has a number such as 12, not {id}");
        ScriptError::new("invalid", text).raise(ctx.call_position())
    })
}

fn undo(ctx: &NativeCallContext<'_>, id: Option<u64>) -> Scripted<OutcomeValue> {
    let (record, ended) = with(ctx, |session| session.undo(id))?;
    let label = format!("undo {}", record.intent.number);
    Ok(OutcomeValue::new(ended, Some(label), Dynamic::UNIT))
}

fn redone(ctx: &NativeCallContext<'_>) -> Scripted<OutcomeValue> {
    let (record, ended) = with(ctx, Session::redo)?;
    let undone: Vec<String> = record.intent.undoes().iter().map(u64::to_string).collect();
    let label = format!("redo {}", undone.join(", "));
    Ok(OutcomeValue::new(ended, Some(label), Dynamic::UNIT))
}

fn full(record: &Record) -> Result<Dynamic, Error> {
    let mut map: Map = dynamic_of(&json::value(&record_shape(record)))
        .try_cast()
        .unwrap_or_default();
    let plan = PlanValue::new(record.plan()?, Dynamic::UNIT);
    map.insert("plan".into(), Dynamic::from(plan));
    Ok(Dynamic::from(map).into_read_only())
}

/// What was committed.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(in crate::script) mod functions {
    /// Returns the commits to this table, oldest first, each a map: `id`, `time`, `label`, `state`, `user`, `command`,
    /// `typed`, `script`, `undoes`, `also_undoes`, `confirm_by`, `summary`, `events`. A record that can't be read is a map with `damaged`.
    ///
    /// # Example
    /// ```rhai
    /// service::add("fwmark://3");
    /// history::list().filter(|commit| commit.state == "committed").len()
    /// ```
    #[rhai_fn(return_raw)]
    pub fn list(ctx: NativeCallContext) -> Scripted<Array> {
        let records = with(&ctx, |session| session.records(Scope::ThisTable))?;
        let shapes = records.into_iter().map(|record| {
            let shape = match record {
                Ok(record) => json::value(&record_shape(&record)),
                Err(error) => json::value(&damaged_shape(&error)),
            };
            dynamic_of(&shape).into_read_only()
        });
        Ok(shapes.collect())
    }

    /// Returns one commit: a map as those of `history::list`, with its `plan` as it was shown.
    ///
    /// # Example
    /// ```rhai
    /// let done = transaction "one more" { service::add("fwmark://3"); };
    /// history::get(done.id).plan.summary.add
    /// ```
    #[rhai_fn(return_raw)]
    pub fn get(ctx: NativeCallContext, id: i64) -> Scripted<Dynamic> {
        let id = number(&ctx, id)?;
        with(&ctx, |session| full(&session.record(id)?))
    }

    /// Undoes a commit by a new one, or stages that in an open block; throws `conflict` if something that it changed
    /// is no longer as it left it.
    ///
    /// # Example
    /// ```rhai
    /// let done = transaction { service::add("fwmark://3"); };
    /// history::undo(done.id);
    /// ```
    #[rhai_fn(name = "undo", return_raw)]
    pub fn undo_one(ctx: NativeCallContext, id: i64) -> Scripted<OutcomeValue> {
        let id = number(&ctx, id)?;
        undo(&ctx, Some(id))
    }

    /// Undoes the newest commit to this table that is not undone, whoever made it: called twice, the one before as well.
    ///
    /// # Example
    /// ```rhai
    /// service::add("fwmark://3");
    /// history::undo();
    /// ```
    #[rhai_fn(name = "undo", return_raw)]
    pub fn undo_last(ctx: NativeCallContext) -> Scripted<OutcomeValue> {
        undo(&ctx, None)
    }

    /// Reverses the newest undo by a new commit, or stages that in an open block. A new commit ends what can be redone.
    ///
    /// # Example
    /// ```rhai
    /// service::add("fwmark://3");
    /// history::undo();
    /// history::redo();
    /// ```
    #[rhai_fn(return_raw)]
    pub fn redo(ctx: NativeCallContext) -> Scripted<OutcomeValue> {
        redone(&ctx)
    }
}

/// Keeping commits that would roll back automatically.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(in crate::script) mod confirmations {
    /// Keeps the last commit of this script that rolls back automatically unless it is confirmed, or else the only one of
    /// this table. In a rehearsal nothing is committed, and nothing is to be confirmed.
    ///
    /// # Example
    /// ```rhai
    /// transaction "canary" #{ confirm: "60s" } { service::add("fwmark://3"); };
    /// if service::has("fwmark://3") { confirm(); }
    /// ```
    #[rhai_fn(name = "confirm", return_raw)]
    pub fn confirm(ctx: NativeCallContext) -> Scripted<()> {
        with(&ctx, |session| session.confirm_own(None))?;
        Ok(())
    }

    /// Keeps a commit that rolls back automatically unless it is confirmed.
    ///
    /// # Example
    /// ```rhai
    /// let done = transaction #{ confirm: "60s" } { service::add("fwmark://3"); };
    /// confirm(done.id);
    /// ```
    #[rhai_fn(name = "confirm", return_raw)]
    pub fn confirm_one(ctx: NativeCallContext, id: i64) -> Scripted<()> {
        let id = number(&ctx, id)?;
        with(&ctx, |session| session.confirm_own(Some(id)))?;
        Ok(())
    }
}
