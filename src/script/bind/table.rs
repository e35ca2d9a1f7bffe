//! `table::`: everything at once, and the methods of a plan.

use rhai::plugin::export_module;
use rhai::{Dynamic, Map, NativeCallContext};

use crate::document::{Detail, DocumentError, DocumentWriter, json, read_document};
use crate::model::TableSpecification;
use crate::script::convert;
use crate::script::error::Scripted;
use crate::script::host::with;
use crate::script::values::{OutcomeValue, PlanValue, dynamic_of, json_or_end};
use crate::session::{
    Access, ApplyOptions, BlockKind, CommitTerms, Ended, Error, Interrupt, Prune, Session, Target,
    VerbOutcome,
};

/// Reads a document that a script holds as a map.
fn specification(document: Map) -> Result<TableSpecification, Error> {
    let bytes = json_or_end(&document.into()).to_string().into_bytes();
    let read = read_document("document", &bytes);
    Ok(read.map_err(DocumentError::without_place)?)
}

/// Rehearses a document that replaces everything.
fn difference(session: &mut Session, wanted: &TableSpecification) -> Result<PlanValue, Error> {
    session.begin(BlockKind::Rehearsal)?;
    let options = ApplyOptions {
        prune: Prune::Everything,
        keep_weight: false,
    };
    match session.apply(wanted, options) {
        Ok(_) => Ok(PlanValue::new(session.end_rehearsal()?, Dynamic::UNIT)),
        Err(error) => {
            session.abandon();
            Err(error)
        }
    }
}

/// The whole table.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(in crate::script) mod functions {
    /// Returns the table as the document that `ipvsh export` prints.
    ///
    /// # Example
    /// ```rhai
    /// table::get().services.len()
    /// ```
    #[rhai_fn(return_raw)]
    pub fn get(ctx: NativeCallContext) -> Scripted<Dynamic> {
        let table = with(&ctx, Session::table)?;
        let document = DocumentWriter {
            table: &table,
            detail: Detail::Observed,
            incomplete: &[],
        };
        Ok(dynamic_of(&json::value(&document)))
    }

    /// Makes the table what a document says; what it does not name stays.
    ///
    /// # Example
    /// ```rhai
    /// table::apply(#{ version: 1, services: [#{ id: "tcp://192.0.2.4:80" }] });
    /// ```
    #[rhai_fn(name = "apply", return_raw)]
    pub fn apply_plain(ctx: NativeCallContext, document: Map) -> Scripted<()> {
        apply(ctx, document, Map::new())
    }

    /// Makes the table what a document says; `#{prune: "servers"}` or `#{prune: "services"}` deletes what it does not name.
    ///
    /// # Example
    /// ```rhai
    /// table::apply(#{ version: 1, services: [#{ id: "tcp://192.0.2.4:80" }] }, #{ prune: "services" });
    /// ```
    #[rhai_fn(name = "apply", return_raw)]
    pub fn apply(ctx: NativeCallContext, document: Map, options: Map) -> Scripted<()> {
        with(&ctx, |session| {
            let options = convert::apply_options(&options)?;
            let (_staged_or_committed, _kept): (VerbOutcome, _) =
                session.apply(&specification(document)?, options)?;
            Ok(())
        })
    }

    /// Returns the plan that leads from the table to exactly what a document says: what it does not name would be
    /// deleted. `rehearse { table::apply(document) }` is the plan that keeps it.
    ///
    /// # Example
    /// ```rhai
    /// table::diff(table::get()).is_empty
    /// ```
    #[rhai_fn(name = "diff", return_raw)]
    pub fn diff(ctx: NativeCallContext, document: Map) -> Scripted<PlanValue> {
        with(&ctx, |session| {
            difference(session, &specification(document)?)
        })
    }

    /// Returns the plan that leads from one document to exactly what another says, for a look at the difference.
    ///
    /// # Example
    /// ```rhai
    /// table::diff(#{ version: 1 }, table::get()).summary.add
    /// ```
    #[rhai_fn(name = "diff", return_raw)]
    pub fn diff_two(ctx: NativeCallContext, a: Map, b: Map) -> Scripted<PlanValue> {
        with(&ctx, |_| {
            let target = Target::Simulation {
                contents: Some(Box::new(specification(a)?)),
                label: None,
                file: None,
            };
            let mut between = Session::open(target, Access::Read, Interrupt::default())?;
            difference(&mut between, &specification(b)?)
        })
    }

    /// Deletes every virtual service.
    ///
    /// # Example
    /// ```rhai
    /// table::clear();
    /// ```
    #[rhai_fn(return_raw)]
    pub fn clear(ctx: NativeCallContext) -> Scripted<()> {
        with(&ctx, |session| {
            let _staged_or_committed = session.clear()?;
            Ok(())
        })
    }
}

/// Methods of a plan.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(in crate::script) mod plan_methods {
    use crate::script::values::PlanValue as Plan;

    /// Sends what the plan shows, without running its block again; throws `conflict` if the table has changed since.
    ///
    /// # Example
    /// ```rhai
    /// let plan = rehearse { service::add("tcp://192.0.2.5:80"); };
    /// plan.commit();
    /// ```
    #[rhai_fn(name = "commit", pure, return_raw)]
    pub fn commit(ctx: NativeCallContext, plan: &mut Plan) -> Scripted<OutcomeValue> {
        commit_plan(&ctx, plan, CommitTerms::default())
    }

    /// Sends what the plan shows, under a label.
    ///
    /// # Example
    /// ```rhai
    /// let plan = rehearse { service::add("tcp://192.0.2.6:80"); };
    /// plan.commit("open the shop");
    /// ```
    #[rhai_fn(name = "commit", pure, return_raw)]
    pub fn commit_labelled(
        ctx: NativeCallContext,
        plan: &mut Plan,
        label: &str,
    ) -> Scripted<OutcomeValue> {
        commit_plan(&ctx, plan, CommitTerms::labelled(Some(label.to_owned())))
    }

    /// Sends what the plan shows, under a label, and on terms as those of a transaction: `confirm` is the time within
    /// which it must be confirmed, or it rolls back automatically.
    ///
    /// # Example
    /// ```rhai
    /// let plan = rehearse { service::add("tcp://192.0.2.6:80"); };
    /// plan.commit("open the shop", #{ confirm: "60s" });
    /// confirm();
    /// ```
    #[rhai_fn(name = "commit", pure, return_raw)]
    pub fn commit_on_terms(
        ctx: NativeCallContext,
        plan: &mut Plan,
        label: &str,
        terms: Map,
    ) -> Scripted<OutcomeValue> {
        let options = with(&ctx, |_| Ok(convert::block_options(&terms)?))?;
        let label = options.label.unwrap_or_else(|| label.to_owned());
        let reason = CommitTerms {
            label: Some(label),
            confirm: options.confirm,
            undoes: Vec::new(),
            guarding: options.guarding,
        };
        commit_plan(&ctx, plan, reason)
    }
}

fn commit_plan(
    ctx: &NativeCallContext<'_>,
    plan: &PlanValue,
    reason: CommitTerms,
) -> Scripted<OutcomeValue> {
    let plan = crate::txn::Plan::clone(&plan.plan);
    let label = reason.label.clone();
    let ended: Ended = with(ctx, |session| session.commit_or_stage(plan, reason))?;
    Ok(OutcomeValue::new(ended, label, Dynamic::UNIT))
}
