//! Looks at a script without running it.

use std::collections::BTreeSet;

use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, Stmt};

use super::engine::builtin_engine;
use super::failure::ScriptFailure;
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

/// Compiles a script and looks for calls of functions that do not exist.
///
/// # Errors
/// [`ScriptFailure::Compile`] with the first thing that is wrong.
pub fn check(script: &Script) -> Result<(), ScriptFailure> {
    let engine = builtin_engine();
    let ast = engine
        .compile(script.compilable())
        .map_err(|error| ScriptFailure::of_parse(script, &error))?;
    match unknown_call(&ast) {
        None => Ok(()),
        Some((message, position)) => Err(ScriptFailure::compile(script, message, position)),
    }
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
            _ => {}
        }
        true
    });
    names
}

fn unknown_call(ast: &AST) -> Option<(String, Position)> {
    let own = own_names(ast);
    let mut imports = false;
    let mut found = None;
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        let (call, position) = match path.last() {
            Some(ASTNode::Stmt(Stmt::Import(..))) => {
                imports = true;
                return true;
            }
            Some(ASTNode::Stmt(Stmt::FnCall(call, position))) => (call, *position),
            Some(ASTNode::Expr(Expr::FnCall(call, position))) => (call, *position),
            _ => return true,
        };
        // A call behind a dot is a method: which one depends on the value.
        found = complaint(call, &own, imports).map(|message| (message, position));
        found.is_none()
    });
    found
}

fn complaint(call: &FnCallExpr, own: &BTreeSet<String>, imports: bool) -> Option<String> {
    if call.op_token.is_some() || KEYWORDS.contains(&call.name.as_str()) {
        return None;
    }
    let spaces: Vec<&str> = call
        .namespace
        .path
        .iter()
        .map(rhai::Ident::as_str)
        .collect();
    if spaces.is_empty() && (own.contains(call.name.as_str()) || imports) {
        return None;
    }
    let mut name = spaces.join("::");
    let is_ours = known().any(|(known, _)| {
        known
            .split_once("::")
            .is_some_and(|(space, _)| space == name)
    });
    if !spaces.is_empty() && !is_ours && imports {
        return None;
    }
    if !name.is_empty() {
        name.push_str("::");
    }
    name.push_str(&call.name);
    let given = call.args.len();
    let mut counts: Vec<usize> = known()
        .filter(|(known, _)| *known == name)
        .map(|(_, parameters)| parameters)
        .collect();
    if counts.contains(&given) {
        return None;
    }
    if counts.is_empty() {
        return Some(match suggestion(&name, known().map(|(known, _)| known)) {
            Some(near) => format!("there is no function `{name}`: did you mean `{near}`?"),
            None => format!("there is no function `{name}`"),
        });
    }
    counts.sort_unstable();
    counts.dedup();
    let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
    Some(format!(
        "`{name}` takes {} arguments, not {given}",
        counts.join(" or ")
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{FUNCTIONS, Script, builtin_engine, check};

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
        if std::env::var_os("IPVSH_REGENERATE").is_some() {
            std::fs::write("src/script/functions.txt", listed()).unwrap();
            return;
        }
        assert_eq!(
            FUNCTIONS,
            listed(),
            "run the tests once with IPVSH_REGENERATE=1 and look at what changed"
        );
    }

    #[track_caller]
    fn complaint(source: &str, expected: &str) {
        let script = Script {
            path: "x.rhai".to_owned(),
            source: source.to_owned(),
            arguments: Vec::new(),
        };
        let failure = check(&script).expect_err(source);
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
        complaint("service::get();", "`service::get` takes 1 arguments, not 0");
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
        if let Err(failure) = check(&script) {
            panic!("{}", failure.render(false));
        }
    }
}
