//! Writes text into YAML and Markdown so that it stays text.

/// A folded block of YAML under a key, `indent` spaces deep.
pub(crate) fn folded(key: &str, text: &str, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let mut block = format!("{margin}{key}: >-\n");
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && indent + 2 + line.len() + 1 + word.len() > 110 {
            block.push_str(&format!("{margin}  {line}\n"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    block.push_str(&format!("{margin}  {line}\n"));
    block
}

/// A cell of a Markdown table.
pub(crate) fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}
