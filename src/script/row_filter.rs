//! Filters of lists: an expression of the language, whose variables are the fields of a line.
//!
//! A filter can compare and calculate; it has no function that looks at a table or changes one. What is not known of a line, or not
//! there, is `()`: it equals nothing else, and a comparison that can't be made for that reason alone does not take the line.

use std::cell::RefCell;

use rhai::packages::{
    BasicArrayPackage, BasicMapPackage, BasicMathPackage, CorePackage, LogicPackage,
    MoreStringPackage, Package,
};
use rhai::{AST, ASTNode, Dynamic, Engine, EvalAltResult, Expr, Map, ParseErrorType, Scope, Stmt};

use super::values::refuse_comparisons;
use crate::model::{Field, FieldValue, Invalid, NamedField, Row, RowKind, suggestion};

/// An expression can't go on for longer: no field is that long.
const OPERATIONS: u64 = 100_000;

/// A filter of lines of one kind.
pub struct RowFilter {
    text: String,
    engine: Engine,
    expression: AST,
    variables: Vec<(String, Variable)>,
    scope: RefCell<Scope<'static>>,
}

/// What a variable of a filter stands for.
enum Variable {
    Field(NamedField),
    /// Fields under one name, as `counters`: the rest of their names.
    Group(Vec<(String, NamedField)>),
    /// The service of a real server.
    Service(Vec<(String, Variable)>),
}

impl RowFilter {
    /// Reads a filter.
    ///
    /// # Errors
    /// [`Invalid`] says what is wrong with it: where it can't be read, or which field there is not.
    pub fn parse(text: &str, kind: RowKind) -> Result<Self, Invalid> {
        let wrong = |expected: String| Invalid::new("filter", text, expected);
        let mut engine = engine();
        // What is a variable is found below, with better words.
        engine.set_strict_variables(false);
        let expression = engine.compile_expression(text).map_err(|error| {
            let place = error.position().position().unwrap_or(1);
            wrong(match error.err_type() {
                ParseErrorType::UnexpectedEOF => "it ends too early".to_owned(),
                other => format!("{other} (at its character {place})"),
            })
        })?;
        let mut names: Vec<String> = Vec::new();
        let mut own: Option<String> = None;
        expression.walk(&mut |path: &[ASTNode<'_>]| {
            match path.last() {
                Some(ASTNode::Expr(Expr::Variable(variable, ..))) => {
                    names.push(variable.1.to_string());
                }
                Some(
                    ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)),
                ) if call.is_qualified() => {
                    own = Some(call.name.to_string());
                }
                _ => {}
            }
            true
        });
        if let Some(name) = own {
            let told = format!("a filter looks at the fields of a line and calls no `{name}`");
            return Err(wrong(told));
        }
        names.sort();
        names.dedup();
        let known = variables(kind);
        let mut used = Vec::new();
        for name in names {
            let near = || suggestion(&name, known.iter().map(|(name, _)| name.as_str()));
            if !known.iter().any(|(known, _)| *known == name) {
                return Err(wrong(match near() {
                    Some(near) => format!("there is no field `{name}`; did you mean `{near}`?"),
                    None => format!(
                        "there is no field `{name}`; there are {}",
                        NamedField::names(kind).join(", ")
                    ),
                }));
            }
            used.push(name);
        }
        let variables = known
            .into_iter()
            .filter(|(name, _)| used.contains(name))
            .collect();
        Ok(Self {
            text: text.to_owned(),
            engine,
            expression,
            variables,
            scope: RefCell::default(),
        })
    }

    /// Returns whether a line is meant.
    ///
    /// # Errors
    /// [`Invalid`] if the expression fails, or is no question of yes or no.
    pub fn takes(&self, row: &Row<'_>) -> Result<bool, Invalid> {
        let wrong = |expected: String| Invalid::new("filter", &self.text, expected);
        let mut scope = self.scope.borrow_mut();
        scope.clear();
        let mut lacks = false;
        for (name, variable) in &self.variables {
            let value = variable.value(row, &mut lacks);
            scope.push_dynamic(name.clone(), value);
        }
        let found = self
            .engine
            .eval_ast_with_scope::<Dynamic>(&mut scope, &self.expression);
        match found {
            Ok(value) => value.as_bool().map_err(|_| {
                let kind = match value.type_name() {
                    "i64" | "f64" => "a number",
                    "string" => "a text",
                    "()" => "nothing",
                    _ => "a value",
                };
                wrong(format!(
                    "it gives {kind} and has to be a question of yes or no, as in `weight == 0 && active > 0`"
                ))
            }),
            Err(_) if lacks => Ok(false),
            Err(error) => Err(wrong(words(&error))),
        }
    }
}

