//! One exchange, of either side: properties, error text and the security layer.

use super::{Code, Security, c_len, c_string, check, ffi};
use std::ffi::{CStr, c_void};
use std::os::raw::c_char;

/// What a step gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The other side must answer this challenge (or response).
    Continue(Vec<u8>),
    /// Finished; there may be last data for the other side.
    Done(Option<Vec<u8>>),
}

/// A libsasl connection context.
#[derive(Debug)]
pub struct Connection {
    pub(super) raw: *mut ffi::RawConn,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: `raw` came from sasl_*_new and is disposed of once; the library it belongs to
        // outlives it because the owner's fields are dropped in that order.
        unsafe { ffi::sasl_dispose(&raw mut self.raw) }
    }
}

impl Connection {
    /// Says what is allowed.
    ///
    /// # Errors
    /// What libsasl says.
    pub fn set_security(&mut self, security: Security) -> Result<(), Code> {
        let mut flags = 0;
        if security.noplaintext {
            flags |= 0x0001;
        }
        if security.noanonymous {
            flags |= 0x0010;
        }
        let props = ffi::SecProps {
            min_ssf: security.min_ssf,
            max_ssf: security.max_ssf,
            maxbufsize: MAX_BUFFER,
            security_flags: flags,
            property_names: std::ptr::null(),
            property_values: std::ptr::null(),
        };
        // SAFETY: libsasl copies the structure during the call.
        check(unsafe { ffi::sasl_setprop(self.raw, ffi::SASL_SEC_PROPS, (&raw const props).cast()) })
    }

    /// Tells of a layer below (TLS): its strength and the identity it proved.
    ///
    /// # Errors
    /// What libsasl says; `BADPARAM` for a NUL in the identity.
    pub fn set_external(&mut self, ssf: u32, identity: Option<&[u8]>) -> Result<(), Code> {
        // SAFETY: libsasl reads the integer during the call.
        check(unsafe { ffi::sasl_setprop(self.raw, ffi::SASL_SSF_EXTERNAL, (&raw const ssf).cast()) })?;
        let identity = identity.map(c_string).transpose()?;
        let ptr = identity.as_ref().map_or(std::ptr::null(), |i| i.as_ptr().cast::<c_void>());
        // SAFETY: libsasl copies the string (null means none) during the call.
        check(unsafe { ffi::sasl_setprop(self.raw, ffi::SASL_AUTH_EXTERNAL, ptr) })
    }

    /// Canonical name of the user logged in, after success.
    #[must_use]
    pub fn username(&self) -> Option<Vec<u8>> {
        self.string_property(ffi::SASL_USERNAME)
    }

    /// Canonical name of who proved an identity.
    #[must_use]
    pub fn authuser(&self) -> Option<Vec<u8>> {
        self.string_property(ffi::SASL_AUTHUSER)
    }

    /// Mechanism in use.
    #[must_use]
    pub fn mechanism(&self) -> Option<Vec<u8>> {
        self.string_property(ffi::SASL_MECHNAME)
    }

    /// Strength of the negotiated security layer.
    #[must_use]
    pub fn ssf(&self) -> u32 {
        self.int_property(ffi::SASL_SSF).unwrap_or(0)
    }

    /// The most octets one [`Connection::encode`] takes; 0 means no limit.
    #[must_use]
    pub fn max_encode(&self) -> usize {
        self.int_property(ffi::SASL_MAXOUTBUF).map_or(0, |n| n as usize)
    }

    /// The library's account of the last error, for the log. C: sasl_errdetail()
    #[must_use]
    pub fn error_detail(&self) -> String {
        // SAFETY: returns a NUL-terminated string kept in the connection, copied at once.
        unsafe {
            let text = ffi::sasl_errdetail(self.raw);
            if text.is_null() {
                return String::new();
            }
            CStr::from_ptr(text).to_string_lossy().into_owned()
        }
    }

    /// Wraps octets for the other side and appends them to `out`.
    ///
    /// # Errors
    /// What libsasl says; the connection is then useless.
    pub fn encode(&mut self, mut clear: &[u8], out: &mut Vec<u8>) -> Result<(), Code> {
        let limit = match self.max_encode() {
            0 => MAX_BUFFER as usize,
            n => n,
        };
        while !clear.is_empty() {
            let (piece, rest) = clear.split_at(limit.min(clear.len()));
            self.transform(ffi::sasl_encode, piece, out)?;
            clear = rest;
        }
        Ok(())
    }

    /// Unwraps octets as they arrived, in any pieces; complete ones are appended to `out`.
    ///
    /// # Errors
    /// What libsasl says; the connection is then useless.
    pub fn decode(&mut self, wrapped: &[u8], out: &mut Vec<u8>) -> Result<(), Code> {
        for piece in wrapped.chunks(MAX_BUFFER as usize) {
            self.transform(ffi::sasl_decode, piece, out)?;
        }
        Ok(())
    }

    fn transform(&mut self, by: Transform, input: &[u8], out: &mut Vec<u8>) -> Result<(), Code> {
        let mut output: *const c_char = std::ptr::null();
        let mut len = 0;
        // SAFETY: input and its length belong together; the output pointers are live locals.
        check(unsafe { by(self.raw, input.as_ptr().cast(), c_len(input)?, &raw mut output, &raw mut len) })?;
        // SAFETY: on success `len` octets at `output` stay valid until the next call.
        out.extend_from_slice(unsafe { slice(output, len) });
        Ok(())
    }

    /// Turns a result code with output into a [`Step`]. C leaves `output` null for "none".
    pub(super) fn step(code: i32, output: *const c_char, len: u32) -> Result<Step, Code> {
        // SAFETY: called right after the libsasl call that set both, before any other.
        let data = unsafe { slice(output, len) };
        match Code(code) {
            Code::CONTINUE => Ok(Step::Continue(data.to_vec())),
            Code::OK => Ok(Step::Done((!output.is_null()).then(|| data.to_vec()))),
            other => Err(other),
        }
    }

    fn string_property(&self, property: i32) -> Option<Vec<u8>> {
        let value = self.property(property)?;
        // SAFETY: string properties are NUL-terminated and kept in the connection; copied at once.
        Some(unsafe { CStr::from_ptr(value.cast()) }.to_bytes().to_vec())
    }

    fn int_property(&self, property: i32) -> Option<u32> {
        let value = self.property(property)?;
        // SAFETY: SSF and MAXOUTBUF are unsigned integers kept in the connection.
        Some(unsafe { value.cast::<u32>().read_unaligned() })
    }

    fn property(&self, property: i32) -> Option<*const c_void> {
        let mut value: *const c_void = std::ptr::null();
        // SAFETY: the value pointer is a live local.
        let code = unsafe { ffi::sasl_getprop(self.raw, property, &raw mut value) };
        (code == Code::OK.0 && !value.is_null()).then_some(value)
    }
}

type Transform = unsafe extern "C" fn(
    *mut ffi::RawConn,
    *const c_char,
    libc::c_uint,
    *mut *const c_char,
    *mut libc::c_uint,
) -> i32;

/// Receive buffer we announce to the peer: what C announces (PROT_BUFSIZE).
const MAX_BUFFER: u32 = 4096;

/// # Safety
/// `ptr` is null or points to `len` octets that stay valid for `'a`.
pub(super) unsafe fn slice<'a>(ptr: *const c_char, len: u32) -> &'a [u8] {
    if ptr.is_null() || len == 0 {
        return &[];
    }
    // SAFETY: by the contract.
    unsafe { std::slice::from_raw_parts(ptr.cast(), len as usize) }
}
