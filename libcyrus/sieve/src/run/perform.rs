//! Doing what a script decided. C: do_action_list(), do_sieve_error(), send_notify_callback()
//!
//! Actions are done in order until one fails. Notifications follow, with a list of what was done; then the implicit
//! keep, unless an action cancelled it. A failure is told with [`Effects::runtime_error`], and the caller delivers
//! normally.

use super::action::{Action, Keep, Notice};
use super::evaluate::Run;
use super::{Effects, Outcome};
use cyrus_mime::charset::parse_mimeheader;

/// A script failed, which has been told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

/// What notifications may quote.
#[derive(Clone, Debug, Default)]
pub struct Words {
    from: Option<Vec<u8>>,
    env_from: Option<Vec<u8>>,
    subject: Option<Vec<u8>>,
    text: Option<Vec<u8>>,
}

impl Words {
    /// The words of a run, if it has notifications.
    pub(crate) fn of(run: &mut Run<'_>) -> Self {
        let notices = run.notices();
        if notices.is_empty() {
            return Self::default();
        }
        let quotes_text = notices.iter().any(|notice| {
            let message = notice.message.as_deref().unwrap_or_default();
            message.windows(5).any(|window| window.eq_ignore_ascii_case(b"$text"))
        });
        let text = if quotes_text { run.first_text().ok().flatten() } else { None };
        let headers = &run.input.headers;
        let decoded = |body: &[u8]| parse_mimeheader(body, false);
        Self {
            from: headers.first(b"from").map(decoded),
            env_from: Some(decoded(run.input.envelope.from)),
            subject: headers.first(b"subject").map(decoded),
            text,
        }
    }
}

/// The longest list of actions told.
const TOLD_OCTETS: usize = 4095;

impl Outcome {
    /// Does all.
    ///
    /// # Errors
    /// Something failed: the message is to be delivered normally.
    pub fn perform(self, effects: &mut dyn Effects) -> Result<(), Failed> {
        let mut teller =
            Teller { told: Vec::new(), last: None, last_item: None, failure: None, is_failed: false };
        let mut implicit_keep = false;
        if let Some(error) = &self.error {
            teller.fail(error.to_string());
        } else {
            implicit_keep = true;
            teller.say(b"Action(s) taken:\n");
            for action in &self.actions {
                implicit_keep &= !action.cancels_keep();
                if let Err(text) = teller.act(action, effects) {
                    implicit_keep = false;
                    teller.fail(text);
                    break;
                }
            }
        }
        teller.describe_failure();
        for notice in &self.notices {
            teller.last = Some("Notify");
            let Some(method) = &notice.method else {
                teller.fail("Run error".to_owned());
                continue;
            };
            let Some(message) = &notice.message else {
                teller.fail("Run error".to_owned());
                continue;
            };
            let mut text = self.words.replaced(message);
            text.extend_from_slice(b"\n\n");
            text.extend_from_slice(&teller.told);
            effects.notify(&resolved(notice, method), &text);
        }
        teller.tell_failure(effects);
        if implicit_keep {
            let keep = Keep { target: None, flags: self.flags, headers: self.edited };
            if let Err(text) = effects.keep(&keep) {
                teller.last = Some("Keep");
                teller.fail(text);
                teller.tell_failure(effects);
            }
        }
        if teller.is_failed {
            return Err(Failed);
        }
        for tracked in &self.tracked {
            effects.track(&tracked.id, tracked.seconds);
        }
        Ok(())
    }
}

/// A mail to the sender loses its options, as in C.
fn resolved(notice: &Notice, method: &[u8]) -> Notice {
    let mut notice = notice.clone();
    if method == b"mailto" && notice.options.first().is_some_and(|first| first == b"$env-from$") {
        notice.options.clear();
    }
    notice
}

struct Teller {
    /// What was done, for notifications.
    told: Vec<u8>,
    /// The last action begun.
    last: Option<&'static str>,
    /// What it acted on.
    last_item: Option<Vec<u8>>,
    /// Why it failed, not yet told.
    failure: Option<String>,
    is_failed: bool,
}

impl Teller {
    fn say(&mut self, text: &[u8]) {
        self.told.extend_from_slice(text);
        self.told.truncate(TOLD_OCTETS);
    }

    fn fail(&mut self, text: String) {
        self.is_failed = true;
        self.failure = Some(text);
    }

