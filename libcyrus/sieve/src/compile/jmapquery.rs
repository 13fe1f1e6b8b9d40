//! The filter of `jmapquery`: JSON, and fields that an Email/query filter has, with values of their kind.
//!
//! C: build_jmapquery(), jmap_email_filter_parse(). The complaint names the path to the first wrong field.

use super::check::{strptime_number, strptime_time};
use crate::json::{Json, Layout};

/// The query in compact form (nil: it is no JSON), and what is wrong with it.
pub(super) fn check(query: &[u8]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let Some(filter) = Json::read(query) else { return (None, Some(b"invalid jmapquery format".to_vec())) };
    let mut path = Vec::new();
    let complaint = is_wrong(&filter, &mut path).then(|| {
        let path = path.iter().filter_map(Option::as_deref).collect::<Vec<_>>().join("/");
        let path = if path.is_empty() { "(null)" } else { &path };
        format!("invalid jmapquery argument: '{path}'").into_bytes()
    });
    (Some(filter.write(Layout::Compact).into_bytes()), complaint)
}

/// True, with the path, at the first wrong field; a nameless place is `None`.
fn is_wrong(filter: &Json, path: &mut Vec<Option<String>>) -> bool {
    let Json::Object(members) = filter else {
        path.push(None);
        return true;
    };
    let wrong = |path: &mut Vec<Option<String>>, name: &str| {
        path.push(Some(name.to_owned()));
        true
    };
    match filter.member("operator") {
        Some(Json::Text(operator)) => {
            if !["AND", "OR", "NOT"].contains(&operator.as_str()) {
                return wrong(path, "operator");
            }
            let Some(Json::Array(conditions)) = filter.member("conditions") else {
                return wrong(path, "conditions");
            };
            if conditions.is_empty() {
                return wrong(path, "conditions");
            }
            for (i, condition) in conditions.iter().enumerate() {
                path.push(Some(format!("conditions[{i}]")));
                if is_wrong(condition, path) {
                    return true;
                }
                path.pop();
            }
            false
        }
        Some(_) => wrong(path, "operator"),
        None => members
            .iter()
            .find_map(|(name, value)| wrong_field(name, value))
            .is_some_and(|name| wrong(path, &name)),
    }
}

/// The path of a field that is unknown or has a wrong value.
fn wrong_field(name: &str, value: &Json) -> Option<String> {
    let good = match name {
        "before" | "after" => value.as_text().is_some_and(is_utc_date),
        "minSize" | "maxSize" => matches!(value, Json::Integer(_)),
        "hasAttachment" | "isHighPriority" | "fromAnyContact" | "toAnyContact" | "ccAnyContact"
        | "bccAnyContact" => {
            matches!(value, Json::Bool(_))
        }
        "text"
        | "from"
        | "to"
        | "cc"
        | "bcc"
        | "subject"
        | "body"
        | "attachmentName"
        | "attachmentType"
        | "attachmentBody"
        | "fromContactGroupId"
        | "toContactGroupId"
        | "ccContactGroupId"
        | "bccContactGroupId"
        | "deliveredTo"
        | "listId"
        | "inMailbox"
        | "allInThreadHaveKeyword"
        | "someInThreadHaveKeyword"
        | "noneInThreadHaveKeyword"
        | "hasKeyword"
        | "notKeyword" => value.as_text().is_some(),
        "inMailboxOtherThan" => matches!(value, Json::Array(_)),
        "language" => value.as_text().is_some_and(|code| {
            matches!(code.len(), 2 | 3) && code.bytes().all(|byte| byte.is_ascii_alphabetic())
        }),
        "header" => match value {
            Json::Array(parts) => return wrong_header(parts),
            _ => false,
        },
        _ => false,
    };
    (!good).then(|| name.to_owned())
}

/// The path of a wrong part of `header`: name, text, and how to compare, judged from the last.
fn wrong_header(parts: &[Json]) -> Option<String> {
    if !(1..=3).contains(&parts.len()) {
        return Some("header".to_owned());
    }
    for (i, part) in parts.iter().enumerate().rev() {
        let text = part.as_text();
        let good = match i {
            2 => text.is_some_and(|text| ["equals", "startsWith", "endsWith", "contains"].contains(&text)),
            _ => text.is_some_and(|text| !text.is_empty()),
        };
        if !good {
            return Some(match text {
                Some(text) => format!("header[{i}:{text}]"),
                None => format!("header[{i}]"),
            });
        }
    }
    None
}

/// RFC 3339 in UTC, as strptime(3) reads it. C: json_is_utcdate()
fn is_utc_date(text: &str) -> bool {
    let time = || {
        let (_, rest) = strptime_number(text.as_bytes(), 0, 9999, 4)?;
        let (_, rest) = strptime_number(rest.strip_prefix(b"-")?, 1, 12, 2)?;
        let (_, rest) = strptime_number(rest.strip_prefix(b"-")?, 1, 31, 2)?;
        let (_, rest) = strptime_time(rest.strip_prefix(b"T")?)?;
        let Some(fraction) = rest.strip_prefix(b".") else { return Some(rest) };
        fraction.get(fraction.iter().take_while(|byte| byte.is_ascii_digit()).count()..)
    };
    time().is_some_and(|rest| rest == b"Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(query: &str) -> Option<String> {
        check(query.as_bytes()).1.map(|text| String::from_utf8_lossy(&text).into_owned())
    }

    #[test]
    fn the_first_wrong_field_is_named() {
        assert_eq!(complaint(r#"{"operator":"OR","conditions":[{"header":["a","b","contains"]},{}]}"#), None);
        let wrong = |path: &str| Some(format!("invalid jmapquery argument: '{path}'"));
        assert_eq!(complaint(r#"{"foo":1,"bar":2}"#), wrong("foo"));
        assert_eq!(complaint("[1]"), wrong("(null)"));
        assert_eq!(
            complaint(r#"{"operator":"OR","conditions":[{},{"header":["",""]}]}"#),
            wrong("conditions[1]/header[1:]")
        );
        assert_eq!(complaint("x"), Some("invalid jmapquery format".to_owned()));
    }

    #[test]
    fn dates_are_full_and_in_utc() {
        for good in ["2024-01-31T00:00:00Z", "2024-1-1T1:2:3.999Z"] {
            assert!(is_utc_date(good), "{good}");
        }
        for bad in
            ["2024-01-01", "2024-01-01T00:00:00", "2024-01-01T00:00:00+00:00", "2024-01-32T00:00:00Z", "Z"]
        {
            assert!(!is_utc_date(bad), "{bad}");
        }
    }
}
