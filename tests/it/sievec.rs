//! The Sieve compiler and disassembler beside the oracle's: every script of the collection, byte for byte.
//!
//! Of each script the oracle's sievec makes bytecode or errors; ours must be equal. The bytecode goes through the
//! oracle's sieved, as a listing and as a script; ours must print the same. Each exception is named with its reason,
//! and one that has become equal is an error.

use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use cyrus_tests::known::Need;
use cyrus_tests::{case, place, sieve_scripts};
use libcyrus::base::config::{Config, Opt};
use libcyrus::sieve::{CompileSettings, UNBUILT, compile, dump};

/// Scripts for which sievec differs on purpose.
const SIEVEC_DIFFERS: &[(&str, &str)] = &[
    (
        "actions/redirect-need-list",
        "C's sievec has no validator of lists at hand and dies: `Fatal error: stub function called`",
    ),
    ("filtering/extlists redirect", "the same"),
    ("filtering/extlists redirect full", "the same"),
    ("regex/pattern-40", "PCRE2 tells the beginning of a lookbehind of variable length, PCRE a place within"),
    ("regex/pattern-54", "\\8 without group 8 is a digit for PCRE and an error for PCRE2"),
    ("regex/pattern-56", "(?R) that could recurse for ever is an error for PCRE only"),
];

/// Scripts with the `error` action: C's reader does not know of its string and takes the bytes for commands.
const SIEVED_DIFFERS: &[&str] = &[
    "filtering/error",
    "ihave/after",
    "ihave/allof",
    "ihave/allof-second",
    "ihave/anyof",
    "ihave/anyof-both",
    "ihave/anyof-second-error",
    "ihave/block-garbage-ignored",
    "ihave/else",
    "ihave/else-error",
    "ihave/elsif",
    "ihave/error-action",
    "ihave/list",
    "ihave/nested",
    "ihave/top-garbage-ignored",
    "ihave/unknown-command",
    "ihave/unknown-commands",
    "messages/error",
    "messages/error-block",
];

/// A temporary directory with an imapd.conf.
struct Room {
    dir: tempfile::TempDir,
}