    fn act(&mut self, action: &Action, effects: &mut dyn Effects) -> Result<(), String> {
        let (name, item, done): (_, Option<&[u8]>, Vec<u8>) = match action {
            Action::Discard => ("Discard", None, b"Discarded\n".to_vec()),
            Action::Fileinto(folder, _) => {
                ("Fileinto", Some(&folder.name), [b"Filed into: ", folder.name.as_slice(), b"\n"].concat())
            }
            Action::Keep(_) => ("Keep", None, b"Kept\n".to_vec()),
            Action::Redirect(redirect, _) => {
                let address = redirect.address.as_slice();
                ("Redirect", Some(address), [b"Redirected to ", address, b"\n"].concat())
            }
            Action::Reject(reject) => {
                let reason = reject.reason.as_slice();
                let (name, verb): (_, &[u8]) = if reject.extended {
                    ("eReject", b"eRejected with: ")
                } else {
                    ("Reject", b"Rejected with: ")
                };
                (name, Some(reason), [verb, reason, b"\n"].concat())
            }
            Action::Snooze(_) => ("Snooze", None, b"Snoozed\n".to_vec()),
            Action::Vacation(_) => ("Vacation", None, b"Sent vacation reply\n".to_vec()),
        };
        self.last = Some(name);
        self.last_item = item.map(<[u8]>::to_vec);
        match action {
            Action::Discard => effects.discard(),
            Action::Fileinto(folder, _) => effects.fileinto(folder)?,
            Action::Keep(keep) => effects.keep(keep)?,
            Action::Redirect(redirect, _) => effects.redirect(redirect)?,
            Action::Reject(reject) => effects.reject(reject)?,
            Action::Snooze(snooze) => effects.snooze(snooze)?,
            Action::Vacation(vacation) => {
                if !effects.is_vacation_due(vacation) {
                    self.say(b"Vacation reply suppressed\n");
                    return Ok(());
                }
                effects.vacation(vacation)?;
            }
        }
        self.say(&done);
        Ok(())
    }

    /// The failure in the list of actions.
    fn describe_failure(&mut self) {
        if let Some(failure) = &self.failure {
            let text = match self.last {
                None => format!("script execution failed: {failure}\n"),
                Some(last) => format!("{last} action failed: {failure}\n"),
            };
            self.say(text.as_bytes());
        }
    }

    fn tell_failure(&mut self, effects: &mut dyn Effects) {
        let Some(failure) = self.failure.take() else { return };
        let mut text = Vec::new();
        if let Some(last) = self.last {
            text.extend_from_slice(last.as_bytes());
            if let Some(item) = &self.last_item {
                text.extend_from_slice(&[b" (", item.as_slice(), b")"].concat());
            }
            text.extend_from_slice(b": ");
        }
        text.extend_from_slice(failure.as_bytes());
        text.truncate(1023);
        effects.runtime_error(&text);
    }
}

impl Words {
    /// Replaces `$from$` and its like in a message. C: build_notify_message()
    fn replaced(&self, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = message;
        while !rest.is_empty() {
            let after = |word: &[u8]| {
                let (start, after) = rest.split_at_checked(word.len())?;
                start.eq_ignore_ascii_case(word).then_some(after)
            };
            let words = [
                (b"$from$".as_slice(), &self.from),
                (b"$env-from$", &self.env_from),
                (b"$subject$", &self.subject),
            ];
            let word = words.iter().find_map(|(word, value)| Some((after(word)?, value)));
            if let Some((after, value)) = word {
                out.extend_from_slice(value.as_deref().unwrap_or_default());
                rest = after;
                continue;
            }
            if let Some((limit, after)) = after(b"$text").and_then(text_limit) {
                let text = self.text.as_deref().unwrap_or_default();
                let length = if limit == 0 { text.len() } else { limit.min(text.len()) };
                out.extend_from_slice(text.get(..length).unwrap_or(text));
                rest = after;
                continue;
            }
            let next = rest.iter().skip(1).position(|&octet| octet == b'$').map_or(rest.len(), |at| at + 1);
            let (plain, after) = rest.split_at(next);
            out.extend_from_slice(plain);
            rest = after;
        }
        out
    }
}

/// What stands behind `$text`: `$`, or `[n]$`; 0 is no limit.
fn text_limit(rest: &[u8]) -> Option<(usize, &[u8])> {
    if let Some(after) = rest.strip_prefix(b"$") {
        return Some((0, after));
    }
    let inside = rest.strip_prefix(b"[")?;
    let end = inside.iter().position(|&octet| octet == b']')?;
    let digits = std::str::from_utf8(inside.get(..end)?).ok()?;
    let limit = digits.parse().ok()?;
    Some((limit, inside.get(end + 2..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_notifications_are_replaced() {
        let words = Words {
            from: Some(b"ed".to_vec()),
            env_from: Some(b"ed@x".to_vec()),
            subject: None,
            text: Some(b"hello world".to_vec()),
        };
        let check = |message: &str, expected: &str| {
            assert_eq!(String::from_utf8_lossy(&words.replaced(message.as_bytes())), expected);
        };
        check("$From$|$env-from$|$subject$|", "ed|ed@x||");
        check("$text[5]$/$text$/$text[x]$", "hello/hello world/$text[x]$");
        check("$5 for $ $$from$", "$5 for $ $ed");
    }
}
