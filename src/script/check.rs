//! Looks at a script without running it: calls of what does not exist, and lines that do not mean what they say.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use rhai::{AST, ASTNode, Engine, Expr, FnCallExpr, OptimizationLevel, Position, Scope, Stmt};

use super::engine::{builtin_engine, give_back};
use super::failure::ScriptFailure;
use super::lints::{captured, hidden_verb, literal};
use super::modules::Loader;
use super::permission::Permissions;
use super::runner::Script;
use crate::model::suggestion;

/// Every function of the language: its qualified name and the number of its parameters. A test keeps it true.
const FUNCTIONS: &str = include_str!("functions.txt");

/// Functions that the language has beyond those of its packages.
const KEYWORDS: [&str; 11] = [
    "print",
    "debug",
    "type_of",
    "call",
    "curry",
    "is_def_fn",
    "is_def_var",
    "is_shared",
    "Fn",
    "this",
    "call_fn",
];

/// What is wrong, and where.
pub(super) type Complaint = (String, Position);

/// Compiles a script and what it imports, and looks for what would go wrong.
///
/// # Errors
/// [`ScriptFailure::Compile`] with the first thing that is wrong.
pub fn check(script: &Script, permissions: &Permissions) -> Result<(), ScriptFailure> {
    let loader = Loader::for_script(&script.path, Rc::new(RefCell::new(permissions.clone())));
    let mut engine = builtin_engine();
    let usual = engine.optimization_level();
    // As written: what the optimizer folds has lost its place.
    engine.set_optimization_level(OptimizationLevel::None);
    let mut modules = BTreeMap::new();
    let checked = Checker {
        engine: &engine,
        loader: &loader,
        modules: &mut modules,
    }
    .script(script)
    .map(|_functions| ());
    engine.set_optimization_level(usual);
    give_back(engine);
    checked
}

/// Compiles a file of tests and looks for what would go wrong, as [`check`] does; `expect` is imported. Returns what the tests call it by.
///
/// # Errors
/// [`ScriptFailure::Compile`] with the first thing that is wrong.
pub(super) fn check_tests(
    script: &Script,
    permissions: &Permissions,
    (alias, path): (&str, &str),
) -> Result<(), ScriptFailure> {
    let loader = Loader::for_script(&script.path, Rc::new(RefCell::new(permissions.clone())));
    let mut engine = builtin_engine();
    engine.set_optimization_level(OptimizationLevel::None);
    engine.register_static_module(alias, rhai::Module::new().into());
    let mut modules = BTreeMap::new();
    let mut checker = Checker {
        engine: &engine,
        loader: &loader,
        modules: &mut modules,
    };
    let given = checker.module(script, path, Position::NONE)?;
    let ast = script.compiled(&engine)?;
    let own = checker.imports(script, &ast)?;
    let mut imports = BTreeMap::from([(alias.to_owned(), given)]);
    let named = own.into_iter();
    imports.extend(named.map(|(alias, (_, functions))| (alias, functions)));
    complain(script, &ast, &own_names(&ast), &imports)
}

/// What earlier lines of a prompt defined.
pub(super) struct LineContext<'a> {
    pub(super) scope: &'a Scope<'static>,
    pub(super) library: &'a AST,
    pub(super) imports: &'a BTreeMap<String, Option<Functions>>,
}

/// What a line imports: the name given, the path, and its functions.
pub(super) type Imported = Vec<(String, String, Option<Functions>)>;

