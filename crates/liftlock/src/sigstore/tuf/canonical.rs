//! The form of JSON that signatures are over (OLPC canonical JSON, as TUF 1.0
//! §4.2 names it): sorted names, no space, whole numbers, and text in which
//! only `"` and `\` are escaped.

use serde_json::Value;

use super::Refused;

/// Writes a document in that form.
pub(super) fn bytes(value: &Value) -> Result<Vec<u8>, Refused> {
    let mut out = Vec::new();
    write(value, &mut out)?;
    Ok(out)
}

// serde_json bounds the depth of what it reads at 128.
fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), Refused> {
    match value {
        Value::Null => out.extend(b"null"),
        Value::Bool(true) => out.extend(b"true"),
        Value::Bool(false) => out.extend(b"false"),
        Value::Number(number) if number.is_f64() => return Err(Refused::Fraction),
        Value::Number(number) => out.extend(number.to_string().bytes()),
        Value::String(text) => quote(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|one, other| one.0.cmp(other.0));
            out.push(b'{');
            for (at, (name, field)) in fields.into_iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                quote(name, out);
                out.push(b':');
                write(field, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_document_has_one_form() {
        let cases = [
            (
                r#"{"b": 1, "a": [true, null, false]}"#,
                r#"{"a":[true,null,false],"b":1}"#,
            ),
            (r#"{"é": -7, "z": "a\"\\b"}"#, r#"{"z":"a\"\\b","é":-7}"#),
            (r#""line\nend\u00e9""#, "\"line\nendé\""),
            ("{}", "{}"),
        ];
        for (given, expected) in cases {
            let value = serde_json::from_str(given).unwrap();
            assert_eq!(String::from_utf8(bytes(&value).unwrap()).unwrap(), expected);
        }
        let half = serde_json::from_str("[0.5]").unwrap();
        assert!(matches!(bytes(&half), Err(Refused::Fraction)));
    }
}