fn engine() -> Engine {
    let mut engine = Engine::new_raw();
    CorePackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicMathPackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    MoreStringPackage::new().register_into_engine(&mut engine);
    engine.set_max_operations(OPERATIONS);
    engine.set_fail_on_invalid_map_property(true);
    // Operators look at our own comparisons too, which refuse what Rhai answers with a silent `false`.
    engine.set_fast_operators(false);
    for word in ["eval", "print", "debug"] {
        engine.disable_symbol(word);
    }
    refuse_comparisons(&mut engine);
    engine
}

/// Returns what went wrong, without the place: the filter is one line.
fn words(error: &EvalAltResult) -> String {
    match error {
        EvalAltResult::ErrorRuntime(value, _) => value.to_string(),
        EvalAltResult::ErrorPropertyNotFound(name, _) => format!("there is no field `{name}`"),
        EvalAltResult::ErrorFunctionNotFound(what, _) => format!("there is no `{what}`"),
        other => other.to_string(),
    }
}

/// Returns the variables that a filter of such lines has.
fn variables(kind: RowKind) -> Vec<(String, Variable)> {
    let mut found = grouped(Field::of(kind).map(|field| NamedField {
        field,
        is_of_service: false,
    }));
    if kind == RowKind::Destination {
        let of_service = || {
            Field::of(RowKind::Service).map(|field| NamedField {
                field,
                is_of_service: true,
            })
        };
        for (name, variable) in grouped(of_service()) {
            if !found.iter().any(|(own, _)| *own == name) {
                found.push((name, variable));
            }
        }
        found.retain(|(name, _)| name != "service");
        found.push((
            "service".to_owned(),
            Variable::Service(grouped(of_service())),
        ));
    }
    found
}

fn grouped(fields: impl Iterator<Item = NamedField>) -> Vec<(String, Variable)> {
    let mut found: Vec<(String, Variable)> = Vec::new();
    for field in fields {
        if let Some(short) = field.field.short {
            found.push((short.to_owned(), Variable::Field(field)));
        }
        let Some((group, rest)) = field.field.name.split_once('.') else {
            found.push((field.field.name.to_owned(), Variable::Field(field)));
            continue;
        };
        let member = (rest.to_owned(), field);
        match found.iter_mut().find(|(name, _)| name == group) {
            Some((_, Variable::Group(members))) => members.push(member),
            _ => found.push((group.to_owned(), Variable::Group(vec![member]))),
        }
    }
    found
}

impl Variable {
    fn value(&self, row: &Row<'_>, lacks: &mut bool) -> Dynamic {
        match self {
            Self::Field(field) => {
                let value = dynamic(field.value(row));
                *lacks |= value.is_unit();
                value
            }
            Self::Group(members) => {
                let fields: Map = members
                    .iter()
                    .map(|(name, field)| (name.into(), dynamic(field.value(row))))
                    .collect();
                *lacks |= fields.values().any(Dynamic::is_unit);
                // A tunnel or persistence that there is not is nothing, as in documents.
                if fields.values().all(Dynamic::is_unit) {
                    return Dynamic::UNIT;
                }
                fields.into()
            }
            Self::Service(members) => {
                let fields: Map = members
                    .iter()
                    .map(|(name, member)| (name.into(), member.value(row, lacks)))
                    .collect();
                fields.into()
            }
        }
    }
}