impl Room {
    fn new() -> Room {
        let dir = tempfile::tempdir().expect("a directory");
        let room = Room { dir };
        room.configure("");
        room
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn configure(&self, more: &str) {
        let dir = self.dir.path().display();
        let text = format!(
            "configdirectory: {dir}/conf\ndefaultpartition: default\npartition-default: {dir}/p\n{more}"
        );
        std::fs::write(self.path("imapd.conf"), text).expect("imapd.conf");
    }

    /// The settings of the configuration, with what our programs refuse until they can run it: its
    /// bytecode is to be equal too.
    fn settings(&self) -> Option<CompileSettings> {
        let config = Config::load(Some(&self.path("imapd.conf")), "").expect("imapd.conf");
        let mut settings = CompileSettings::from_config(&config).ok()?;
        for (capability, word) in UNBUILT.into_iter().zip(["vnd.cyrus.jmapquery", "snooze", "vnd.cyrus.imip"])
        {
            if config.has_bit(Opt::SieveExtensions, word) {
                settings.active.insert(capability);
            }
        }
        Some(settings)
    }
}

/// One of the oracle's programs, ready to run: without the shell of its wrapper, for there are thousands of calls.
fn oracle(program: &str) -> Command {
    let root = oracle_root();
    let mut command = Command::new(root.join("usr/lib/cyrus/bin").join(program));
    let dirs = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib"].map(|dir| root.join(dir));
    command.env("LD_LIBRARY_PATH", std::env::join_paths(dirs).expect("paths"));
    command
}

fn oracle_root() -> PathBuf {
    place::oracle().expect("the oracle").join("root")
}

/// What sievec leaves: the exit code, standard error, and the bytecode if there is one.
type Compiled = (Option<i32>, Vec<u8>, Option<Vec<u8>>);

fn oracle_compiles(room: &Room, script: &[u8]) -> Compiled {
    let (source, target) = (room.path("script"), room.path("bc"));
    let _ = std::fs::remove_file(&target);
    std::fs::write(&source, script).expect("script");
    let mut command = oracle("sievec");
    command.arg("-C").arg(room.path("imapd.conf")).args([&source, &target]);
    let output = command.output().expect("sievec");
    (output.status.code(), output.stderr, std::fs::read(&target).ok())
}

fn ours_compiles(settings: Option<&CompileSettings>, script: &[u8]) -> Compiled {
    let Some(settings) = settings else { return (Some(1), b"Unable to parse script.\n".to_vec(), None) };
    match compile(script, settings) {
        Ok(bytecode) => (Some(0), Vec::new(), Some(bytecode.0)),
        Err(errors) => {
            let mut text = b"Unable to parse script: script errors:\r\n".to_vec();
            text.extend(libcyrus::sieve::compile::error_text(&errors));
            text.push(b'\n');
            (Some(1), text, None)
        }
    }
}

fn shown(compiled: &Compiled) -> String {
    let (code, stderr, bytecode) = compiled;
    let bytecode =
        bytecode.as_ref().map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    format!("{code:?} {:?} {bytecode:?}", String::from_utf8_lossy(stderr))
}

fn none(what: &str, wrong: &[String], count: usize) {
    let first = wrong.iter().take(10).map(String::as_str).collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {count} {what}:\n{first}", wrong.len());
}

#[test]
fn every_script_becomes_the_same_bytecode_or_the_same_errors() {
    case("ours::sievec::scripts", &[Need::Oracle], || {
        let room = Room::new();
        let (mut wrong, mut settings) = (Vec::new(), HashMap::new());
        let cases = sieve_scripts::cases();
        let mut current = None;
        for case in &cases {
            if current != Some(&case.settings) {
                room.configure(&case.settings);
                current = Some(&case.settings);
            }
            let ours = settings.entry(&case.settings).or_insert_with(|| room.settings());
            let ours = ours_compiles(ours.as_ref(), &case.script);
            let theirs = oracle_compiles(&room, &case.script);
            let excused = SIEVEC_DIFFERS.iter().any(|(name, _)| *name == case.name);
            if (ours == theirs) == excused {
                wrong.push(format!("{}:\n  oracle {}\n  ours   {}", case.name, shown(&theirs), shown(&ours)));
            }
        }
        assert!(cases.len() >= 1000, "only {} scripts", cases.len());
        none("scripts compile otherwise (or no longer do, although named)", &wrong, cases.len());
    });
}

#[test]
fn every_bytecode_is_listed_as_the_oracle_lists_it() {
    case("ours::sieved::scripts", &[Need::Oracle], || {
        let room = Room::new();
        let file = room.path("bc");
        let (mut wrong, mut count, mut settings) = (Vec::new(), 0, HashMap::new());
        for case in sieve_scripts::cases() {
            let settings = settings.entry(case.settings.clone()).or_insert_with(|| {
                room.configure(&case.settings);
                room.settings()
            });
            let (_, _, Some(bytecode)) = ours_compiles(settings.as_ref(), &case.script) else { continue };
            std::fs::write(&file, &bytecode).expect("bytecode");
            let excused = SIEVED_DIFFERS.contains(&case.name.as_str());
            let listing = (&[][..], dump::listing(&bytecode));
            let source = (&["-s"][..], dump::source(&bytecode));
            for (options, ours) in [listing, source] {
                count += 1;
                let theirs = oracle("sieved").args(options).arg(&file).output().expect("sieved");
                let same = theirs.status.code() == Some(ours.code)
                    && theirs.stdout == ours.text
                    && theirs.stderr == ours.complaint;
                if same == excused {
                    wrong.push(format!(
                        "{} {options:?}:\n  oracle {:?} {:?} {}\n  ours   {} {}",
                        case.name,
                        theirs.status.code(),
                        theirs.status.signal(),
                        String::from_utf8_lossy(&theirs.stdout),
                        ours.code,
                        String::from_utf8_lossy(&ours.text)
                    ));
                }
            }
        }
        assert!(count >= 1000, "only {count} listings");
        none("listings differ (or no longer do, although named)", &wrong, count);
    });
}

/// Output with the program's path reduced to its name.
fn told(output: &Output, program: &str) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let words = text.split_inclusive(' ').map(|word| {
            let bare = word.trim_end_matches([' ', ':']);
            let is_path = Path::new(bare).file_name().is_some_and(|name| name == program);
            if is_path { word.replace(bare, program) } else { word.to_owned() }
        });
        words.collect()
    };
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Runs one of our tools under its name.
fn our_tool(room: &Room, program: &str) -> Command {
    let link = room.path(program);
    let _ = std::os::unix::fs::symlink(place::ours().join(place::our_file(program)), &link);
    Command::new(link)
}

