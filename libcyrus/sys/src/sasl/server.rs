//! The server library and its callbacks.

use super::conn::slice;
use super::{Code, Connection, Held, Step, c_len, c_string, check, ffi};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_void};
use std::os::raw::{c_char, c_int, c_uint};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// A refusal of a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Result code for libsasl.
    pub code: Code,
    /// Sentence for errdetail.
    pub text: String,
}

/// What libsasl asks its application.
pub trait Hooks {
    /// The value of an option (`pwcheck_method`, `mech_list`, ...), asked by a plugin or the
    /// library itself.
    fn option(&self, plugin: Option<&str>, option: &str) -> Option<Vec<u8>>;
    /// A line for the log; `level` is libsasl's (1 errors ... 7 passwords).
    fn log(&self, level: i32, text: &[u8]);
    /// Canonical form of a user name.
    ///
    /// # Errors
    /// The refusal.
    fn canon_user(&self, user: &[u8]) -> Result<Vec<u8>, Verdict>;
    /// May `auth_identity` act as `requested`?
    ///
    /// # Errors
    /// The refusal.
    fn authorize(&self, requested: &[u8], auth_identity: &[u8]) -> Result<(), Verdict>;
    /// Should the plugin file be loaded?
    fn loads_plugin(&self, file: &[u8]) -> bool;
}

/// Plugin name and option name.
type OptionKey = (Option<String>, String);

struct Context {
    hooks: Box<dyn Hooks>,
    /// Option values given out; libsasl keeps the pointers.
    options: RefCell<BTreeMap<OptionKey, Option<CString>>>,
}

/// libsasl initialised for servers, with its hooks. Drop the last reference to shut it down.
pub struct ServerLibrary {
    _callbacks: Box<[ffi::Callback]>,
    context: *mut Context,
    _held: Held,
}

impl std::fmt::Debug for ServerLibrary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerLibrary")
    }
}

impl Drop for ServerLibrary {
    fn drop(&mut self) {
        // SAFETY: initialised by `new`; all connections hold a reference to us and are gone. Then
        // nobody refers to the context any more and the box made by `new` is freed once.
        unsafe {
            ffi::sasl_server_done();
            drop(Box::from_raw(self.context));
        }
    }
}

impl ServerLibrary {
    /// Initialises libsasl and loads the plugins the hooks allow. `appname` is the application
    /// name of log lines and of the option file (`Cyrus`).
    ///
    /// # Errors
    /// What libsasl says; `FAIL` when another thread uses it.
    pub fn new(hooks: Box<dyn Hooks>, appname: &str) -> Result<Rc<Self>, Code> {
        let held = Held::new()?;
        let appname = c_string(appname.as_bytes())?;
        let context = Context { hooks, options: RefCell::new(BTreeMap::new()) };
        let context = Box::into_raw(Box::new(context));
        let entry = |id, proc: *const ()| ffi::Callback { id, proc: proc.cast(), context: context.cast() };
        let callbacks: Box<[ffi::Callback]> = Box::new([
            entry(ffi::SASL_CB_GETOPT, on_getopt as *const ()),
            entry(ffi::SASL_CB_LOG, on_log as *const ()),
            entry(ffi::SASL_CB_VERIFYFILE, on_verifyfile as *const ()),
            entry(ffi::SASL_CB_PROXY_POLICY, on_proxy_policy as *const ()),
            entry(ffi::SASL_CB_CANON_USER, on_canon_user as *const ()),
            entry(ffi::SASL_CB_LIST_END, std::ptr::null()),
        ]);
        // SAFETY: the callback list and context live until Drop, after sasl_server_done; the
        // functions have the types sasl.h gives for their ids.
        let code = unsafe { ffi::sasl_server_init(callbacks.as_ptr(), appname.as_ptr()) };
        // From here Drop undoes it, also for a failed init (sasl_server_done then does nothing).
        let library = Self { _callbacks: callbacks, context, _held: held };
        check(code)?;
        Ok(Rc::new(library))
    }

    /// A context for one connection. Addresses have the form `ip;port`.
    ///
    /// # Errors
    /// What libsasl says.
    pub fn connection(
        self: &Rc<Self>,
        service: &str,
        fqdn: &str,
        addresses: Option<(&str, &str)>,
        success_data: bool,
    ) -> Result<Server, Code> {
        let service = c_string(service.as_bytes())?;
        let fqdn = c_string(fqdn.as_bytes())?;
        let local = addresses.map(|(l, _)| c_string(l.as_bytes())).transpose()?;
        let remote = addresses.map(|(_, r)| c_string(r.as_bytes())).transpose()?;
        let ptr = |s: &Option<CString>| s.as_ref().map_or(std::ptr::null(), |s| s.as_ptr());
        let mut raw = std::ptr::null_mut();
        // SAFETY: all strings outlive the call, which copies them; null realm and callbacks mean
        // the defaults.
        check(unsafe {
            ffi::sasl_server_new(
                service.as_ptr(),
                fqdn.as_ptr(),
                std::ptr::null(),
                ptr(&local),
                ptr(&remote),
                std::ptr::null(),
                if success_data { 0x0004 } else { 0 },
                &raw mut raw,
            )
        })?;
        Ok(Server { connection: Connection { raw }, _library: Rc::clone(self) })
    }
}