/// Checks one line of a prompt.
pub(super) fn check_line(
    script: &Script,
    loader: &Loader,
    context: &LineContext<'_>,
) -> Result<Imported, ScriptFailure> {
    let mut engine = builtin_engine();
    engine.set_optimization_level(OptimizationLevel::None);
    // What earlier lines imported is known to the engine that runs the line.
    for alias in context.imports.keys() {
        engine.register_static_module(alias.as_str(), rhai::Module::new().into());
    }
    let ast = engine
        .compile_with_scope(context.scope, script.compilable())
        .map_err(|error| ScriptFailure::of_parse(script, &error))?;
    let mut modules = BTreeMap::new();
    let mut checker = Checker {
        engine: &engine,
        loader,
        modules: &mut modules,
    };
    let fresh = checker.imports(script, &ast)?;
    let mut imports = context.imports.clone();
    imports.extend(
        fresh
            .iter()
            .map(|(alias, (_, functions))| (alias.clone(), functions.clone())),
    );
    let mut own = own_names(&ast);
    own.extend(context.scope.iter().map(|(name, ..)| name.to_owned()));
    own.extend(
        context
            .library
            .iter_functions()
            .map(|function| function.name.to_owned()),
    );
    complain(script, &ast, &own, &imports)?;
    let named = fresh.into_iter();
    Ok(named
        .filter_map(|(alias, (path, functions))| Some((alias, path?, functions)))
        .collect())
}

fn complain(
    script: &Script,
    ast: &AST,
    own: &BTreeSet<String>,
    imports: &BTreeMap<String, Option<Functions>>,
) -> Result<(), ScriptFailure> {
    let complaint = hidden_verb(script, ast)
        .or_else(|| literal(script, ast))
        .or_else(|| captured(ast))
        .or_else(|| unknown_call(ast, own, imports));
    match complaint {
        None => Ok(()),
        Some((message, position)) => Err(ScriptFailure::compile(script, message, position)),
    }
}

/// Returns whether the language has a function that is called with so many arguments, by its name alone.
pub(super) fn is_known(name: &str, arguments: usize) -> bool {
    known().any(|known| known == (name, arguments))
}

/// Returns whether the language has functions under a name such as `service::`.
fn is_namespace(name: &str) -> bool {
    known().any(|(known, _)| {
        known
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with("::"))
    })
}

fn known() -> impl Iterator<Item = (&'static str, usize)> {
    FUNCTIONS.lines().filter_map(|line| {
        let (name, parameters) = line.rsplit_once(' ')?;
        Some((name, parameters.parse().ok()?))
    })
}

/// Names that the script itself defines, as functions or as variables that can hold a closure.
fn own_names(ast: &AST) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = ast
        .iter_functions()
        .map(|function| function.name.to_owned())
        .collect();
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Var(variable, ..))) => {
                names.insert(variable.0.name.to_string());
            }
            Some(ASTNode::Expr(Expr::Variable(variable, ..))) => {
                names.insert(variable.1.to_string());
            }
            // A map can hold closures, which are called like methods.
            Some(ASTNode::Expr(Expr::Map(fields, _))) => {
                names.extend(fields.0.iter().map(|(name, _)| name.name.to_string()));
            }
            Some(ASTNode::Expr(Expr::Property(property, _))) => {
                names.insert(property.2.to_string());
            }
            _ => {}
        }
        true
    });
    names
}

/// An import: its path, if that is a literal, and the functions of the module.
type Import = (Option<String>, Option<Functions>);

/// Public functions of a module: name and number of parameters.
pub(super) type Functions = BTreeSet<(String, usize)>;

struct Checker<'a> {
    engine: &'a Engine,
    loader: &'a Loader,
    /// Modules that were checked, by name; `None` while they are.
    modules: &'a mut BTreeMap<String, Option<Functions>>,
}

