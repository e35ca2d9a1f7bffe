//! `test::`: what tests can do beside. Outside of `ipvsh test` it is an error of kind `unsupported`.

use rhai::plugin::export_module;
use rhai::{Array, Dynamic, FnPtr, Map, NativeCallContext};

use crate::script::error::{ScriptError, Scripted};
use crate::script::host::host;
use crate::script::suite::nested::run_script;
use crate::script::values::plain_text;

/// What tests can do beside.
#[export_module]
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::needless_pass_by_value,
    clippy::unwrap_used
)] // what the macro makes and asks for
pub(in crate::script) mod functions {
    /// Runs a script on the test's kernel, as `ipvsh run` would. Returns a map with `status` (the exit status), `output` (what it printed),
    /// `error` (or `()`), `outcome` (`committed`, `unchanged`, `rolled_back`, `conflict`, `guarded`, `indeterminate`, `failed`) and `warnings`.
    ///
    /// # Example
    /// ```rhai
    /// fn test_canary() {
    ///     let ran = test::run("canary.rhai");
    ///     assert_eq(ran.status, 2, ran.output);
    /// }
    /// ```
    #[rhai_fn(name = "run", return_raw)]
    pub fn run(ctx: NativeCallContext, path: &str) -> Scripted<Map> {
        run_with(ctx, path, Array::new())
    }

    /// Runs a script on the test's kernel with arguments: `["--server", "10.0.0.2"]`.
    ///
    /// # Example
    /// ```rhai
    /// fn test_canary() {
    ///     let ran = test::run("canary.rhai", ["--service", "tcp://192.0.2.1:80", "--server", "10.0.0.9:80"]);
    ///     assert_eq(ran.outcome, "committed", ran.output);
    /// }
    /// ```
    #[rhai_fn(name = "run", return_raw)]
    pub fn run_with(ctx: NativeCallContext, path: &str, arguments: Array) -> Scripted<Map> {
        let host = host(&ctx)?;
        let arguments = arguments.iter().map(plain_text).collect();
        let position = ctx.call_position();
        run_script(&host, ctx.call_source(), position, (path, arguments))
    }

    /// Returns the path of a file that lies beside the file of tests, wherever that is run from. Files in that folder may be read.
    ///
    /// # Example
    /// ```rhai
    /// fn setup() { table::apply(read_json(test::file("farm.json"))); }
    /// ```
    #[rhai_fn(name = "file", return_raw)]
    pub fn file(ctx: NativeCallContext, name: &str) -> Scripted<String> {
        let host = host(&ctx)?;
        if host.test.is_none() {
            let text = "test::file is a file beside a test, and this is none: `ipvsh test FILE` runs tests";
            return Err(ScriptError::new("unsupported", text).raise(ctx.call_position()));
        }
        let folder = std::path::Path::new(&host.path).parent();
        let path = folder.map_or_else(|| name.into(), |folder| folder.join(name));
        Ok(path.display().to_string())
    }

    /// Calls a function and returns what was warned of meanwhile, as a list of texts.
    ///
    /// # Example
    /// ```rhai
    /// fn test_it_says_so() {
    ///     assert_eq(test::warnings(|| warn("the table is empty")), ["the table is empty"]);
    /// }
    /// ```
    #[rhai_fn(name = "warnings", return_raw)]
    pub fn warnings(ctx: NativeCallContext, action: FnPtr) -> Scripted<Array> {
        let host = host(&ctx)?;
        let Some(test) = &host.test else {
            let text = "test::warnings hears what a test is warned of, and this is none: `ipvsh test FILE` runs tests";
            return Err(ScriptError::new("unsupported", text).raise(ctx.call_position()));
        };
        let before = test.warnings.borrow().len();
        let _value: Dynamic = action.call_within_context(&ctx, ())?;
        let mut session = host.session();
        let narrator = session.narrator();
        for text in session.take_warnings() {
            narrator.iter().for_each(|narrator| narrator.warns(&text));
        }
        let warnings = test.warnings.borrow();
        let new = warnings.get(before..).unwrap_or_default();
        Ok(new.iter().cloned().map(Dynamic::from).collect())
    }

    /// Returns where the random numbers of this run of the tests began: of load without a seed, and for a test's own use.
    ///
    /// # Example
    /// ```rhai
    /// fn test_any_seed() {
    ///     print(`with seed ${test::seed()}`);
    /// }
    /// ```
    #[rhai_fn(name = "seed", return_raw)]
    pub fn seed(ctx: NativeCallContext) -> Scripted<i64> {
        let host = host(&ctx)?;
        let Some(test) = &host.test else {
            let text = "test::seed is that of a run of tests, and this is none: `ipvsh test FILE` runs tests";
            return Err(ScriptError::new("unsupported", text).raise(ctx.call_position()));
        };
        Ok(i64::try_from(test.seed).unwrap_or(i64::MAX))
    }
}