/// The server side of one connection.
#[derive(Debug)]
pub struct Server {
    connection: Connection,
    _library: Rc<ServerLibrary>,
}

impl std::ops::Deref for Server {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl std::ops::DerefMut for Server {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Server {
    /// Mechanisms that may be used now.
    #[must_use]
    pub fn mechanisms(&mut self) -> Vec<String> {
        let mut result: *const c_char = std::ptr::null();
        let mut len = 0;
        let mut count = 0;
        // SAFETY: constant strings and live locals; null user means any.
        let code = unsafe {
            ffi::sasl_listmech(
                self.connection.raw,
                std::ptr::null(),
                c"".as_ptr(),
                c" ".as_ptr(),
                c"".as_ptr(),
                &raw mut result,
                &raw mut len,
                &raw mut count,
            )
        };
        if code != Code::OK.0 {
            return Vec::new();
        }
        // SAFETY: `len` octets kept in the connection; copied before the next call.
        let text = String::from_utf8_lossy(unsafe { slice(result, len) });
        text.split_ascii_whitespace().map(str::to_owned).collect()
    }

    /// Starts an exchange; `initial` is the decoded initial response, if one was sent.
    ///
    /// # Errors
    /// What libsasl says; see [`Connection::error_detail`].
    pub fn start(&mut self, mechanism: &str, initial: Option<&[u8]>) -> Result<Step, Code> {
        let mechanism = c_string(mechanism.as_bytes())?;
        let (ptr, len) = match initial {
            // An empty response is still a response: the pointer must not be null.
            Some([]) => (c"".as_ptr(), 0),
            Some(data) => (data.as_ptr().cast(), c_len(data)?),
            None => (std::ptr::null(), 0),
        };
        let mut output = std::ptr::null();
        let mut output_len = 0;
        // SAFETY: input pointer and length belong together; outputs are live locals.
        let code = unsafe {
            ffi::sasl_server_start(
                self.connection.raw,
                mechanism.as_ptr(),
                ptr,
                len,
                &raw mut output,
                &raw mut output_len,
            )
        };
        Connection::step(code, output, output_len)
    }

    /// Goes on with the client's decoded response.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn step(&mut self, response: &[u8]) -> Result<Step, Code> {
        let ptr = if response.is_empty() { c"".as_ptr() } else { response.as_ptr().cast() };
        let mut output = std::ptr::null();
        let mut output_len = 0;
        // SAFETY: as in `start`.
        let code = unsafe {
            ffi::sasl_server_step(
                self.connection.raw,
                ptr,
                c_len(response)?,
                &raw mut output,
                &raw mut output_len,
            )
        };
        Connection::step(code, output, output_len)
    }

