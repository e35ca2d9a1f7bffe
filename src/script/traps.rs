//! Lines of a script that do not mean what they say: found in its syntax tree, before it runs.

use rhai::{AST, ASTNode, Expr, Position, Stmt};

use super::check::Complaint;
use super::runner::Script;

/// Methods of snapshots, lists and plans: a function of a script with such a name would silently take their place.
const METHODS: [&str; 18] = [
    "edit",
    "delete",
    "ensure",
    "zero",
    "refresh",
    "add",
    "destination",
    "wait_until",
    "commit",
    "filter",
    "map",
    "some",
    "all",
    "find",
    "sort_by",
    "first",
    "sum",
    "group_by",
];

/// The name that Rhai gives to the function which binds what a closure captures.
const CURRY: &str = "curry";

/// Finds a function of the script that would take the place of a verb.
pub(super) fn hidden_verb(script: &Script, ast: &AST) -> Option<Complaint> {
    let name = ast
        .iter_functions()
        .find(|function| METHODS.contains(&function.name) && function.this_type.is_none())?
        .name
        .to_owned();
    let text = format!(
        "a function `{name}` would silently take the place of the method `{name}` of snapshots: give it another name"
    );
    let place = script.source.lines().enumerate().find_map(|(index, line)| {
        let column = line.find(&format!("fn {name}"))? + 4;
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
    let mut found = None;
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Expr(Expr::Dot(chain, ..))) = path.last()
            && let Some(root) = root_of(&chain.lhs)
        {
            found = method_that_captures(&chain.rhs, root);
        }
        found.is_none()
    });
    found
}

/// Returns the variable at the beginning of a chain of dots.
fn root_of(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Variable(variable, ..) => Some(variable.1.as_str()),
        Expr::Dot(chain, ..) | Expr::Index(chain, ..) => root_of(&chain.lhs),
        _ => None,
    }
}

fn method_that_captures(chain: &Expr, root: &str) -> Option<Complaint> {
    match chain {
        Expr::MethodCall(call, position) => {
            let captures = call.args.iter().any(|argument| captures(argument, root));
            captures.then(|| {
                let text = format!(
                    "`{root}` is used inside the closure while `{}` works on it, which Rhai can't do: take what you need before, as in `let x = {root}.…;`",
                    call.name
                );
                (text, *position)
            })
        }
        Expr::Dot(inner, ..) | Expr::Index(inner, ..) => method_that_captures(&inner.lhs, root)
            .or_else(|| method_that_captures(&inner.rhs, root)),
        _ => None,
    }
}

/// Tells whether an argument is a closure that captures a variable.
fn captures(argument: &Expr, root: &str) -> bool {
    match argument {
        Expr::FnCall(call, _) if call.name == CURRY => call
            .args
            .iter()
            .skip(1)
            .any(|bound| matches!(bound, Expr::Variable(variable, ..) if variable.1 == root)),
        Expr::Stmt(block) => block.statements().iter().any(|statement| match statement {
            Stmt::Share(shared) => shared.iter().any(|(name, _)| name.name == root),
            Stmt::Expr(expression) => captures(expression, root),
            _ => false,
        }),
        _ => false,
    }
}
