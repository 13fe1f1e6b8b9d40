//! Reading imapd.conf: lines, includes, duplicates, service overrides and the value syntaxes.

/// Parses a duration into seconds; `unit` (one of `d h m s`) is that of a number without one.
/// C: config_parseduration()
pub fn parse_duration(text: &[u8], unit: u8) -> Option<i64> {
    let _ = (text, unit);
    todo!()
}

/// Reads a switch by its first letters; `None` if it is neither yes nor no. C: config_parse_switch()
pub fn parse_switch(text: &[u8]) -> Option<bool> {
    let _ = text;
    todo!()
}
