//! The client side: what imtest, cyradm, deliver and proxies need.

use super::{Code, Connection, Held, Step, c_len, c_string, check, ffi};
use std::ffi::{CString, c_void};
use std::os::raw::{c_char, c_int, c_uint, c_ulong};

/// Who the client is.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// Authorisation identity; empty: the same as `authname`.
    pub userid: Vec<u8>,
    /// Authentication identity.
    pub authname: Vec<u8>,
    /// Realm, for mechanisms that ask for one.
    pub realm: Option<Vec<u8>>,
    /// Password.
    pub password: Vec<u8>,
}

struct Answers {
    userid: CString,
    authname: CString,
    realm: Option<CString>,
    /// sasl_secret_t: unsigned long length, then the octets and a NUL; aligned as a long.
    secret: Box<[c_ulong]>,
}

/// The client side of one connection.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
    _callbacks: Box<[ffi::Callback]>,
    _library: ClientLibrary,
}

/// Initialised client library; owns the answers, which the callbacks point to.
#[derive(Debug)]
struct ClientLibrary {
    answers: *mut Answers,
    is_initialised: bool,
    _held: Held,
}

impl Drop for ClientLibrary {
    fn drop(&mut self) {
        // SAFETY: the connection (dropped before us) was the last user of the answers; libsasl
        // counts init and done.
        unsafe {
            if self.is_initialised {
                ffi::sasl_client_done();
            }
            drop(Box::from_raw(self.answers));
        }
    }
}

impl std::ops::Deref for Client {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl std::ops::DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Client {
    /// A client of `service` at host `fqdn`. Addresses have the form `ip;port` (ours, theirs).
    ///
    /// # Errors
    /// What libsasl says; `BADPARAM` for a NUL inside a name or password.
    pub fn new(
        service: &str,
        fqdn: &str,
        addresses: Option<(&str, &str)>,
        credentials: &Credentials,
    ) -> Result<Self, Code> {
        let held = Held::new()?;
        let answers = Answers {
            userid: c_string(&credentials.userid)?,
            authname: c_string(&credentials.authname)?,
            realm: credentials.realm.as_deref().map(c_string).transpose()?,
            secret: secret(&credentials.password)?,
        };
        let has_realm = answers.realm.is_some();
        let answers = Box::into_raw(Box::new(answers));
        let mut library = ClientLibrary { answers, is_initialised: false, _held: held };
        // SAFETY: no callbacks are given; libsasl counts its users.
        check(unsafe { ffi::sasl_client_init(std::ptr::null()) })?;
        library.is_initialised = true;
        let entry = |id, proc: *const ()| ffi::Callback { id, proc: proc.cast(), context: answers.cast() };
        let mut callbacks = vec![
            entry(ffi::SASL_CB_USER, on_simple as *const ()),
            entry(ffi::SASL_CB_AUTHNAME, on_simple as *const ()),
            entry(ffi::SASL_CB_PASS, on_secret as *const ()),
        ];
        if has_realm {
            callbacks.push(entry(ffi::SASL_CB_GETREALM, on_realm as *const ()));
        }
        callbacks.push(entry(ffi::SASL_CB_LIST_END, std::ptr::null()));
        let callbacks = callbacks.into_boxed_slice();
        let service = c_string(service.as_bytes())?;
        let fqdn = c_string(fqdn.as_bytes())?;
        let local = addresses.map(|(l, _)| c_string(l.as_bytes())).transpose()?;
        let remote = addresses.map(|(_, r)| c_string(r.as_bytes())).transpose()?;
        let ptr = |s: &Option<CString>| s.as_ref().map_or(std::ptr::null(), |s| s.as_ptr());
        let mut raw = std::ptr::null_mut();
        // SAFETY: strings are copied during the call; the callback list and its context live in
        // the Client, whose connection is dropped first.
        check(unsafe {
            ffi::sasl_client_new(
                service.as_ptr(),
                fqdn.as_ptr(),
                ptr(&local),
                ptr(&remote),
                callbacks.as_ptr(),
                0,
                &raw mut raw,
            )
        })?;
        Ok(Self { connection: Connection { raw }, _callbacks: callbacks, _library: library })
    }

