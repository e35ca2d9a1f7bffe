//! The sandboxed engine: packages, bindings, limits.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::rc::Rc;

use rhai::module_resolvers::DummyModuleResolver;
use rhai::packages::{
    BasicArrayPackage, BasicBlobPackage, BasicMapPackage, BasicMathPackage, CorePackage,
    LogicPackage, MoreStringPackage, Package,
};
use rhai::{Dynamic, Engine};

use super::host::{Host, tag_of};
use super::limits::{CALL_LEVELS, EXPRESSION_DEPTHS, Limits};
use super::watch::Watch;
use super::{bind, blocks, runbooks, values};
use crate::session::Interrupt;

thread_local! {
    /// An engine as [`builtin_engine`] builds it that is not needed any more: to build one is most of what a short script
    /// takes, and what checks a script can run it. It ends with the program: to take it apart helps nobody.
    static SPARE: Cell<Option<ManuallyDrop<Engine>>> = const { Cell::new(None) };
}

/// Keeps an engine that is as [`builtin_engine`] returned it for the next one that is asked for.
pub(super) fn give_back(engine: Engine) {
    SPARE.set(Some(ManuallyDrop::new(engine)));
}

/// Returns an engine with every function of the language and no table behind it: enough to compile and check.
pub(super) fn builtin_engine() -> Engine {
    SPARE.take().map_or_else(build, ManuallyDrop::into_inner)
}

fn build() -> Engine {
    let mut engine = Engine::new_raw();
    // Without the package of the wall clock: time is the session's.
    CorePackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicMathPackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicBlobPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    MoreStringPackage::new().register_into_engine(&mut engine);
    engine.set_strict_variables(true);
    engine.set_max_call_levels(CALL_LEVELS);
    engine.set_max_expr_depths(EXPRESSION_DEPTHS.0, EXPRESSION_DEPTHS.1);
    // Operators look at our own comparisons too, which refuse what Rhai answers with a silent `false`.
    engine.set_fast_operators(false);
    engine.disable_symbol("eval");
    // Wraps a value in another without a copy: lists within lists deep enough to overflow the stack.
    engine.disable_symbol("take");
    values::register(&mut engine);
    bind::register(&mut engine);
    blocks::register(&mut engine);
    runbooks::register(&mut engine);
    refuse_names(&mut engine);
    engine
}

/// Words of the language, now or soon, that no variable can have.
const WORDS: [&str; 4] = ["transaction", "rehearse", "runbook", "step"];

#[allow(deprecated)] // the interface is volatile, and the version of rhai pinned
fn refuse_names(engine: &mut Engine) {
    engine.on_def_var(|_, info, _| {
        if WORDS.contains(&info.name()) {
            let text = format!(
                "`{}` is a word of the language; a variable needs another name",
                info.name()
            );
            return Err(text.into());
        }
        Ok(true)
    });
}

/// Connects an engine to a table, an output and its limits.
pub(super) fn connect(engine: &mut Engine, host: &Rc<Host>, limits: Limits, interrupt: Interrupt) {
    engine.set_default_tag(tag_of(host));
    let watch = Watch::new(limits, interrupt, Rc::clone(host));
    engine.on_progress(move |_| watch.stop().map(Dynamic::from));
    let printer = Rc::clone(host);
    engine.on_print(move |text| printer.print(text));
    let debugger = Rc::clone(host);
    engine.on_debug(move |text, source, position| {
        let source = source.unwrap_or("script");
        debugger.print(&format!("{source}:{position:?}: {text}"));
    });
}

/// Takes from an engine what [`connect`] and a runner gave it, so that it is as [`builtin_engine`] returned it.
pub(super) fn disconnect(engine: &mut Engine) {
    engine.set_default_tag(());
    engine.on_progress(|_| None);
    engine.on_print(|_| ());
    engine.on_debug(|_, _, _| ());
    engine.set_module_resolver(DummyModuleResolver::new());
}
