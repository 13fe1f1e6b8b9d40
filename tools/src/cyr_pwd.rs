//! cyr_pwd: the mailbox whose directory this is.

use crate::context::Context;
use crate::{Call, io, mbpath};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::{EX_MINUS_ONE, EX_OK};
use libcyrus::base::start::Need;
use std::path::Path;

const USAGE: &str = "usage: cyr_pwd [-C <alt_config>]\n\n";

/// Runs the tool: `cyr_pwd [-C config]`.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:", long: &[] };
    let args = match Args::parse(&call.prog, &call.args, &spec) {
        Ok(args) => args,
        Err(complaint) => return io::usage(&complaint, USAGE, EX_MINUS_ONE),
    };
    let context = match Context::open(args.value('C').map(Path::new), "cyr_pwd", Need::Nothing) {
        Ok(context) => context,
        Err(fatal) => return fatal.report(),
    };
    match mbpath::by_path(&context.catalog, b".") {
        Ok(name) => io::print(&[context.external(&name).as_slice(), b"\n"].concat()),
        Err(_) => io::complain(b"ERROR: not in Cyrus UUID mailbox directory\n"),
    }
    EX_OK
}