    /// Chooses among the space separated mechanisms: its name and the initial response, if the
    /// mechanism has one.
    ///
    /// # Errors
    /// What libsasl says, `NOMECH` above all.
    pub fn start(&mut self, mechanisms: &str) -> Result<(String, Option<Vec<u8>>), Code> {
        let list = c_string(mechanisms.as_bytes())?;
        let mut output = std::ptr::null();
        let mut len = 0;
        let mut mech: *const c_char = std::ptr::null();
        // SAFETY: live locals; prompts are null because every question has a callback.
        let code = unsafe {
            ffi::sasl_client_start(
                self.connection.raw,
                list.as_ptr(),
                std::ptr::null_mut(),
                &raw mut output,
                &raw mut len,
                &raw mut mech,
            )
        };
        let has_initial = !output.is_null();
        let data = match Connection::step(code, output, len)? {
            Step::Continue(data) => has_initial.then_some(data),
            Step::Done(data) => data,
        };
        if mech.is_null() {
            return Err(Code::NOMECH);
        }
        // SAFETY: the chosen name is NUL-terminated and kept by the library; copied at once.
        let name = unsafe { std::ffi::CStr::from_ptr(mech) }.to_string_lossy().into_owned();
        Ok((name, data))
    }

    /// Answers a challenge.
    ///
    /// # Errors
    /// What libsasl says.
    pub fn step(&mut self, challenge: &[u8]) -> Result<Step, Code> {
        let ptr = if challenge.is_empty() { c"".as_ptr() } else { challenge.as_ptr().cast() };
        let mut output = std::ptr::null();
        let mut len = 0;
        // SAFETY: as in `start`.
        let code = unsafe {
            ffi::sasl_client_step(
                self.connection.raw,
                ptr,
                c_len(challenge)?,
                std::ptr::null_mut(),
                &raw mut output,
                &raw mut len,
            )
        };
        Connection::step(code, output, len)
    }
}

fn secret(password: &[u8]) -> Result<Box<[c_ulong]>, Code> {
    const WORD: usize = size_of::<c_ulong>();
    let len = c_ulong::try_from(password.len()).map_err(|_| Code::BADPARAM)?;
    let mut words = vec![0; password.len() / WORD + 2];
    if let Some((first, rest)) = words.split_first_mut() {
        *first = len;
        for (word, chunk) in rest.iter_mut().zip(password.chunks(WORD)) {
            let mut octets = [0; WORD];
            for (to, from) in octets.iter_mut().zip(chunk) {
                *to = *from;
            }
            *word = c_ulong::from_ne_bytes(octets);
        }
    }
    Ok(words.into_boxed_slice())
}

extern "C" fn on_simple(ctx: *mut c_void, id: c_int, result: *mut *const c_char, len: *mut c_uint) -> c_int {
    // SAFETY: the context is our Answers, alive as long as the connection; the result pointers
    // are valid (len may be null).
    unsafe {
        if result.is_null() {
            return Code::BADPARAM.0;
        }
        let answers = &*ctx.cast::<Answers>();
        let text = match u64::try_from(id) {
            Ok(ffi::SASL_CB_USER) => &answers.userid,
            Ok(ffi::SASL_CB_AUTHNAME) => &answers.authname,
            _ => return Code::BADPARAM.0,
        };
        *result = text.as_ptr();
        if !len.is_null() {
            *len = c_uint::try_from(text.as_bytes().len()).unwrap_or(0);
        }
    }
    Code::OK.0
}

extern "C" fn on_realm(
    ctx: *mut c_void,
    _id: c_int,
    _available: *const *const c_char,
    result: *mut *const c_char,
) -> c_int {
    // SAFETY: as on_simple.
    unsafe {
        let answers = &*ctx.cast::<Answers>();
        match (&answers.realm, result.is_null()) {
            (Some(realm), false) => {
                *result = realm.as_ptr();
                Code::OK.0
            }
            _ => Code::BADPARAM.0,
        }
    }
}

extern "C" fn on_secret(
    _conn: *mut ffi::RawConn,
    ctx: *mut c_void,
    _id: c_int,
    result: *mut *const c_ulong,
) -> c_int {
    // SAFETY: as on_simple; the secret's layout is that of sasl_secret_t.
    unsafe {
        if result.is_null() {
            return Code::BADPARAM.0;
        }
        *result = (*ctx.cast::<Answers>()).secret.as_ptr();
    }
    Code::OK.0
}
