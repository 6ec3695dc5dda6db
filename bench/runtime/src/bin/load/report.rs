//! Output: a line of JSON for programs and one for people.

use serde_json::Value;

/// Prints what `test` found. Values that are objects or lists are only in the JSON.
pub(crate) fn print(test: &str, mut result: Value) {
    let mut line = vec![format!("{test:>10}")];
    if let Value::Object(fields) = &mut result {
        let plain = fields
            .iter()
            .filter(|(_, value)| !value.is_object() && !value.is_array());
        line.extend(plain.map(|(name, value)| format!("{name} {value}")));
        fields.insert("test".to_owned(), test.into());
    }
    println!("{result}");
    eprintln!("{}", line.join(" | "));
}
