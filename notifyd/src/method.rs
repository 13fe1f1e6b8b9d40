//! The methods.

use crate::request::Request;
use crate::{external, mailto};
use libcyrus::base::Config;
use libcyrus::base::log::{self, Priority};

/// Octets of the options that the log method tells; C's buffer.
const OPTIONS_MAX: usize = 1021;

/// Octets of a field that the log method tells.
const FIELD_MAX: usize = 1024;

/// Octets of a message that the log method tells; no datagram holds more.
const MESSAGE_MAX: usize = 8192;

/// How a notification is sent on. Debian's build of the C knows these too; `zephyr` it lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Not at all.
    Null,
    /// As a line in the log.
    Log,
    /// As a mail, to the address that is the first option.
    Mailto,
    /// To the program `notify_external`.
    External,
}

impl Method {
    /// The method of this name, in any case.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        [Self::Null, Self::Log, Self::Mailto, Self::External]
            .into_iter()
            .find(|method| method.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Log => "log",
            Self::Mailto => "mailto",
            Self::External => "external",
        }
    }

    /// Sends a notification on; what fails is in the log.
    pub fn notify(self, config: &Config, request: &Request<'_>, sent: &mut u32) {
        match self {
            Self::Null => {}
            Self::Log => write_line(request),
            Self::Mailto => mailto::notify(config, request, sent),
            Self::External => external::notify(config, request),
        }
    }
}

/// C: `notify_log()`
fn write_line(request: &Request<'_>) {
    let shown = |field| log::printable(field, FIELD_MAX);
    let mut options = request.options.join(&b", "[..]);
    if !request.options.is_empty() {
        options.truncate(OPTIONS_MAX);
        options = [b"(", options.as_slice(), b")"].concat();
    }
    let (class, priority) = (shown(request.class), shown(request.priority));
    let (user, mailbox) = (shown(request.user), shown(request.mailbox));
    let (options, message) = (shown(&options), log::printable(request.message, MESSAGE_MAX));
    log::write(
        Priority::Info,
        format_args!("{class}, {priority}, {user}, {mailbox}, {options} \"{message}\""),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(datagram: &[u8]) -> String {
        let request = Request::parse(datagram).expect("request");
        let ((), lines) = log::capture(|| write_line(&request));
        lines.into_iter().map(|(_, line)| line).collect()
    }

    #[test]
    fn methods_are_found_in_any_case() {
        assert_eq!(Method::from_name(b"MailTo"), Some(Method::Mailto));
        assert_eq!(Method::from_name(b"zephyr"), None);
        assert_eq!(Method::from_name(b""), None);
    }

    #[test]
    fn the_log_method_writes_cs_line() {
        assert_eq!(logged(b"log\0MAIL\0\0ann\0INBOX\x00000\0hello\0"), "MAIL, , ann, INBOX,  \"hello\"");
        assert_eq!(
            logged(b"log\0SIEVE\0normal\0ann\0INBOX\x00002\0a\0b c\0hello\0"),
            "SIEVE, normal, ann, INBOX, (a, b c) \"hello\""
        );
    }
}
