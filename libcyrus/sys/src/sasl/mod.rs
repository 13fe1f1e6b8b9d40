//! libsasl2: mechanisms, password checks and security layers are the administrator's plugins.
//!
//! `conn.rs` one exchange of either side | `server.rs` the server library and its callbacks |
//! `client.rs` the client side | `ffi.rs` the C declarations.
//!
//! libsasl keeps global state, so all values here belong to one thread; a second thread is
//! refused while the first holds any. Dropping the last value shuts the library down.

mod client;
mod conn;
#[allow(clippy::missing_docs_in_private_items, missing_docs)]
mod ffi;
mod server;

pub use client::{Client, Credentials};
pub use conn::{Connection, Step};
pub use server::{Hooks, Server, ServerLibrary, Verdict};

use std::ffi::{CStr, CString};
use std::fmt;
use std::sync::Mutex;
use std::thread::ThreadId;

/// A result code of libsasl.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code(pub i32);

impl Code {
    /// Another step is needed.
    pub const CONTINUE: Self = Self(1);
    /// Success.
    pub const OK: Self = Self(0);
    /// Generic failure.
    pub const FAIL: Self = Self(-1);
    /// A buffer is too small.
    pub const BUFOVER: Self = Self(-3);
    /// Mechanism not supported.
    pub const NOMECH: Self = Self(-4);
    /// Bad protocol, or cancelled.
    pub const BADPROT: Self = Self(-5);
    /// Invalid parameter.
    pub const BADPARAM: Self = Self(-7);
    /// Authentication failure.
    pub const BADAUTH: Self = Self(-13);
    /// Authorisation failure.
    pub const NOAUTHZ: Self = Self(-14);
    /// Mechanism too weak for this user.
    pub const TOOWEAK: Self = Self(-15);
    /// Encryption needed to use the mechanism.
    pub const ENCRYPT: Self = Self(-16);
    /// User not found.
    pub const NOUSER: Self = Self(-20);

    /// The library's sentence, `authentication failure` and so on. C: sasl_errstring()
    #[must_use]
    pub fn text(self) -> String {
        // SAFETY: sasl_errstring only selects among static strings; a null language list is
        // allowed and the language it chose is not asked for.
        let text = unsafe { ffi::sasl_errstring(self.0, std::ptr::null(), std::ptr::null_mut()) };
        if text.is_null() {
            return String::new();
        }
        // SAFETY: a static NUL-terminated string.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SASL({}): {}", self.0, self.text())
    }
}

/// What is allowed of mechanisms. C: mysasl_secprops()
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Security {
    /// Least strength (layer or external) accepted.
    pub min_ssf: u32,
    /// Greatest strength of a layer.
    pub max_ssf: u32,
    /// No mechanisms that send the password in the clear (unless an external layer protects).
    pub noplaintext: bool,
    /// No anonymous logins.
    pub noanonymous: bool,
}

/// Which thread uses libsasl, and how many values of ours it holds.
static USER: Mutex<Option<(ThreadId, usize)>> = Mutex::new(None);

/// Proof that this thread may call libsasl; counted.
#[derive(Debug)]
struct Held;

impl Held {
    fn new() -> Result<Self, Code> {
        let mut user = USER.lock().map_err(|_| Code::FAIL)?;
        let me = std::thread::current().id();
        match user.as_mut() {
            Some((thread, count)) if *thread == me => *count += 1,
            Some(_) => return Err(Code::FAIL),
            None => *user = Some((me, 1)),
        }
        Ok(Self)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Ok(mut user) = USER.lock() {
            match user.as_mut() {
                Some((_, count)) if *count > 1 => *count -= 1,
                _ => *user = None,
            }
        }
    }
}

fn check(code: i32) -> Result<(), Code> {
    if code == Code::OK.0 { Ok(()) } else { Err(Code(code)) }
}

fn c_string(bytes: &[u8]) -> Result<CString, Code> {
    CString::new(bytes).map_err(|_| Code::BADPARAM)
}

fn c_len(bytes: &[u8]) -> Result<libc::c_uint, Code> {
    libc::c_uint::try_from(bytes.len()).map_err(|_| Code::BADPARAM)
}
