//! mkimap: makes the subdirectories of the configuration directory and the partitions.
//!
//! As the original it reads the file line by line without the option parser, so that a file which is not complete yet
//! can be used. Directories are made with mode 0755 under the umask; started by root they are given to the cyrus user,
//! which the original leaves to the administrator.

use crate::{Call, io};
use libcyrus::base::config::Config;
use libcyrus::base::start;
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};

/// Below the configuration directory.
const CONF_DIRS: [&str; 7] = ["proc", "db", "socket", "log", "msg", "ptclient", "sync"];
/// Below each partition.
const PARTITION_DIRS: [&str; 2] = ["stage.", "sync."];

/// Exit code of a perl program that dies without errno.
const DIED: i32 = 255;

/// What the files say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    configdirectory: Option<PathBuf>,
    partitions: Vec<PathBuf>,
}

/// Runs the tool: `mkimap [imapd.conf]`.
pub fn run(call: &Call) -> i32 {
    let first = call.args.first().cloned().unwrap_or_else(|| OsString::from("/etc/imapd.conf"));
    match make(&first) {
        Ok(()) => 0,
        Err((text, code)) => io::usage(&text, "", code),
    }
}

fn make(first: &OsStr) -> Result<(), (String, i32)> {
    let plan = read_plan(first)?;
    let name = first.to_string_lossy();
    let Some(directory) = &plan.configdirectory else {
        return Err((format!("'configdirectory:' in {name} is missing"), DIED));
    };
    if plan.partitions.is_empty() {
        return Err((format!("No partition defined in {name}"), DIED));
    }
    let owner = owner(Path::new(first));
    io::print(format!("configuring {}...\n", directory.display()).as_bytes());
    if !directory.is_dir() {
        return Err((format!("couldn't change to {}", directory.display()), 2));
    }
    for sub in CONF_DIRS {
        make_dir(&directory.join(sub), owner);
    }
    for partition in &plan.partitions {
        // A relative partition is one below the configuration directory, where the original stands by now.
        let partition = directory.join(partition);
        io::print(format!("creating {}...\n", partition.display()).as_bytes());
        make_dir(&partition, owner);
        if !partition.is_dir() {
            return Err((format!("couldn't change to partition {}", partition.display()), 2));
        }
        for sub in PARTITION_DIRS {
            make_dir(&partition.join(sub), owner);
        }
    }
    io::print(b"done\n");
    Ok(())
}

/// Reads the first file and those it includes, each once.
fn read_plan(first: &OsStr) -> Result<Plan, (String, i32)> {
    let mut plan = Plan::default();
    let mut files = vec![first.to_owned()];
    let mut at = 0;
    while let Some(file) = files.get(at).cloned() {
        at += 1;
        let name = file.to_string_lossy();
        let content = std::fs::read(&file)
            .map_err(|error| (format!("can't open {name}"), error.raw_os_error().unwrap_or(DIED)))?;
        io::print(format!("reading configure file {name}...\n").as_bytes());
        for line in content.split(|&b| b == b'\n') {
            plan.take_line(line, &mut files);
        }
        io::print(b"done\n");
    }
    Ok(plan)
}

impl Plan {
    fn take_line(&mut self, line: &[u8], files: &mut Vec<OsString>) {
        if line.starts_with(b"#") {
            return;
        }
        let value_of = |key: &[u8]| Some(line.strip_prefix(key)?.trim_ascii());
        if let Some(file) = value_of(b"@include:") {
            io::print(&[b"I will include configure file ", file, b".\n"].concat());
            let file = OsStr::from_bytes(file).to_owned();
            if !files.contains(&file) {
                files.push(file);
            }
        }
        if let Some(directory) = value_of(b"configdirectory:") {
            io::print(&[b"I will configure directory ", directory, b".\n"].concat());
            self.configdirectory = Some(OsStr::from_bytes(directory).into());
        }
        let partition =
            ["partition-", "metapartition-"].iter().find_map(|key| line.strip_prefix(key.as_bytes()));
        let value =
            partition.and_then(|rest| rest.iter().position(|&b| b == b':').and_then(|at| rest.get(at + 1..)));
        if let Some(value) = value {
            let path = PathBuf::from(OsStr::from_bytes(value.trim_ascii()));
            if !self.partitions.contains(&path) {
                io::print(format!("I saw partition {}.\n", path.display()).as_bytes());
                self.partitions.push(path);
            }
        }
    }
}

/// User and group that get what is made here; none unless root runs this and the configuration can be read.
fn owner(file: &Path) -> Option<(u32, u32)> {
    if !start::is_root() {
        return None;
    }
    let config = Config::load(Some(file), "mkimap").ok()?;
    let (_, uid, gid) = start::cyrus_ids(&config).ok()?;
    Some((uid, gid))
}

fn make_dir(path: &Path, owner: Option<(u32, u32)>) {
    match std::fs::DirBuilder::new().mode(0o755).create(path) {
        Ok(()) => {
            if let Some((uid, gid)) = owner
                && let Err(error) = chown(path, Some(uid), Some(gid))
            {
                io::usage(&format!("can't give {} to the cyrus user: {error}", path.display()), "", 0);
            }
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => {
            io::usage(&format!("can't create {}: {error}", path.display()), "", 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_of_a_new_server_are_made_and_a_second_run_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("conf")).unwrap();
        let text = format!(
            "# configdirectory: /nowhere\nconfigdirectory: {0}/conf\npartition-default: {0}/spool\n\
             metapartition-default: {0}/meta\npartition-b: {0}/spool\n@include: {0}/more.conf\n",
            dir.path().display()
        );
        std::fs::write(at("imapd.conf"), text).unwrap();
        std::fs::write(at("more.conf"), format!("partition-c: {}/c\n", dir.path().display())).unwrap();
        for _ in 0..2 {
            make(at("imapd.conf").as_os_str()).unwrap();
        }
        for sub in CONF_DIRS {
            assert!(at("conf").join(sub).is_dir(), "{sub}");
        }
        for sub in ["spool/stage.", "spool/sync.", "meta/stage.", "c/sync."] {
            assert!(at(sub).is_dir(), "{sub}");
        }
        assert!(!at("conf/spool").exists());
    }

    #[test]
    fn a_file_without_configdirectory_or_partition_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("imapd.conf");
        std::fs::write(&file, "admins: cyrus\n").unwrap();
        let (text, code) = make(file.as_os_str()).unwrap_err();
        assert!(text.starts_with("'configdirectory:' in ") && code == 255);
        std::fs::write(&file, "configdirectory: /tmp\n").unwrap();
        let (text, _) = make(file.as_os_str()).unwrap_err();
        assert!(text.starts_with("No partition defined in "), "{text}");
        assert_eq!(make(OsStr::new("/nonexistent")).unwrap_err().1, 2);
    }
}