#[test]
fn sievec_and_sieved_take_their_arguments_as_the_oracle_does() {
    case("ours::sievec::arguments", &[Need::Oracle], || {
        let room = Room::new();
        for (name, text) in
            [("good", "keep;"), ("bad", "keep"), ("empty", ""), ("none", "no bytecode in here")]
        {
            std::fs::write(room.path(name), text).expect("file");
        }
        std::fs::create_dir(room.path("directory")).expect("directory");
        let calls: &[(&str, &[&str], &str)] = &[
            ("sievec", &[], ""),
            ("sievec", &["good"], ""),
            ("sievec", &["-x", "good", "out"], ""),
            ("sievec", &["-C"], ""),
            ("sievec", &["-C", "imapd.conf", "missing", "out"], ""),
            ("sievec", &["-C", "missing", "good", "out"], ""),
            ("sievec", &["-C", "missing", "missing", "out"], ""),
            ("sievec", &["-C", "imapd.conf", "good", "nowhere/out"], ""),
            ("sievec", &["-C", "imapd.conf", "bad", "out"], ""),
            ("sievec", &["-C", "imapd.conf", "good", "out"], ""),
            ("sievec", &["-C", "imapd.conf", "good", "out", "more"], ""),
            ("sievec", &["-C", "imapd.conf", "-", "out"], "discard;"),
            ("sievec", &["-C", "imapd.conf", "empty", "out"], ""),
            ("sievec", &["-C", "imapd.conf", "directory", "out"], ""),
            ("sieved", &[], ""),
            ("sieved", &["-x", "out"], ""),
            ("sieved", &["missing"], ""),
            ("sieved", &["-s", "missing"], ""),
            ("sieved", &["none"], ""),
            ("sieved", &["-s", "none"], ""),
            ("sieved", &["empty"], ""),
            ("sieved", &["-s", "empty"], ""),
        ];
        let mut wrong = Vec::new();
        for (program, args, input) in calls {
            let mut answers = Vec::new();
            for mut command in [oracle(program), our_tool(&room, program)] {
                let _ = std::fs::remove_file(room.path("out"));
                command.args(*args).current_dir(room.dir.path());
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
                let mut child = command.spawn().expect("a program");
                std::io::Write::write_all(&mut child.stdin.take().expect("pipe"), input.as_bytes())
                    .expect("input");
                let output = child.wait_with_output().expect("output");
                answers.push((told(&output, program), std::fs::read(room.path("out")).ok()));
            }
            if answers[0] != answers[1] {
                wrong.push(format!(
                    "{program} {args:?}:\n  oracle {:?}\n  ours   {:?}",
                    answers[0], answers[1]
                ));
            }
        }
        none("calls differ", &wrong, calls.len());
    });
}

/// Scripts that ask for what cannot run here yet are refused by name, though the oracle compiles them.
#[test]
fn what_cannot_run_yet_is_refused_by_name() {
    case("ours::sievec::unbuilt", &[Need::Oracle], || {
        let room = Room::new();
        for (name, script) in [
            ("vnd.cyrus.jmapquery", "if jmapquery text:\n{}\n.\n { keep; }"),
            ("vnd.cyrus.snooze", "snooze \"07:00:00\";"),
            ("vnd.cyrus.imip", "processimip;"),
        ] {
            let script = format!("require [\"{name}\"];\n{script}\n");
            assert_eq!(oracle_compiles(&room, script.as_bytes()).0, Some(0), "{name}");
            let (source, target) = (room.path("script"), room.path("bc"));
            let _ = std::fs::remove_file(&target);
            let mut command = our_tool(&room, "sievec");
            let output = command.arg("-C").arg(room.path("imapd.conf")).args([&source, &target]).output();
            let output = output.expect("sievec");
            let refusal = format!("line 1: Unsupported feature(s) in \"require\": \"{name}\"");
            assert_eq!(output.status.code(), Some(1), "{name}");
            assert!(String::from_utf8_lossy(&output.stderr).contains(&refusal), "{output:?}");
            assert!(!target.exists(), "{name}");
            // Whoever asks first is told that it is not there.
            let asking = format!("require \"ihave\"; if ihave \"{name}\" {{ stop; }} keep;");
            assert_eq!(ours_compiles(room.settings().as_ref(), asking.as_bytes()).0, Some(0), "{name}");
        }
    });
}

