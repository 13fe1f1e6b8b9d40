//! installsieve, which C calls deprecated: one login, and what the options ask for.

use super::client::{Client, Login};
use super::options::{Options, Spec};
use super::shell::{Failed, LOST, activate, delete, get, list, put};
use super::{DIED, connect};
use crate::Call;
use crate::io::{complain, print};

const NOTE: &str = "NOTE: This program is deprecated. Please use sieveshell\n\n";

const HELP: &str = "\
Usage:
  installsieve [options] <server>

  -v <name>    view script
  -l           list available scripts
  -i <file>    filename of script to install
  -a <name>    Set <name> as the active script
  -d <name>    Delete <name> script from server
  -g <name>    Get script <name> and save to disk
  -u <user>    Userid/Authname to use

";

const SPECS: [Spec; 7] = [
    Spec { names: &["v", "views"], takes_value: true },
    Spec { names: &["l", "list"], takes_value: false },
    Spec { names: &["i", "installs"], takes_value: true },
    Spec { names: &["a", "activates"], takes_value: true },
    Spec { names: &["d", "deletes"], takes_value: true },
    Spec { names: &["g", "gets"], takes_value: true },
    Spec { names: &["u", "username"], takes_value: true },
];

/// Runs the program.
pub fn run(call: &Call) -> i32 {
    print(NOTE.as_bytes());
    let options = Options::parse(&SPECS, &call.args);
    let (true, [server]) = (options.complaints.is_empty(), options.words.as_slice()) else {
        complain(options.complaints.concat().as_bytes());
        print(HELP.as_bytes());
        return 0;
    };
    let user = options.value("u").unwrap_or_default().to_owned();
    let mut login = Login { username: user.clone(), authname: user, realm: String::new(), password: None };
    let Some(mut client) = connect(server, &mut login) else {
        complain(b"Unable to connect to server\n");
        return DIED;
    };
    match work(&mut client, &options) {
        Ok(()) => 0,
        Err((what, Failed::Said(text))) => {
            complain(&[what.as_bytes(), b"\n", &text].concat());
            1
        }
        Err((_, Failed::Lost)) => {
            print(LOST);
            2
        }
    }
}

fn work(client: &mut Client, options: &Options) -> Result<(), (&'static str, Failed)> {
    if let Some(file) = options.value("i") {
        put(client, file, file).map_err(|failed| ("upload failed", failed))?;
    }
    if let Some(name) = options.value("d") {
        delete(client, name).map_err(|failed| ("delete failed", failed))?;
    }
    if let Some(name) = options.value("a") {
        activate(client, name).map_err(|failed| ("activate failed", failed))?;
    }
    if let Some(name) = options.value("g") {
        let text = get(client, name).map_err(|failed| ("get failed", failed))?;
        std::fs::write(name, text)
            .map_err(|_| ("get failed", Failed::Said(format!("Unable to open {name}\n").into_bytes())))?;
    }
    if let Some(name) = options.value("v") {
        print(&get(client, name).map_err(|failed| ("get failed", failed))?);
    }
    if options.value("l").is_some() {
        list(client).map_err(|failed| ("List command failed", failed))?;
    }
    Ok(())
}
