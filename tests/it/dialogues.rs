//! Every dialogue of `tests/data/dialogues`, on the oracle, on ours, and on both at once.

use cyrus_tests::case;
use cyrus_tests::dialogue::{Make, check, load};
use cyrus_tests::known::Need;

macro_rules! dialogues {
    ($($name:ident)*) => {
        /// Names of the dialogues that are run.
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];

        $(mod $name {
            use super::*;

            #[test]
            fn oracle_answers_as_recorded() {
                case(concat!("oracle::dialogue::", stringify!($name)), &[Need::Oracle], || {
                    check(stringify!($name), Make::Oracle);
                });
            }

            #[test]
            fn ours_answers_as_the_oracle_did() {
                case(concat!("ours::dialogue::", stringify!($name)), &[], || {
                    check(stringify!($name), Make::Ours);
                });
            }

            #[test]
            fn both_on_the_same_mailboxes_answer_alike() {
                case(concat!("mixed::dialogue::", stringify!($name)), &[Need::Oracle], || {
                    check(stringify!($name), Make::Mixed);
                });
            }
        })*
    };
}

dialogues! {
    acl annotate annotatemore append autocreate bodies boundaries catenate compress condstore copy create expunge expunged extras extremes fetch flags idle list_metadata lists lmtp login metadata move_ namespaces
    parser qresync quota rename search search_parts sort status subscribe urlauth usermoves vanished vanished_disconnect
}

#[test]
fn every_dialogue_file_is_run_and_there_are_enough_of_them() {
    let dir = cyrus_tests::place::root().join("tests/data/dialogues");
    let mut files: Vec<String> = std::fs::read_dir(&dir)
        .expect("tests/data/dialogues")
        .filter_map(|e| e.ok()?.path().file_stem()?.to_str().map(str::to_string))
        .collect();
    files.sort();
    let mut names: Vec<String> = NAMES.iter().map(ToString::to_string).collect();
    names.sort();
    assert_eq!(files, names);
    let commands: usize = files.iter().map(|n| load(&dir.join(format!("{n}.txt"))).commands()).sum();
    assert!(commands >= 250, "only {commands} commands");
}

#[test]
fn our_master_runs_the_oracles_daemons() {
    case("mixed::master", &[Need::Oracle], || {
        for name in ["idle", "lmtp", "status"] {
            check(name, Make::Master);
        }
    });
}
