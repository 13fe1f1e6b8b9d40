//! One LMTP line as a typed command (RFC 2033, RFC 2554, RFC 1870), or the reply that refuses it.

use crate::address;

/// A command line, parsed.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// `AUTH mechanism [initial-response]`
    Auth {
        /// As the client wrote it.
        mechanism: Vec<u8>,
        /// Still base64.
        initial: Option<Vec<u8>>,
    },
    /// `DATA`
    Data,
    /// `LHLO name`
    Lhlo(Vec<u8>),
    /// `MAIL FROM:<path> parameters`
    Mail(Mail),
    /// `NOOP`
    Noop,
    /// `QUIT`
    Quit,
    /// `RCPT TO:<path> [IGNOREQUOTA]`
    Rcpt {
        /// Without brackets and source route.
        recipient: Vec<u8>,
        /// The sender asks that quota is not looked at.
        ignore_quota: bool,
    },
    /// `RSET`
    Rset,
    /// `STARTTLS`
    StartTls,
    /// `VRFY anything`
    Vrfy,
}

/// MAIL's path and parameters.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// The reverse path without brackets; empty for `<>`.
    pub return_path: Vec<u8>,
    /// `AUTH=` (RFC 2554 5), `None` when absent, `<>` or malformed.
    pub auth: Option<Vec<u8>>,
    /// `SIZE=` (RFC 1870), octets.
    pub size_octets: Option<u64>,
}

/// The whole reply line, without its line end, for a command that cannot be taken.
pub type Refusal = std::borrow::Cow<'static, str>;

const SYNTAX: Refusal = Refusal::Borrowed("500 5.5.2 Syntax error");
const PARAMETERS: Refusal = Refusal::Borrowed("501 5.5.4 Syntax error in parameters");
const UNRECOGNIZED: Refusal = Refusal::Borrowed("501 5.5.4 Unrecognized parameters");

/// What the configuration says about parsing.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Option `lmtp_strict_rfc2821`.
    pub strict_rfc2821: bool,
    /// Option `maxmessagesize`, octets; `None` is no bound.
    pub message_octets_max: Option<u64>,
}

/// Parses one line (without its line end).
///
/// # Errors
/// The reply C gives.
pub fn parse(line: &[u8], rules: Rules) -> Result<Command, Refusal> {
    if let Some(rest) = after(line, b"lhlo ") {
        return Ok(Command::Lhlo(rest.to_vec()));
    }
    if let Some(rest) = after(line, b"mail ") {
        let rest = after(rest, b"from:").ok_or(PARAMETERS)?;
        return mail(rest, rules).map(Command::Mail);
    }
    if let Some(rest) = after(line, b"rcpt ") {
        let rest = after(rest, b"to:").ok_or(PARAMETERS)?;
        return rcpt(rest, rules);
    }
    if let Some(rest) = after(line, b"auth ") {
        let mut words = rest.splitn(2, |&b| b == b' ');
        let mechanism = words.next().unwrap_or_default().to_vec();
        return Ok(Command::Auth { mechanism, initial: words.next().map(<[u8]>::to_vec) });
    }
    if after(line, b"vrfy ").is_some() {
        return Ok(Command::Vrfy);
    }
    let mut word = line.to_vec();
    word.make_ascii_lowercase();
    match word.as_slice() {
        b"data" => Ok(Command::Data),
        b"noop" => Ok(Command::Noop),
        b"quit" => Ok(Command::Quit),
        b"rset" => Ok(Command::Rset),
        b"starttls" => Ok(Command::StartTls),
        _ => Err(SYNTAX),
    }
}

fn after<'a>(text: &'a [u8], head: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(head.len())?;
    start.eq_ignore_ascii_case(head).then_some(rest)
}

fn mail(text: &[u8], rules: Rules) -> Result<Mail, Refusal> {
    let path = address::parse(text, rules.strict_rfc2821).ok_or(PARAMETERS)?;
    let inner = path.path.strip_prefix(b"<").unwrap_or(&path.path);
    let mut mail =
        Mail { return_path: inner.strip_suffix(b">").unwrap_or(inner).to_vec(), ..Mail::default() };
    let mut rest = path.rest;
    while let Some(parameter) = rest.strip_prefix(b" ") {
        rest = if let Some(value) = after(parameter, b"auth=") {
            let (auth, rest) = xtext(value);
            mail.auth = auth;
            rest
        } else if let Some(value) = after(parameter, b"body=") {
            after(value, b"7bit")
                .or_else(|| after(value, b"8bitmime"))
                .ok_or("501 5.5.4 Unrecognized BODY type")?
        } else if let Some(value) = after(parameter, b"size=") {
            let digits = value.iter().take_while(|b| b.is_ascii_digit()).count();
            let (number, rest) = value.split_at_checked(digits).ok_or(PARAMETERS)?;
            if number.is_empty() {
                return Err("501 5.5.2 SIZE requires a value".into());
            }
            let size = std::str::from_utf8(number).ok().and_then(|n| n.parse().ok()).unwrap_or(u64::MAX);
            if let Some(most) = rules.message_octets_max.filter(|&most| size > most) {
                return Err(
                    format!("552 5.2.3 Message SIZE exceeds fixed maximum message size ({most})").into()
                );
            }
            mail.size_octets = Some(size);
            rest
        } else {
            return Err(UNRECOGNIZED);
        };
    }
    if rest.is_empty() { Ok(mail) } else { Err(PARAMETERS) }
}