fn dynamic(value: FieldValue) -> Dynamic {
    let texts =
        |texts: Vec<String>| Dynamic::from_array(texts.into_iter().map(Dynamic::from).collect());
    match value {
        FieldValue::Unknown | FieldValue::Nothing => Dynamic::UNIT,
        FieldValue::Truth(value) => value.into(),
        FieldValue::Number(value) => i64::try_from(value).unwrap_or(i64::MAX).into(),
        FieldValue::Share(value) => value.into(),
        FieldValue::Text(value) => value.into(),
        FieldValue::Texts(values) => texts(values),
        FieldValue::Services(keys) => texts(keys.iter().map(ToString::to_string).collect()),
        FieldValue::Service(key) => key.to_string().into(),
        FieldValue::Destination(key) => key.to_string().into(),
        FieldValue::Address(address) => address.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::RowFilter;
    use crate::model::{
        DestinationEntry, DestinationKey, DestinationRow, Known, Row, RowKind, ServiceEntry,
        ServiceKey, ServiceRow, Weight,
    };

    fn judged(text: &str, known: Known) -> Result<bool, String> {
        let filter =
            RowFilter::parse(text, RowKind::Destination).map_err(|error| error.to_string())?;
        let key = ServiceKey::parse("tcp://192.0.2.1:80").unwrap();
        let server = DestinationKey::parse("10.0.0.2:8080").unwrap();
        let mut entry = ServiceEntry::default();
        let mut one = DestinationEntry::default();
        one.configuration.weight = Weight::new(3).unwrap();
        one.connections.active = 7;
        entry.destinations.insert(server, one);
        let receptions = entry.receptions();
        let row = Row::Destination(DestinationRow {
            service: ServiceRow {
                key: &key,
                entry: &entry,
                known,
            },
            key: &server,
            entry: &entry.destinations[&server],
            receptions: &receptions,
        });
        filter.takes(&row).map_err(|error| error.to_string())
    }

    const ALL: Known = Known {
        all: true,
        rates: true,
    };

    #[test]
    fn a_filter_is_an_expression_over_the_fields_of_a_line() {
        for (text, wanted) in [
            ("weight == 3 && active > 5", true),
            ("active_connections < 7", false),
            ("id == \"10.0.0.2:8080\"", true),
            (
                "service.id == \"tcp://192.0.2.1:80\" && service.port == 80",
                true,
            ),
            ("scheduler == \"wlc\" || scheduler != \"wlc\"", true),
            ("counters.bytes_in == 0 && bytes_in == 0", true),
            ("rates.connections_per_second > 0", false),
            ("address.starts_with(\"10.\")", true),
            ("share > 0.9", true),
            // There is no tunnel: what is not there is neither.
            ("tunnel == ()", true),
            ("tunnel.port > 5", false),
            ("!(tunnel.port > 5)", false),
        ] {
            assert_eq!(judged(text, ALL), Ok(wanted), "{text}");
        }
        let part = Known {
            all: false,
            rates: false,
        };
        assert_eq!(judged("bytes_in >= 0", part), Ok(false));
        assert_eq!(judged("active == 7", part), Ok(true));
    }

    #[test]
    fn what_is_wrong_with_a_filter_is_said() {
        for (text, wanted) in [
            (
                "wieght == 3",
                "there is no field `wieght`; did you mean `weight`?",
            ),
            ("counters.bites_in > 3", "there is no field `bites_in`"),
            (
                "weight",
                "it gives a number and has to be a question of yes or no",
            ),
            ("weight ==", "it ends too early"),
            (
                "weight > \"3\"",
                "`>` can't compare the number 3 with the text \"3\"",
            ),
            ("table::clear()", "calls no `clear`"),
            ("let x = 3", "at its character"),
            ("shown(weight)", "there is no `shown (i64)`"),
            ("print(weight)", "at its character"),
        ] {
            let told = judged(text, ALL).unwrap_err();
            assert!(told.contains(wanted), "{text}: {told}");
        }
    }
}