    /// Checks a plain text password. C: sasl_checkpass()
    ///
    /// # Errors
    /// As [`Server::start`]; `BADPARAM` for a NUL inside.
    pub fn check_password(&mut self, user: &[u8], password: &[u8]) -> Result<(), Code> {
        let (user_len, password_len) = (c_len(user)?, c_len(password)?);
        let (user, password) = (c_string(user)?, c_string(password)?);
        // SAFETY: strings with their lengths, alive during the call.
        check(unsafe {
            ffi::sasl_checkpass(self.connection.raw, user.as_ptr(), user_len, password.as_ptr(), password_len)
        })
    }
}

impl Server {
    /// Checks the answer `user digest` to an APOP challenge. C: sasl_checkapop()
    ///
    /// # Errors
    /// As [`Server::start`]; `BADPARAM` for a NUL inside.
    pub fn check_apop(&mut self, challenge: &[u8], response: &[u8]) -> Result<(), Code> {
        let (challenge_len, response_len) = (c_len(challenge)?, c_len(response)?);
        let (challenge, response) = (c_string(challenge)?, c_string(response)?);
        // SAFETY: strings with their lengths, alive during the call.
        check(unsafe {
            ffi::sasl_checkapop(
                self.connection.raw,
                challenge.as_ptr(),
                challenge_len,
                response.as_ptr(),
                response_len,
            )
        })
    }
}

/// # Safety
/// `context` is the pointer given at init: a Context that lives as long as the library.
unsafe fn context<'a>(context: *mut c_void) -> &'a Context {
    // SAFETY: by the contract; only shared references are ever made of it.
    unsafe { &*context.cast::<Context>() }
}

extern "C" fn on_getopt(
    ctx: *mut c_void,
    plugin: *const c_char,
    option: *const c_char,
    result: *mut *const c_char,
    len: *mut c_uint,
) -> c_int {
    // SAFETY: libsasl passes our context, NUL-terminated strings (plugin may be null) and valid
    // result pointers (len may be null).
    unsafe {
        if option.is_null() || result.is_null() {
            return Code::BADPARAM.0;
        }
        let this = context(ctx);
        let text =
            |p: *const c_char| (!p.is_null()).then(|| CStr::from_ptr(p).to_string_lossy().into_owned());
        let key = (text(plugin), text(option).unwrap_or_default());
        let looked = catch_unwind(AssertUnwindSafe(|| {
            let mut options = this.options.borrow_mut();
            let value = options.entry(key).or_insert_with_key(|(plugin, option)| {
                CString::new(this.hooks.option(plugin.as_deref(), option)?).ok()
            });
            // The CString's octets do not move when the map grows.
            value.as_ref().map(|v| (v.as_ptr(), v.as_bytes().len()))
        }));
        match looked {
            Ok(Some((ptr, size))) => {
                *result = ptr;
                if !len.is_null() {
                    *len = c_uint::try_from(size).unwrap_or(0);
                }
                Code::OK.0
            }
            _ => {
                *result = std::ptr::null();
                Code::FAIL.0
            }
        }
    }
}

extern "C" fn on_log(ctx: *mut c_void, level: c_int, message: *const c_char) -> c_int {
    // SAFETY: our context and a NUL-terminated message.
    unsafe {
        if message.is_null() {
            return Code::BADPARAM.0;
        }
        let text = CStr::from_ptr(message).to_bytes();
        let this = context(ctx);
        let _ = catch_unwind(AssertUnwindSafe(|| this.hooks.log(level, text)));
    }
    Code::OK.0
}

extern "C" fn on_verifyfile(ctx: *mut c_void, file: *const c_char, kind: c_int) -> c_int {
    // SAFETY: our context and a NUL-terminated path.
    unsafe {
        if file.is_null() || kind != ffi::SASL_VRFY_PLUGIN {
            return Code::OK.0;
        }
        let path = CStr::from_ptr(file).to_bytes();
        let this = context(ctx);
        let wanted = catch_unwind(AssertUnwindSafe(|| this.hooks.loads_plugin(path)));
        if wanted.unwrap_or(false) { Code::OK.0 } else { Code::CONTINUE.0 }
    }
}

/// # Safety
/// `conn` is the connection of the running callback.
unsafe fn refuse(conn: *mut ffi::RawConn, verdict: &Verdict) -> c_int {
    if let Ok(text) = CString::new(verdict.text.as_bytes()) {
        // SAFETY: the format takes one string, which outlives the call.
        unsafe { ffi::sasl_seterror(conn, ffi::SASL_NOLOG, c"%s".as_ptr(), text.as_ptr()) };
    }
    verdict.code.0
}

extern "C" fn on_proxy_policy(
    conn: *mut ffi::RawConn,
    ctx: *mut c_void,
    requested: *const c_char,
    requested_len: c_uint,
    identity: *const c_char,
    identity_len: c_uint,
    _realm: *const c_char,
    _realm_len: c_uint,
    _props: *mut c_void,
) -> c_int {
    // SAFETY: our context; both strings come with their lengths.
    unsafe {
        let this = context(ctx);
        let requested = slice(requested, requested_len);
        let identity = slice(identity, identity_len);
        match catch_unwind(AssertUnwindSafe(|| this.hooks.authorize(requested, identity))) {
            Ok(Ok(())) => Code::OK.0,
            Ok(Err(verdict)) => refuse(conn, &verdict),
            Err(_) => Code::FAIL.0,
        }
    }
}

extern "C" fn on_canon_user(
    conn: *mut ffi::RawConn,
    ctx: *mut c_void,
    user: *const c_char,
    user_len: c_uint,
    _flags: c_uint,
    _realm: *const c_char,
    out: *mut c_char,
    out_max: c_uint,
    out_len: *mut c_uint,
) -> c_int {
    // SAFETY: our context; `user` comes with its length (and may be the same buffer as `out`, so
    // it is copied first); `out` has room for `out_max` octets, NUL included.
    unsafe {
        if out.is_null() || out_len.is_null() {
            return Code::BADPARAM.0;
        }
        let this = context(ctx);
        let user = slice(user, user_len).to_vec();
        let canonical = match catch_unwind(AssertUnwindSafe(|| this.hooks.canon_user(&user))) {
            Ok(Ok(canonical)) => canonical,
            Ok(Err(verdict)) => return refuse(conn, &verdict),
            Err(_) => return Code::FAIL.0,
        };
        let len = c_uint::try_from(canonical.len()).unwrap_or(c_uint::MAX);
        if len >= out_max || canonical.contains(&0) {
            let text = "buffer overflow while canonicalizing".to_owned();
            return refuse(conn, &Verdict { code: Code::BUFOVER, text });
        }
        std::ptr::copy_nonoverlapping(canonical.as_ptr(), out.cast(), canonical.len());
        *out.add(canonical.len()) = 0;
        *out_len = len;
        Code::OK.0
    }
}
