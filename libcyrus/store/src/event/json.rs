//! The payload of an event: compact JSON with the members in the order of the parameters.

use super::{Param, Value};
use std::fmt::Write as _;

/// Writes a string as C's JSON library does: no slash and nothing beyond ASCII is escaped.
pub(super) fn put_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn put_name(out: &mut String, name: &str) {
    out.push(',');
    put_string(out, name);
    out.push(':');
}

/// The payload. C: `json_formatter()`
pub(super) fn print<'a>(event: &str, params: impl Iterator<Item = (Param, &'a Value)>) -> String {
    let mut out = String::from("{\"event\":");
    put_string(&mut out, event);
    for (param, value) in params {
        match value {
            Value::Int(number) => {
                put_name(&mut out, param.name());
                let _ = write!(out, "{number}");
            }
            Value::Text(text) => {
                // C's strings end at a NUL, and its JSON library takes UTF-8 only.
                let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
                let Ok(text) = std::str::from_utf8(text) else { continue };
                put_name(&mut out, param.name());
                put_string(&mut out, text);
            }
            Value::List(texts) => {
                put_name(&mut out, param.name());
                out.push('[');
                let texts = texts.iter().filter_map(|text| std::str::from_utf8(text).ok());
                for (n, text) in texts.enumerate() {
                    if n > 0 {
                        out.push(',');
                    }
                    put_string(&mut out, text);
                }
                out.push(']');
            }
            Value::Json(text) => {
                put_name(&mut out, param.name());
                out.push_str(text);
            }
            Value::Peer(address, port) => {
                put_name(&mut out, param.name());
                put_string(&mut out, address);
                put_name(&mut out, if param == Param::ClientAddress { "clientPort" } else { "serverPort" });
                let _ = write!(out, "{port}");
            }
            Value::Nothing => {}
        }
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_written_as_by_cs_library() {
        let params = [
            (Param::Uri, Value::Text(b"a/\"b\"\\\x01\x7f\r\n\t".to_vec())),
            (Param::Messages, Value::Int(-1)),
            (Param::MidSet, Value::List(vec![b"<1>".to_vec(), b"\xff".to_vec(), b"NIL".to_vec()])),
            (Param::AclRights, Value::Nothing),
            (Param::User, Value::Text(b"\xe9".to_vec())),
            (Param::MessageContent, Value::Text("é\0x".as_bytes().to_vec())),
        ];
        let text = print("Login", params.iter().map(|(param, value)| (*param, value)));
        let expected = "{\"event\":\"Login\",\"uri\":\"a/\\\"b\\\"\\\\\\u0001\u{7f}\\r\\n\\t\",\"messages\":-1,\
                        \"vnd.cmu.midset\":[\"<1>\",\"NIL\"],\"messageContent\":\"é\"}";
        assert_eq!(text, expected);
    }
}
