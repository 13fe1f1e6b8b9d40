//! Modified UTF-7, the charset of mailbox names (RFC 3501 5.1.3).

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

fn digit(byte: u8) -> Option<u32> {
    let at = ALPHABET.iter().position(|&each| each == byte)?;
    u32::try_from(at).ok()
}

/// Whether the inside of `&...-` is what C accepts in names: whole 16-bit units, none of them
/// ASCII, padding bits zero.
#[must_use]
pub fn is_clean_run(run: &[u8]) -> bool {
    decode_run(run).is_some_and(|units| units.iter().all(|&unit| unit & 0xff80 != 0))
}

fn decode_run(run: &[u8]) -> Option<Vec<u16>> {
    let (mut bits, mut have, mut units) = (0_u32, 0_u32, Vec::new());
    for &byte in run {
        bits = (bits << 6) | digit(byte)?;
        have = have.saturating_add(6);
        if have >= 16 {
            have = have.saturating_sub(16);
            units.push(u16::try_from((bits >> have) & 0xffff).ok()?);
        }
        bits &= (1 << have) - 1;
    }
    // A unit ends within the sextet that completes it: at most 4 spare bits, all zero.
    (have < 6 && bits == 0).then_some(units)
}

/// UTF-8 to modified UTF-7; a malformed sequence becomes U+FFFD.
#[must_use]
pub fn from_utf8(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let mut out = Vec::with_capacity(text.len());
    let mut units: Vec<u16> = Vec::new();
    for ch in text.chars() {
        if matches!(ch, ' '..='~') {
            put_run(&mut out, &mut units);
            out.push(u8::try_from(u32::from(ch)).unwrap_or(b'?'));
            if ch == '&' {
                out.push(b'-');
            }
        } else {
            units.extend_from_slice(ch.encode_utf16(&mut [0; 2]));
        }
    }
    put_run(&mut out, &mut units);
    out
}

fn put_run(out: &mut Vec<u8>, units: &mut Vec<u16>) {
    if units.is_empty() {
        return;
    }
    out.push(b'&');
    let (mut bits, mut have) = (0_u32, 0_u32);
    let mut put = |value: u32| out.push(ALPHABET.get((value & 63) as usize).copied().unwrap_or(b'A'));
    for unit in units.drain(..) {
        bits = (bits << 16) | u32::from(unit);
        have = have.saturating_add(16);
        while have >= 6 {
            have = have.saturating_sub(6);
            put(bits >> have);
        }
        bits &= (1 << have) - 1;
    }
    if have > 0 {
        put(bits << 6_u32.saturating_sub(have));
    }
    out.push(b'-');
}

/// Modified UTF-7 to UTF-8; `None` when it is malformed.
#[must_use]
pub fn to_utf8(name: &[u8]) -> Option<String> {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'&' => {
                let end = rest.iter().position(|&byte| byte == b'-')?;
                let (run, tail) = rest.split_at_checked(end)?;
                rest = tail.strip_prefix(b"-")?;
                if run.is_empty() {
                    out.push('&');
                } else {
                    out.push_str(&String::from_utf16(&decode_run(run)?).ok()?);
                }
            }
            b' '..=b'~' => out.push(char::from(byte)),
            _ => return None,
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(utf8: &str, mutf7: &str) {
        assert_eq!(from_utf8(utf8.as_bytes()), mutf7.as_bytes());
        assert_eq!(to_utf8(mutf7.as_bytes()).as_deref(), Some(utf8));
    }

    #[test]
    fn names_convert_both_ways() {
        check("INBOX", "INBOX");
        check("Entwürfe", "Entw&APw-rfe");
        check("a&b", "a&-b");
        check("台北", "&U,BTFw-");
        check("😀", "&2D3eAA-");
        check("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
    }

    #[test]
    fn malformed_runs_are_refused() {
        for bad in ["&", "&AA", "&AP-", "&APx-", "&2D0-", "a\x07", "&!-"] {
            assert_eq!(to_utf8(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn text_survives_the_round_trip() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..2000 {
            let text = (0..random.usize(..12)).map(|_| random.char(..)).collect::<String>();
            assert_eq!(to_utf8(&from_utf8(text.as_bytes())).as_deref(), Some(text.as_str()));
        }
        for _ in 0..2000 {
            let bytes = (0..random.usize(..12)).map(|_| random.u8(..)).collect::<Vec<_>>();
            let _ = to_utf8(&bytes);
            let _ = is_clean_run(&bytes);
        }
    }
}
