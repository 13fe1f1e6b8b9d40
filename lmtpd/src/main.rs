//! The lmtpd program; see the library.
fn main() {
    std::process::exit(cyrus_lmtpd::main());
}
