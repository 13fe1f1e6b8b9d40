//! The part of sasl.h we call. Values and layouts are the library's ABI (libsasl2 2.1).

use libc::{c_char, c_int, c_uint, c_ulong, c_void};

pub const SASL_CB_LIST_END: c_ulong = 0;
pub const SASL_CB_GETOPT: c_ulong = 1;
pub const SASL_CB_LOG: c_ulong = 2;
pub const SASL_CB_VERIFYFILE: c_ulong = 4;
pub const SASL_CB_USER: c_ulong = 0x4001;
pub const SASL_CB_AUTHNAME: c_ulong = 0x4002;
pub const SASL_CB_PASS: c_ulong = 0x4004;
pub const SASL_CB_GETREALM: c_ulong = 0x4008;
pub const SASL_CB_PROXY_POLICY: c_ulong = 0x8001;
pub const SASL_CB_CANON_USER: c_ulong = 0x8007;

pub const SASL_USERNAME: c_int = 0;
pub const SASL_SSF: c_int = 1;
pub const SASL_MAXOUTBUF: c_int = 2;
pub const SASL_MECHNAME: c_int = 15;
pub const SASL_AUTHUSER: c_int = 16;
pub const SASL_SSF_EXTERNAL: c_int = 100;
pub const SASL_SEC_PROPS: c_int = 101;
pub const SASL_AUTH_EXTERNAL: c_int = 102;

pub const SASL_NOLOG: c_uint = 1;
pub const SASL_VRFY_PLUGIN: c_int = 0;

/// An opaque sasl_conn_t.
#[repr(C)]
pub struct RawConn {
    _private: [u8; 0],
}

/// sasl_callback_t; `proc` is a function whose type depends on `id`, or null.
#[repr(C)]
#[derive(Debug)]
pub struct Callback {
    pub id: c_ulong,
    pub proc: *const c_void,
    pub context: *mut c_void,
}

/// sasl_security_properties_t.
#[repr(C)]
pub struct SecProps {
    pub min_ssf: c_uint,
    pub max_ssf: c_uint,
    pub maxbufsize: c_uint,
    pub security_flags: c_uint,
    pub property_names: *const *const c_char,
    pub property_values: *const *const c_char,
}

unsafe extern "C" {
    pub fn sasl_server_init(callbacks: *const Callback, appname: *const c_char) -> c_int;
    pub fn sasl_server_done() -> c_int;
    pub fn sasl_client_init(callbacks: *const Callback) -> c_int;
    pub fn sasl_client_done() -> c_int;
    pub fn sasl_server_new(
        service: *const c_char,
        fqdn: *const c_char,
        realm: *const c_char,
        local: *const c_char,
        remote: *const c_char,
        callbacks: *const Callback,
        flags: c_uint,
        conn: *mut *mut RawConn,
    ) -> c_int;
    pub fn sasl_client_new(
        service: *const c_char,
        fqdn: *const c_char,
        local: *const c_char,
        remote: *const c_char,
        callbacks: *const Callback,
        flags: c_uint,
        conn: *mut *mut RawConn,
    ) -> c_int;
    pub fn sasl_dispose(conn: *mut *mut RawConn);
    pub fn sasl_server_start(
        conn: *mut RawConn,
        mech: *const c_char,
        input: *const c_char,
        input_len: c_uint,
        output: *mut *const c_char,
        output_len: *mut c_uint,
    ) -> c_int;
    pub fn sasl_server_step(
        conn: *mut RawConn,
        input: *const c_char,
        input_len: c_uint,
        output: *mut *const c_char,
        output_len: *mut c_uint,
    ) -> c_int;
    pub fn sasl_client_start(
        conn: *mut RawConn,
        mechlist: *const c_char,
        prompt: *mut *mut c_void,
        output: *mut *const c_char,
        output_len: *mut c_uint,
        mech: *mut *const c_char,
    ) -> c_int;
    pub fn sasl_client_step(
        conn: *mut RawConn,
        input: *const c_char,
        input_len: c_uint,
        prompt: *mut *mut c_void,
        output: *mut *const c_char,
        output_len: *mut c_uint,
    ) -> c_int;
    pub fn sasl_checkpass(
        conn: *mut RawConn,
        user: *const c_char,
        user_len: c_uint,
        pass: *const c_char,
        pass_len: c_uint,
    ) -> c_int;
    pub fn sasl_checkapop(
        conn: *mut RawConn,
        challenge: *const c_char,
        challenge_len: c_uint,
        response: *const c_char,
        response_len: c_uint,
    ) -> c_int;
    pub fn sasl_listmech(
        conn: *mut RawConn,
        user: *const c_char,
        prefix: *const c_char,
        sep: *const c_char,
        suffix: *const c_char,
        result: *mut *const c_char,
        len: *mut c_uint,
        count: *mut c_int,
    ) -> c_int;
    pub fn sasl_getprop(conn: *mut RawConn, prop: c_int, value: *mut *const c_void) -> c_int;
    pub fn sasl_setprop(conn: *mut RawConn, prop: c_int, value: *const c_void) -> c_int;
    pub fn sasl_errstring(
        code: c_int,
        languages: *const c_char,
        language: *mut *const c_char,
    ) -> *const c_char;
    pub fn sasl_errdetail(conn: *mut RawConn) -> *const c_char;
    pub fn sasl_seterror(conn: *mut RawConn, flags: c_uint, format: *const c_char, ...);
    pub fn sasl_encode(
        conn: *mut RawConn,
        input: *const c_char,
        input_len: c_uint,
        output: *mut *const c_char,
        output_len: *mut c_uint,
    ) -> c_int;
    pub fn sasl_decode(
        conn: *mut RawConn,
        input: *const c_char,
        input_len: c_uint,
        output: *mut *const c_char,
        output_len: *mut c_uint,
    ) -> c_int;
}
