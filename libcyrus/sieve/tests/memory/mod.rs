//! The two sides a script meets, in memory: answers that follow from the question alone, and deeds that are told.
//! The fuzz targets use it too.

use cyrus_sieve::code::Location;
use cyrus_sieve::run::{
    Deed, Effects, Envelope, Folder, Headers, Host, Included, Input, Keep, NotIncluded, Notice, Redirect,
    Reject, Snooze, Vacation, run,
};
use cyrus_sieve::{CompileSettings, Program};

/// Deeds past which a run has broken its bounds: a thousand of the script, its implicit keep, and some of failing.
const DEEDS: usize = 1010;

/// Runs a script; what it did, and the errors.
pub fn filter(program: Program, bytecode: &[u8], message: &[u8]) -> Vec<String> {
    let mut headers = Headers::parse(message);
    headers.unfold_first(b"Received");
    let input = Input {
        message,
        headers,
        envelope: Envelope { from: b"ed@example.org", to: b"ann+detail@mail.example", auth: Some(b"ed") },
        size: message.len() as u64,
        now: 1_795_399_160,
        identity: 1,
        active: CompileSettings::everything().active,
        limits: cyrus_mime::Limits::default(),
    };
    let mut memory = Memory { bytecode: bytecode.to_vec(), included: 1, deeds: Vec::new() };
    let outcome = run(program, input, &mut memory);
    let _ = outcome.perform(&mut memory);
    assert!(memory.deeds.len() <= DEEDS, "{} deeds", memory.deeds.len());
    memory.deeds
}

struct Memory {
    bytecode: Vec<u8>,
    included: u64,
    deeds: Vec<String>,
}

fn is_even(text: &[u8]) -> bool {
    text.len().is_multiple_of(2)
}

impl Memory {
    fn deed(&mut self, name: &str, text: &[u8]) -> Deed {
        self.deeds.push(format!("{name} {}", text.escape_ascii()));
        if text.first() == Some(&b'!') { Err("refused".to_owned()) } else { Ok(()) }
    }
}

impl Host for Memory {
    fn mailbox_exists(&mut self, name: &[u8]) -> bool {
        is_even(name)
    }
    fn mailboxid_exists(&mut self, id: &[u8]) -> bool {
        is_even(id)
    }
    fn special_uses_exist(&mut self, mailbox: Option<&[u8]>, uses: &[Vec<u8>]) -> bool {
        mailbox.is_some() && uses.len() > 1
    }
    fn metadata(&mut self, _mailbox: Option<&[u8]>, entry: &[u8]) -> Option<Vec<u8>> {
        is_even(entry).then(|| entry.to_vec())
    }
    fn environment(&mut self, item: &[u8]) -> Option<Vec<u8>> {
        is_even(item).then(|| item.to_vec())
    }
    fn is_list(&mut self, uri: &[u8]) -> bool {
        is_even(uri)
    }
    fn list_contains(&mut self, _uri: &[u8], member: &[u8]) -> bool {
        is_even(member)
    }
    fn is_duplicate(&mut self, id: &[u8]) -> bool {
        is_even(id)
    }
    /// The script itself is there under every name, each time another file.
    fn include(&mut self, name: &[u8], _location: Location) -> Result<Included, NotIncluded> {
        if name.is_empty() {
            return Err(NotIncluded::NotLoaded);
        }
        self.included += u64::from(is_even(name));
        Ok(Included { identity: self.included, bytecode: self.bytecode.clone() })
    }
    fn fileinto_target(
        &mut self,
        name: &[u8],
        special_use: Option<&[u8]>,
        mailboxid: Option<&[u8]>,
    ) -> Option<Vec<u8>> {
        (!name.is_empty()).then(|| mailboxid.or(special_use).unwrap_or(name).to_vec())
    }
    fn keep_target(&mut self) -> Option<Vec<u8>> {
        Some(b"user.ann".to_vec())
    }
    fn log(&mut self, _text: &[u8]) {}
}

impl Effects for Memory {
    fn keep(&mut self, keep: &Keep) -> Deed {
        self.deed("keep", keep.target.as_deref().unwrap_or_default())
    }
    fn fileinto(&mut self, folder: &Folder) -> Deed {
        self.deed("fileinto", &folder.name)
    }
    fn redirect(&mut self, redirect: &Redirect) -> Deed {
        self.deed("redirect", &redirect.address)
    }
    fn discard(&mut self) {
        let _ = self.deed("discard", b"");
    }
    fn reject(&mut self, reject: &Reject) -> Deed {
        self.deed("reject", &reject.reason)
    }
    fn snooze(&mut self, snooze: &Snooze) -> Deed {
        self.deed("snooze", snooze.mailbox.as_deref().unwrap_or_default())
    }
    fn is_vacation_due(&mut self, vacation: &Vacation) -> bool {
        is_even(&vacation.to)
    }
    fn vacation(&mut self, vacation: &Vacation) -> Deed {
        assert!(!vacation.from.contains(&b'\n'));
        self.deed("vacation", &vacation.message)
    }
    fn notify(&mut self, notice: &Notice, message: &[u8]) {
        let _ = self.deed("notify", notice.method.as_deref().unwrap_or(message));
    }
    fn track(&mut self, _id: &[u8], _seconds: i64) {}
    fn runtime_error(&mut self, text: &[u8]) {
        let _ = self.deed("error", text);
    }
}
