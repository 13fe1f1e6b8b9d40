//! Any bytes are bytecode or refused; what is taken runs to its end on a message, within its bounds.
//! Listing is for any bytes too.
#![no_main]

#[path = "../../libcyrus/sieve/tests/memory/mod.rs"]
mod memory;

use cyrus_sieve::{Program, dump};
use libfuzzer_sys::fuzz_target;

const MESSAGE: &[u8] = b"Received: from a by b; Fri, 4 Mar 2022 10:00:00 +0000\r\n\
    From: Ed <ed@example.org>\r\nTo: ann@mail.example, \"T, S\" <team+sales@example.com>\r\n\
    Cc: friends: a@b.org, c@d.org;\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= [list] now\r\n\
    Date: Tue, 1 Mar 2022 23:59:59 -0500\r\nMessage-ID: <1@test>\r\nX-Multi: one\r\nX-Multi: two\r\n\
    MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b1\r\n\r\n\
    --b1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n\
    R3LDvMOfZSBhdXMgS8O2bG4uIE1lZXRpbmcgdG9tb3Jyb3cu\r\n\
    --b1\r\nContent-Type: text/html\r\n\r\n<b>make</b> money\r\n--b1--\r\n";

fuzz_target!(|bytecode: &[u8]| {
    dump::source(bytecode);
    dump::listing(bytecode);
    let Ok(program) = Program::load(bytecode) else { return };
    memory::filter(program, bytecode, MESSAGE);
});
