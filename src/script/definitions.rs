//! The definitions of the language for Rhai's language server: the engine's own, in the words of the language.

/// The definitions.
pub const DEFINITIONS: &str = include_str!("ipvsh.d.rhai");

#[cfg(test)]
mod tests {
    use super::DEFINITIONS;
    use crate::script::engine::builtin_engine;

    /// Names of types inside the program, and the language's.
    const TYPES: [(&str, &str); 12] = [
        ("String", "string"),
        ("ServiceValue", "Service"),
        ("DestinationValue", "Destination"),
        ("DurationValue", "Duration"),
        ("OutcomeValue", "Outcome"),
        ("PlanValue", "Plan"),
        ("ScriptError", "Error"),
        ("Array", "array"),
        ("Map", "map"),
        ("List", "array"),
        ("Blob", "blob"),
        ("INT", "int"),
    ];

    /// Takes what is left of the program's own types out of a signature.
    fn in_words_of_the_language(line: &str) -> String {
        let indented = line.trim_start();
        let Some((head, result)) = line
            .trim_end()
            .strip_suffix(';')
            .filter(|_| indented.starts_with("fn ") || indented.starts_with("op "))
            .and_then(|signature| signature.rsplit_once(" -> "))
        else {
            return line.to_owned();
        };
        let inner = ["Scripted<", "Made<", "Result<"]
            .iter()
            .find_map(|wrapped| result.strip_prefix(wrapped)?.strip_suffix('>'));
        let result = inner.unwrap_or(result).trim();
        let compares = ["op <", "op >", "op =", "op !"]
            .iter()
            .any(|operator| indented.starts_with(operator));
        let result = match result {
            // What a fallible function of the engine gives is not told.
            "EvalAltResult>>" if compares => "bool",
            "EvalAltResult>>" => "?",
            other => TYPES
                .iter()
                .find(|(inside, _)| *inside == other)
                .map_or(other, |(_, word)| word),
        };
        let parameters = TYPES.iter().fold(head.to_owned(), |head, (inside, word)| {
            head.replace(&format!(": {inside},"), &format!(": {word},"))
                .replace(&format!(": {inside})"), &format!(": {word})"))
        });
        format!("{parameters} -> {result};\n")
    }

    /// Reads a signature as the language server does: a name or an operator, parameters with types, a type.
    fn is_signature(line: &str) -> bool {
        let is_name = |text: &str| {
            let mut characters = text.chars();
            characters
                .next()
                .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
                && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        let is_type = |text: &str| {
            text.split(" | ")
                .all(|one| matches!(one, "?" | "()" | "Fn") || is_name(one))
        };
        let Some((signature, result)) = line
            .strip_suffix(';')
            .and_then(|line| line.rsplit_once(" -> "))
        else {
            return false;
        };
        let Some((name, parameters)) = signature
            .strip_suffix(')')
            .and_then(|signature| signature.split_once('('))
        else {
            return false;
        };
        let mut parameters = parameters.split(", ").filter(|one| !one.is_empty());
        let is_form = if let Some(name) = name.strip_prefix("fn ") {
            let name = name.trim_start_matches("get ").trim_start_matches("set ");
            let named = |one: &str| {
                one.split_once(": ")
                    .is_some_and(|(name, kind)| is_name(name) && is_type(kind))
            };
            is_name(name) && parameters.all(named)
        } else if let Some(operator) = name.strip_prefix("op ") {
            !operator.is_empty()
                && (is_name(operator) || operator.chars().all(|c| "+-*/%<>=!&|^~.".contains(c)))
                && parameters.all(is_type)
        } else {
            false
        };
        is_form && is_type(result)
    }

    #[test]
    fn every_signature_of_the_definitions_can_be_read() {
        let mut count = 0;
        let mut wrong = Vec::new();
        for line in DEFINITIONS.lines().map(str::trim) {
            if line.is_empty() || line.starts_with("//") || line.starts_with("module ") {
                continue;
            }
            count += 1;
            if !is_signature(line) && !matches!(line, "{" | "}") {
                wrong.push(line);
            }
        }
        assert!(count > 300, "{count}");
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(!is_signature("op <((), int) -> EvalAltResult>>;"));
        assert!(!is_signature("fn list() -> Scripted<Array >;"));
    }

    #[test]
    fn the_definitions_are_the_engines_own() {
        let engine = builtin_engine();
        let definitions = engine.definitions().include_standard_packages(false);
        let own: String = definitions
            .single_file()
            .split_inclusive('\n')
            // What the engine calls by such a name nobody else can.
            .filter(|line| !line.split('(').next().unwrap_or_default().contains('$'))
            .map(in_words_of_the_language)
            .collect();
        if std::env::var_os("IPVSHTEST_REGENERATE").is_some() {
            std::fs::write("src/script/ipvsh.d.rhai", own).unwrap();
            return;
        }
        assert!(DEFINITIONS.contains("module service"));
        assert!(
            DEFINITIONS == own,
            "run the tests once with IPVSHTEST_REGENERATE=1 and look at what changed"
        );
    }
}