impl Checker<'_> {
    fn script(&mut self, script: &Script) -> Result<Functions, ScriptFailure> {
        let ast = self
            .engine
            .compile(script.compilable())
            .map_err(|error| ScriptFailure::of_parse(script, &error))?;
        let imports = self.imports(script, &ast)?;
        let imports = imports
            .into_iter()
            .map(|(alias, (_, functions))| (alias, functions))
            .collect();
        complain(script, &ast, &own_names(&ast), &imports)?;
        Ok(functions_of(&ast))
    }

    /// Checks what a script imports by a literal name; returns the functions by the name that the script gave.
    fn imports(
        &mut self,
        script: &Script,
        ast: &AST,
    ) -> Result<BTreeMap<String, Import>, ScriptFailure> {
        let mut named = Vec::new();
        ast.walk(&mut |path: &[ASTNode<'_>]| {
            if let Some(ASTNode::Stmt(Stmt::Import(import, position))) = path.last() {
                let alias = import.1.name.to_string();
                let literal = match &import.0 {
                    Expr::StringConstant(text, _) => Some(text.to_string()),
                    _ => None,
                };
                named.push((alias, literal, *position));
            }
            true
        });
        let mut imports = BTreeMap::new();
        for (alias, literal, position) in named {
            if is_namespace(&alias) {
                let text = format!(
                    "an import as `{alias}` would take the place of the language's own `{alias}::`: give it another name"
                );
                return Err(ScriptFailure::compile(script, text, position));
            }
            let functions = match &literal {
                Some(path) => self.module(script, path, position)?,
                None => None,
            };
            imports.insert(alias, (literal, functions));
        }
        Ok(imports)
    }

    fn module(
        &mut self,
        script: &Script,
        path: &str,
        position: Position,
    ) -> Result<Option<Functions>, ScriptFailure> {
        let found = self
            .loader
            .find(path, Some(&script.path))
            .map_err(|error| {
                let hint = error
                    .hint
                    .map(|hint| format!(" ({hint})"))
                    .unwrap_or_default();
                ScriptFailure::compile(script, format!("{}{hint}", error.message), position)
            })?;
        if let Some(known) = self.modules.get(&found.name) {
            return Ok(known.clone());
        }
        self.modules.insert(found.name.clone(), None);
        let module = Script {
            path: found.name.clone(),
            source: found.text,
            arguments: Vec::new(),
        };
        let functions = self.script(&module)?;
        self.modules.insert(found.name, Some(functions.clone()));
        Ok(Some(functions))
    }
}

fn functions_of(ast: &AST) -> Functions {
    let public = ast
        .iter_functions()
        .filter(|function| function.access == rhai::FnAccess::Public);
    public
        .map(|function| (function.name.to_owned(), function.params.len()))
        .collect()
}

fn unknown_call(
    ast: &AST,
    own: &BTreeSet<String>,
    imports: &BTreeMap<String, Option<Functions>>,
) -> Option<Complaint> {
    let mut found = None;
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        let (text, position) = match path.last() {
            Some(
                ASTNode::Stmt(Stmt::FnCall(call, position))
                | ASTNode::Expr(Expr::FnCall(call, position)),
            ) => (function_complaint(call, own, imports), *position),
            Some(ASTNode::Expr(Expr::MethodCall(call, position))) => {
                (method_complaint(call, own), *position)
            }
            _ => return true,
        };
        found = text.map(|text| (text, position));
        found.is_none()
    });
    found
}

/// A method is known if anything has one of that name: which values there will be is not known.
fn method_complaint(call: &FnCallExpr, own: &BTreeSet<String>) -> Option<String> {
    if call.op_token.is_some()
        || KEYWORDS.contains(&call.name.as_str())
        || own.contains(call.name.as_str())
    {
        return None;
    }
    let bare = || known().map(|(name, _)| name.rsplit("::").next().unwrap_or(name));
    if bare().any(|name| call.name == name) {
        return None;
    }
    Some(match suggestion(&call.name, bare()) {
        Some(near) => format!("there is no method `{}`: did you mean `{near}`?", call.name),
        None => format!("there is no method `{}`", call.name),
    })
}

