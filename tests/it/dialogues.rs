//! Every dialogue of `tests/data/dialogues`, on the oracle, on ours, and on both at once.

use cyrus_tests::case;
use cyrus_tests::dialogue::{Make, check};
use cyrus_tests::known::Need;

macro_rules! dialogues {
    ($($name:ident)*) => {
        /// Names of the dialogues that are run.
        pub const NAMES: &[&str] = &[$(stringify!($name)),*];

        $(mod $name {
            use super::*;

            #[test]
            fn oracle_answers_as_recorded() {
                case(concat!("dialogue::", stringify!($name), "::oracle"), &[Need::Oracle], || {
                    check(stringify!($name), Make::Oracle);
                });
            }

            #[test]
            fn ours_answers_as_the_oracle_did() {
                case(concat!("dialogue::", stringify!($name), "::ours"), &[], || {
                    check(stringify!($name), Make::Ours);
                });
            }

            #[test]
            fn both_on_the_same_mailboxes_answer_alike() {
                case(concat!("dialogue::", stringify!($name), "::mixed"), &[Need::Oracle], || {
                    check(stringify!($name), Make::Mixed);
                });
            }
        })*
    };
}

dialogues! {
    login
}
