//! Functions of the language, one file for each noun. The documentation of a function stands at its binding.

mod destination;
mod general;
mod service;
mod table;
mod timeouts;

use rhai::plugin::{combine_with_exported_module, exported_module};
use rhai::{Engine, Module};

/// Registers every function.
pub(super) fn register(engine: &mut Engine) {
    engine.register_static_module("service", exported_module!(service::functions).into());
    engine.register_static_module(
        "destination",
        exported_module!(destination::functions).into(),
    );
    engine.register_static_module("table", exported_module!(table::functions).into());
    engine.register_static_module("timeouts", exported_module!(timeouts::functions).into());
    let mut general = Module::new();
    combine_with_exported_module!(&mut general, "general", general::functions);
    combine_with_exported_module!(&mut general, "plan", table::plan_methods);
    engine.register_global_module(general.into());
    general::guard_sizes(engine);
}
