//! Links libsasl2, the one C library the servers need: its plugins are chosen by the administrator.
fn main() {
    println!("cargo:rustc-link-lib=dylib=sasl2");
}
