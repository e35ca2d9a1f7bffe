//! Lines of a script that do not mean what they say: found in its syntax tree, before it runs.

use std::collections::BTreeMap;

use rhai::{AST, ASTNode, Expr, Position, Stmt};

use super::check::{Complaint, is_known};
use super::runner::Script;

/// The name that Rhai gives to the function which binds what a closure captures.
const CURRY: &str = "curry";

/// Finds a function of the script that would take the place of one of the language: called as a function, or as a
/// method, whose object is not counted.
pub(super) fn hidden_verb(script: &Script, ast: &AST) -> Option<Complaint> {
    let hides = |name: &str, parameters: usize, typed: bool| {
        let function = is_known(name, parameters) && !typed;
        if function {
            Some(format!("the function `{name}`"))
        } else {
            is_known(name, parameters + 1).then(|| format!("the method `{name}`"))
        }
    };
    let (name, hidden) = ast.iter_functions().find_map(|function| {
        let typed = function.this_type.is_some();
        let hidden = hides(function.name, function.params.len(), typed)?;
        Some((function.name.to_owned(), hidden))
    })?;
    let text = format!(
        "a function `{name}` would silently take the place of {hidden} of the language: give it another name"
    );
    let place = script.source.lines().enumerate().find_map(|(index, line)| {
        let begin = line.find("fn ")? + 3;
        let column = begin + line.get(begin..)?.find(&name)? + 1;
        let line = u16::try_from(index + 1).ok()?;
        Some(Position::new(line, u16::try_from(column).ok()?))
    });
    Some((text, place.unwrap_or(Position::NONE)))
}

/// Finds a text in double quotes that looks like an interpolation.
pub(super) fn literal(script: &Script, ast: &AST) -> Option<Complaint> {
    let mut found = None;
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Expr(Expr::StringConstant(text, position))) = path.last()
            && text.contains("${")
            && character_at(&script.source, *position) == Some('"')
        {
            let text =
                "`${…}` is put in between back-ticks alone; in double quotes it stays as it is"
                    .to_owned();
            found = Some((text, *position));
        }
        found.is_none()
    });
    found
}

fn character_at(source: &str, position: Position) -> Option<char> {
    let line = source.lines().nth(position.line()?.checked_sub(1)?)?;
    line.chars().nth(position.position()?.checked_sub(1)?)
}

/// Finds a closure that uses the variable whose method it is given to.
pub(super) fn captured(ast: &AST) -> Option<Complaint> {
    let held = held_closures(ast);
    let mut found = None;
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Expr(Expr::Dot(chain, ..) | Expr::Index(chain, ..))) = path.last()
            && let Some(root) = root_of(&chain.lhs)
        {
            found = method_that_captures(&chain.rhs, root, &held);
        }
        found.is_none()
    });
    found
}

/// What closures capture that variables hold, by the names of the variables.
type Held = BTreeMap<String, Vec<String>>;

/// Finds the variables that hold a closure, if the name is given to one variable alone.
fn held_closures(ast: &AST) -> Held {
    let mut declared: BTreeMap<String, usize> = BTreeMap::new();
    let mut held = Held::new();
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Var(variable, ..))) => {
                let name = variable.0.name.to_string();
                *declared.entry(name.clone()).or_default() += 1;
                held.insert(name, captured_names(&variable.1));
            }
            // What is assigned later is not followed.
            Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                if let Expr::Variable(variable, ..) = &assignment.1.lhs {
                    *declared.entry(variable.1.to_string()).or_default() += 1;
                }
            }
            _ => {}
        }
        true
    });
    held.retain(|name, captured| declared.get(name) == Some(&1) && !captured.is_empty());
    held
}

/// Returns the variable at the beginning of a chain of dots.
fn root_of(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Variable(variable, ..) => Some(variable.1.as_str()),
        Expr::Dot(chain, ..) | Expr::Index(chain, ..) => root_of(&chain.lhs),
        _ => None,
    }
}

fn method_that_captures(chain: &Expr, root: &str, held: &Held) -> Option<Complaint> {
    match chain {
        Expr::MethodCall(call, position) => {
            let captures = call.args.iter().any(|argument| match argument {
                Expr::Variable(variable, ..) => held
                    .get(variable.1.as_str())
                    .is_some_and(|names| names.iter().any(|name| name == root)),
                closure => captured_names(closure).iter().any(|name| name == root),
            });
            captures.then(|| {
                let text = format!(
                    "`{root}` is used inside the closure while `{}` works on it, which Rhai can't do: take what you need before, as in `let x = {root}.…;`",
                    call.name
                );
                (text, *position)
            })
        }
        Expr::Dot(inner, ..) | Expr::Index(inner, ..) => {
            method_that_captures(&inner.lhs, root, held)
                .or_else(|| method_that_captures(&inner.rhs, root, held))
        }
        _ => None,
    }
}

/// Returns the variables that a closure captures; of what is no closure, none.
fn captured_names(closure: &Expr) -> Vec<String> {
    match closure {
        Expr::FnCall(call, _) if call.name == CURRY => {
            let bound = call.args.iter().skip(1);
            let names = bound.filter_map(|bound| match bound {
                Expr::Variable(variable, ..) => Some(variable.1.to_string()),
                _ => None,
            });
            names.collect()
        }
        Expr::Stmt(block) => {
            let statements = block.statements().iter();
            let names = statements.flat_map(|statement| match statement {
                Stmt::Share(shared) => shared
                    .iter()
                    .map(|(name, _)| name.name.to_string())
                    .collect(),
                Stmt::Expr(expression) => captured_names(expression),
                _ => Vec::new(),
            });
            names.collect()
        }
        _ => Vec::new(),
    }
}
