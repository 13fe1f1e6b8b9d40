//! The external method: the program `notify_external`, with the message on standard input.
//!
//! DIAGNOSTICS (ERR): `ERROR: no external recipient (program) specified`,
//! `notify_external: exec returned ...`.

use crate::child;
use crate::request::Request;
use libcyrus::base::Config;
use libcyrus::base::config::Opt;
use libcyrus::base::log::{self, Priority};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// C: `notify_external()`
pub fn notify(config: &Config, request: &Request<'_>) {
    let Some(program) = config.string(Opt::NotifyExternal) else {
        log::write(Priority::Err, format_args!("ERROR: no external recipient (program) specified"));
        return;
    };
    match child::start(program, program, &arguments(request)) {
        Ok(child) => child::feed(child, &[request.message, b"\n"].concat()),
        Err(error) => {
            let text = log::errno_text(&error);
            log::write(Priority::Err, format_args!("notify_external: exec returned {text}"));
        }
    }
}

/// `-c class -p priority -u user -m mailbox -f [filename]`
fn arguments<'d>(request: &Request<'d>) -> Vec<&'d OsStr> {
    let pairs = [
        (&b"-c"[..], Some(request.class)),
        (b"-p", Some(request.priority)),
        (b"-u", Some(request.user)),
        (b"-m", Some(request.mailbox)),
        (b"-f", request.filename),
    ];
    let words = pairs.into_iter().flat_map(|(option, value)| [Some(option), value]);
    words.flatten().map(OsStr::from_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_an_argument_only_when_there_is_one() {
        let datagram = b"external\0MAIL\0p\0ann\0INBOX\x00000\0hi\0";
        let request = Request::parse(datagram).expect("request");
        let expected = ["-c", "MAIL", "-p", "p", "-u", "ann", "-m", "INBOX", "-f"];
        assert_eq!(arguments(&request), expected);
        let with_file = [&datagram[..], b"/f\0"].concat();
        let request = Request::parse(&with_file).expect("request");
        assert_eq!(arguments(&request).last().and_then(|word| word.to_str()), Some("/f"));
    }
}
