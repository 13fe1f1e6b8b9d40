//! cvt_cyrusdb: copies a database into another format.

use crate::cyr_dbtool::{RELATIVE, fatal_backend};
use crate::{Call, io};
use libcyrus::base::args::{Args, Spec};
use libcyrus::base::exit::{EX_MINUS_ONE, EX_OK, EX_OSERR};
use libcyrus::base::start::{self, Need};
use libcyrus::db::{self, Kind, OpenFlags};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Runs the tool: `cvt_cyrusdb [-C config] OLD TYPE NEW TYPE`.
pub fn run(call: &Call) -> i32 {
    let spec = Spec { short: "C:", long: &[] };
    let (args, complaints) = Args::parse_lenient(&call.prog, &call.args, &spec);
    for complaint in complaints {
        io::usage(&complaint, "", 0);
    }
    let [old, old_type, new, new_type] = args.words.as_slice() else {
        let text = format!(
            "Usage: {} [-C altconfig] <old db> <old db backend> <new db> <new db backend>\n\
             Usable Backends:  : flat, skiplist, quotalegacy, sql, twoskip\n",
            call.prog.to_string_lossy()
        );
        return io::usage("", &text, EX_MINUS_ONE);
    };
    if !old.as_bytes().starts_with(b"/") || !new.as_bytes().starts_with(b"/") {
        io::print(RELATIVE);
        return EX_OSERR;
    }
    let config = match start::init(args.value('C').map(Path::new), "cvt_cyrusdb", Need::Nothing) {
        Ok(config) => config,
        Err(fatal) => return fatal.report(),
    };
    let mut line = b"Converting from ".to_vec();
    for part in [old.as_bytes(), b" (", old_type.as_bytes(), b") to ", new.as_bytes(), b" ("] {
        line.extend_from_slice(part);
    }
    line.extend_from_slice(new_type.as_bytes());
    line.extend_from_slice(b")\n");
    io::print(&line);
    let kinds = (Kind::from_name(&old_type.to_string_lossy()), Kind::from_name(&new_type.to_string_lossy()));
    let (old_kind, new_kind) = match kinds {
        (Some(old_kind), Some(new_kind)) => (old_kind, new_kind),
        (None, _) => return fatal_backend(old_type).report(),
        (_, None) => return fatal_backend(new_type).report(),
    };
    let flags = OpenFlags::from_config(&config);
    if let Err(error) = db::convert((Path::new(old), old_kind), (Path::new(new), new_kind), &flags) {
        libcyrus::base::log::write(
            libcyrus::base::log::Priority::Err,
            format_args!("DBERROR: converting {}: {error}", Path::new(old).display()),
        );
        let code = error.code();
        let text = format!("\nDBERROR: Conversion failed (r was {code}). Check syslog for details.\n");
        io::print(text.as_bytes());
    }
    // As the original: the text tells of the failure, the code does not.
    EX_OK
}