fn function_complaint(
    call: &FnCallExpr,
    own: &BTreeSet<String>,
    imports: &BTreeMap<String, Option<Functions>>,
) -> Option<String> {
    if call.op_token.is_some() || KEYWORDS.contains(&call.name.as_str()) {
        return None;
    }
    let spaces: Vec<&str> = call
        .namespace
        .path
        .iter()
        .map(rhai::Ident::as_str)
        .collect();
    if spaces.is_empty() && own.contains(call.name.as_str()) {
        return None;
    }
    let given = call.args.len();
    let mut name = spaces.join("::");
    let candidates: Vec<(String, usize)> = match imports.get(&name) {
        // What is imported by a name that is made at run time can't be looked at.
        Some(None) => return None,
        Some(Some(functions)) => functions
            .iter()
            .map(|(function, parameters)| (format!("{name}::{function}"), *parameters))
            .collect(),
        None => known()
            .map(|(name, parameters)| (name.to_owned(), parameters))
            .collect(),
    };
    if !name.is_empty() {
        name.push_str("::");
    }
    name.push_str(&call.name);
    let mut counts: Vec<usize> = candidates
        .iter()
        .filter(|(known, _)| *known == name)
        .map(|(_, parameters)| *parameters)
        .collect();
    if counts.contains(&given) {
        return None;
    }
    if counts.is_empty() {
        let names = candidates.iter().map(|(known, _)| known.as_str());
        return Some(match suggestion(&name, names) {
            Some(near) => format!("there is no function `{name}`: did you mean `{near}`?"),
            None => format!("there is no function `{name}`"),
        });
    }
    counts.sort_unstable();
    counts.dedup();
    let noun = if counts == [1] {
        "argument"
    } else {
        "arguments"
    };
    let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
    Some(format!(
        "`{name}` takes {} {noun}, not {given}",
        counts.join(" or ")
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{FUNCTIONS, Permissions, Script, builtin_engine, check};

    /// Lists every function of the engine as `name parameters`.
    fn listed() -> String {
        fn collect(space: &str, module: &serde_json::Value, out: &mut BTreeSet<String>) {
            for function in module["functions"].as_array().into_iter().flatten() {
                let name = function["name"].as_str().unwrap_or_default();
                let parameters = function["numParams"].as_u64().unwrap_or_default();
                if name.starts_with(|c: char| c.is_alphabetic()) && !name.contains('$') {
                    out.insert(format!("{space}{name} {parameters}"));
                }
            }
            for (name, inner) in module["modules"].as_object().into_iter().flatten() {
                collect(&format!("{space}{name}::"), inner, out);
            }
        }
        let json = builtin_engine().gen_fn_metadata_to_json(true).unwrap();
        let mut functions = BTreeSet::new();
        collect("", &serde_json::from_str(&json).unwrap(), &mut functions);
        functions.into_iter().map(|line| line + "\n").collect()
    }

    #[test]
    fn the_list_of_functions_is_the_engines_own() {
        if std::env::var_os("IPVSHTEST_REGENERATE").is_some() {
            std::fs::write("src/script/functions.txt", listed()).unwrap();
            return;
        }
        assert_eq!(
            FUNCTIONS,
            listed(),
            "run the tests once with IPVSHTEST_REGENERATE=1 and look at what changed"
        );
    }

    #[track_caller]
    fn complaint(source: &str, expected: &str) {
        let script = Script {
            path: "x.rhai".to_owned(),
            source: source.to_owned(),
            arguments: Vec::new(),
        };
        let failure = check(&script, &Permissions::default()).expect_err(source);
        let shown = failure.render(false);
        assert!(shown.contains(expected) && shown.contains("^"), "{shown}");
    }

    #[test]
    fn unknown_functions_are_found_before_anything_runs() {
        complaint(
            "let s = service::lst();",
            "there is no function `service::lst`: did you mean `service::list`?",
        );
        complaint(
            "fn f() { if true { prnt(1); } }",
            "there is no function `prnt`",
        );
        complaint("service::get();", "`service::get` takes 1 argument, not 0");
        complaint(
            "transaction { destination::ad(\"x\"); }",
            "did you mean `destination::add`?",
        );
        complaint("let x = ;", "x.rhai:1:9");
        complaint("print(y);", "y");
    }

    #[test]
    fn what_exists_passes() {
        let source = "#!/usr/bin/env ipvsh\nfn twice(x) { x * 2 }\nlet f = |x| x + 1; print(twice(2)); f.call(2);\n\
            let l = [1, 2].map(|x| x.to_string()); print(l.len()); for s in service::list() { s.edit(#{}); }\n\
            let p = rehearse { timeouts::set(#{ tcp: \"1m\" }); }; p.commit(\"x\"); transaction \"a\" { } type_of(p); parse_int(\"1\"); exit(0);";
        let script = Script {
            path: "x.rhai".to_owned(),
            source: source.to_owned(),
            arguments: Vec::new(),
        };
        if let Err(failure) = check(&script, &Permissions::default()) {
            panic!("{}", failure.render(false));
        }
    }
}
