//! The tests that a file has.

use rhai::{AST, Position};

use crate::script::failure::ScriptFailure;
use crate::script::runner::Script;

/// How a test's name begins, and how that of the function that gives it rows.
const TEST: &str = "test_";
const ROWS: &str = "rows_";

/// What a file has: its tests, in their order, and what runs before and after each.
#[derive(Clone, Debug)]
pub(super) struct TestFile {
    pub(super) tests: Vec<TestFunction>,
    /// Whether there is a `setup()`.
    pub(super) has_setup: bool,
    /// The parameters of `teardown`, if there is one.
    pub(super) teardown: Option<usize>,
}

/// A function `test_NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestFunction {
    /// Its name.
    pub name: String,
    /// The line on which its body begins.
    pub line: usize,
    /// The function that gives it rows, if there is one.
    pub(super) rows: Option<String>,
    pub(super) parameters: usize,
}

impl TestFunction {
    /// Returns whether it runs once for each of some rows.
    #[must_use]
    pub const fn has_rows(&self) -> bool {
        self.rows.is_some()
    }
}

struct Function {
    name: String,
    parameters: usize,
    position: Position,
}

impl TestFile {
    /// Finds the tests of a file that was compiled.
    pub(super) fn of(script: &Script, ast: &AST) -> Result<Self, ScriptFailure> {
        let mut functions: Vec<Function> = ast
            .shared_lib()
            .iter_script_fn_info()
            .map(|(_, _, name, parameters, function)| Function {
                name: name.to_owned(),
                parameters,
                position: function.body.start_position(),
            })
            .filter(|function| !function.name.starts_with("anon$"))
            .collect();
        functions.sort_by_key(|function| (function.position.line(), function.position.position()));
        let refuse = |function: &Function, text: String| {
            Err(ScriptFailure::compile(script, text, function.position))
        };
        let mut file = Self {
            tests: Vec::new(),
            has_setup: false,
            teardown: None,
        };
        for function in &functions {
            let Function {
                name, parameters, ..
            } = function;
            match name.as_str() {
                "setup" if *parameters == 0 => file.has_setup = true,
                "setup" => return refuse(function, "setup() takes no parameters".to_owned()),
                "teardown" if *parameters <= 1 => file.teardown = Some(*parameters),
                "teardown" => {
                    let text = "teardown takes what setup() returned, or nothing";
                    return refuse(function, text.to_owned());
                }
                _ => {}
            }
        }
        for function in &functions {
            let name = &function.name;
            if let Some(rest) = name.strip_prefix(ROWS) {
                let test = format!("{TEST}{rest}");
                if function.parameters > 0 {
                    return refuse(function, format!("{name}() takes no parameters"));
                }
                if !functions.iter().any(|other| other.name == test) {
                    let text = format!("{name}() gives rows to {test}, and there is no such test");
                    return refuse(function, text);
                }
            }
            let Some(rest) = name.strip_prefix(TEST) else {
                continue;
            };
            let rows = format!("{ROWS}{rest}");
            let rows = functions
                .iter()
                .any(|other| other.name == rows)
                .then_some(rows);
            let most = usize::from(file.has_setup) + usize::from(rows.is_some());
            if function.parameters > most {
                let text = format!(
                    "{name} takes more than there is: setup() gives a test one argument, {ROWS}{rest}() one more"
                );
                return refuse(function, text);
            }
            if rows.is_some() && function.parameters == 0 {
                let text = format!("{name} takes no row, and {ROWS}{rest}() gives it some");
                return refuse(function, text);
            }
            file.tests.push(TestFunction {
                name: name.clone(),
                line: function.position.line().unwrap_or_default(),
                rows,
                parameters: function.parameters,
            });
        }
        Ok(file)
    }
}