fn rcpt(text: &[u8], rules: Rules) -> Result<Command, Refusal> {
    let path = address::parse(text, rules.strict_rfc2821).ok_or(PARAMETERS)?;
    let mut ignore_quota = false;
    let mut rest = path.rest;
    while let Some(parameter) = rest.strip_prefix(b" ") {
        // C takes it as the last one only.
        rest = after(parameter, b"ignorequota").filter(|rest| rest.is_empty()).ok_or(UNRECOGNIZED)?;
        ignore_quota = true;
    }
    if !rest.is_empty() {
        return Err(PARAMETERS);
    }
    Ok(Command::Rcpt { recipient: path.mailbox().to_vec(), ignore_quota })
}

/// Decodes RFC 1891 xtext up to a space; `None` for `<>` and for what is none. C clears the octet
/// instead of setting it when it meets `+XX`; this decodes it.
fn xtext(text: &[u8]) -> (Option<Vec<u8>>, &[u8]) {
    let length = text.iter().position(|&b| b == b' ').unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(length).unwrap_or((text, &[]));
    let mut decoded = Vec::with_capacity(word.len());
    let mut octets = word.iter().copied();
    while let Some(octet) = octets.next() {
        let plain = match octet {
            b'+' => {
                let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
                match (digit(octets.next()), digit(octets.next())) {
                    (Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
                    _ => None,
                }
            }
            b'!'..=b'~' if octet != b'=' => Some(octet),
            _ => None,
        };
        match plain {
            Some(plain) => decoded.push(plain),
            None => return (None, rest),
        }
    }
    let inner = decoded.strip_prefix(b"<").unwrap_or(&decoded);
    let inner = inner.strip_suffix(b">").unwrap_or(inner);
    ((!inner.is_empty()).then(|| inner.to_vec()), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { strict_rfc2821: false, message_octets_max: Some(1000) };

    fn check(line: &str, expected: Result<Command, &str>) {
        assert_eq!(parse(line.as_bytes(), RULES), expected.map_err(|e| e.to_owned().into()), "{line}");
    }

    #[test]
    fn commands_are_parsed_whatever_their_case() {
        check("lhlo mx.example", Ok(Command::Lhlo(b"mx.example".to_vec())));
        check("RSET", Ok(Command::Rset));
        check(
            "Auth PLAIN AGE=",
            Ok(Command::Auth { mechanism: b"PLAIN".to_vec(), initial: Some(b"AGE=".to_vec()) }),
        );
        check(
            "RCPT TO:<ann+Box@d> IGNOREQUOTA",
            Ok(Command::Rcpt { recipient: b"ann+Box@d".to_vec(), ignore_quota: true }),
        );
        check(
            "MAIL FROM:<a@b> BODY=8BITMIME SIZE=9 AUTH=a+40b",
            Ok(Command::Mail(Mail {
                return_path: b"a@b".to_vec(),
                auth: Some(b"a@b".to_vec()),
                size_octets: Some(9),
            })),
        );
    }

    #[test]
    fn refusals_are_those_of_c() {
        check("HELO x", Err("500 5.5.2 Syntax error"));
        check("DATA x", Err("500 5.5.2 Syntax error"));
        check("MAIL TO:<a>", Err("501 5.5.4 Syntax error in parameters"));
        check("MAIL FROM:<a> FROB", Err("501 5.5.4 Unrecognized parameters"));
        check("MAIL FROM:<a> BODY=9BIT", Err("501 5.5.4 Unrecognized BODY type"));
        check("MAIL FROM:<a> SIZE=", Err("501 5.5.2 SIZE requires a value"));
        check(
            "MAIL FROM:<a> SIZE=1001",
            Err("552 5.2.3 Message SIZE exceeds fixed maximum message size (1000)"),
        );
        check("RCPT TO:<a> IGNOREQUOTA IGNOREQUOTA", Err("501 5.5.4 Unrecognized parameters"));
        check("RCPT TO:<a> NOTIFY=NEVER", Err("501 5.5.4 Unrecognized parameters"));
    }
}
