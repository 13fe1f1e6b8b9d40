//! The timsieved program; see the library.
fn main() {
    std::process::exit(cyrus_timsieved::main());
}
