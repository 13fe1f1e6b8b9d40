//! `messageContent`: as much of a message as the configuration lets into an event.
//!
//! C 3.6.1 lost the call that fills this parameter for APPEND and deliveries: in mode `standard` it
//! never tells any content, in the other modes it ends the process over the missing parameter.
//! Ours does what imapd.conf(5) says.

use super::rules::{Inclusion, Rules};
use super::{Event, Param};

impl Rules {
    /// The part of `message`, whose header has `header_octets`, that is told.
    fn included<'m>(&self, message: &'m [u8], header_octets: usize) -> Option<&'m [u8]> {
        let (header, body) = message.split_at_checked(header_octets).unwrap_or((message, b""));
        let most = if self.content_octets == 0 { usize::MAX } else { self.content_octets };
        let cut = |bytes: &'m [u8]| bytes.get(..most).unwrap_or(bytes);
        match self.inclusion {
            Inclusion::Standard => (message.len() <= most).then_some(message),
            Inclusion::Message => Some(cut(message)),
            Inclusion::Header => Some(cut(header)),
            Inclusion::Body => Some(cut(body)),
            Inclusion::HeaderBody => message.get(..header.len().saturating_add(cut(body).len())),
        }
    }
}

impl Event {
    /// Whether [`Event::set_content`] would tell anything.
    #[must_use]
    pub fn wants_content(&self) -> bool {
        self.wants(Param::MessageContent)
    }

    /// Gives the content of the message. C: `mboxevent_extract_content()`
    pub fn set_content(&mut self, message: &[u8], header_octets: usize) {
        if !self.wants_content() {
            return;
        }
        if let Some(part) = self.rules.included(message, header_octets) {
            // A character that was cut in two would make all of it unreadable.
            let end = match std::str::from_utf8(part) {
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                _ => part.len(),
            };
            self.set_text(Param::MessageContent, part.get(..end).unwrap_or(part));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::rules;

    #[test]
    fn each_mode_includes_its_part() {
        let check = |mode: &str, size: u32, expected: Option<&str>| {
            let rules = rules(&format!("event_content_inclusion_mode: {mode}\nevent_content_size: {size}\n"));
            let part = rules.included(b"a: b\r\n\r\nbody\r\n", 8);
            assert_eq!(part.map(|part| String::from_utf8_lossy(part).into_owned()).as_deref(), expected);
        };
        check("standard", 0, Some("a: b\r\n\r\nbody\r\n"));
        check("standard", 13, None);
        check("message", 9, Some("a: b\r\n\r\nb"));
        check("header", 3, Some("a: "));
        check("header", 99, Some("a: b\r\n\r\n"));
        check("body", 2, Some("bo"));
        check("headerbody", 2, Some("a: b\r\n\r\nbo"));
        check("headerbody", 0, Some("a: b\r\n\r\nbody\r\n"));
    }
}
