//! Words of a shell.

/// Returns a text as one word of a shell.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.:,/@%+=-[]".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    if text.chars().any(crate::model::is_control) {
        let written = text.chars().map(|c| match c {
            '\'' | '\\' => format!("\\{c}"),
            c if crate::model::is_control(c) => {
                let bytes = c.to_string().into_bytes().into_iter();
                bytes.map(|byte| format!("\\x{byte:02x}")).collect()
            }
            c => c.to_string(),
        });
        return format!("$'{}'", written.collect::<String>());
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}
