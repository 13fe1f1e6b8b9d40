//! The imapd program; see the library.
fn main() {
    std::process::exit(cyrus_imapd::main());
}