/// A tree of scripts as users have them.
fn plant(top: &Path) {
    let scripts: &[(&str, &str)] = &[
        ("a/ann/one.script", "require \"fileinto\";\nif true { fileinto \"INBOX.x.y\"; }\n"),
        (
            "a/ann/two.script",
            " fileinto \"user.bob.z\";\n fileinto \"INBOX\" ;\n\tfileinto  \"news.misc\"; # a.b\nfileinto \"a.b\";\n",
        ),
        ("a/ann/broken.script", "keep\n"),
        ("b/bob/three.script", "keep;\n"),
        ("b/bob/other.txt", " fileinto \"INBOX.x\";\n"),
    ];
    for (name, text) in scripts {
        let path = top.join(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("directory");
        std::fs::write(path, text).expect("script");
    }
    std::os::unix::fs::symlink("one.script", top.join("a/ann/default")).expect("link");
    std::os::unix::fs::symlink("three.bc", top.join("b/bob/default.bc")).expect("link");
}

/// Every file below a directory with what it holds; links with their target.
fn harvest(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).expect("directory").flatten() {
        let path = entry.path();
        if let Ok(target) = std::fs::read_link(&path) {
            all.push((path, target.into_os_string().into_encoded_bytes()));
        } else if path.is_dir() {
            all.extend(harvest(&path));
        } else {
            let bytes = std::fs::read(&path).expect("file");
            all.push((path, bytes));
        }
    }
    all.sort();
    all
}

#[test]
fn masssievec_and_translatesieve_do_what_the_perl_scripts_do() {
    case("ours::sievec::trees", &[Need::Oracle], || {
        let user = place::user();
        let upgrade = oracle_root().join("usr/lib/cyrus/upgrade");
        let calls: &[(&str, &[&str], &str)] = &[
            ("masssievec", &["SIEVEC", "imapd.conf"], ""),
            ("masssievec", &[], ""),
            ("masssievec", &["SIEVEC", "imapd.conf"], "sieveusehomedir: yes\n"),
            ("masssievec", &["imapd.conf", "imapd.conf"], ""),
            ("translatesieve", &["-v", "-C", "imapd.conf"], ""),
            ("translatesieve", &["-C", "imapd.conf"], "userprefix: Users\nsharedprefix: Shared\n"),
            ("translatesieve", &["-n", "-C", "imapd.conf"], ""),
            ("translatesieve", &["-v", "-a", "-C", "imapd.conf"], ""),
            ("translatesieve", &["-v", "-u", "-C", "imapd.conf"], ""),
            ("translatesieve", &["-v", "-u", "-a", "-C", "imapd.conf"], ""),
            ("translatesieve", &["-v", "-u", "-C", "imapd.conf"], "unixhierarchysep: no\n"),
            ("translatesieve", &["-a", "-u", "-C", "imapd.conf"], "altnamespace: 0\n"),
        ];
        let mut wrong = Vec::new();
        for (program, args, more) in calls {
            let mut answers = Vec::new();
            for is_ours in [false, true] {
                let room = Room::new();
                let sieve = room.path("sieve");
                plant(&sieve);
                room.configure(&format!("sievedir: {}\n{more}", sieve.display()));
                let script = upgrade.join(program);
                let _ = our_tool(&room, program);
                let tool = if is_ours { room.path(program) } else { script };
                let mut command = Command::new("setpriv");
                if place::is_root() {
                    let chown = Command::new("chown").args(["-R", &user]).arg(room.dir.path()).status();
                    assert!(chown.expect("chown").success());
                    command.args(["--reuid", &user, "--regid", &user, "--clear-groups"]);
                }
                command.arg("--").arg(tool).current_dir(room.dir.path());
                let sievec = place::oracle().expect("the oracle").join("bin/sievec");
                for arg in *args {
                    command.arg(if *arg == "SIEVEC" { sievec.as_os_str() } else { arg.as_ref() });
                }
                let output = command.output().expect("a program");
                let dir = room.dir.path().display().to_string();
                // Directories are read in any order.
                let mut lines: Vec<String> = String::from_utf8_lossy(&output.stdout)
                    .lines()
                    .map(|line| line.replace(&dir, "DIR"))
                    .collect();
                lines.sort();
                let files: Vec<_> = harvest(&sieve)
                    .into_iter()
                    .map(|(path, bytes)| {
                        (path.strip_prefix(&sieve).map(Path::to_path_buf).unwrap_or_default(), bytes)
                    })
                    .collect();
                answers.push((output.status.code(), lines, files));
            }
            if answers[0] != answers[1] {
                wrong.push(format!(
                    "{program} {args:?}:\n  oracle {:?}\n  ours   {:?}",
                    answers[0], answers[1]
                ));
            }
        }
        none("calls differ", &wrong, calls.len());
    });
}
