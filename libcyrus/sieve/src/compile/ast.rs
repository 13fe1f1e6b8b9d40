//! A parsed script: commands and tests with their arguments in the order of the bytecode.

use crate::code::{Op, Test};

/// A list of strings.
pub(super) type Texts = Vec<Vec<u8>>;

/// One argument of a command or test.
#[derive(Debug)]
pub(super) enum Value {
    /// One word.
    Int(i32),
    /// A string; `None` is nil.
    Text(Option<Vec<u8>>),
    /// A list of strings.
    Texts(Texts),
    /// A list of words.
    Ints(Vec<i32>),
}

/// One test.
#[derive(Debug)]
pub(super) struct TestNode {
    pub(super) kind: Test,
    pub(super) args: Vec<Value>,
    /// Tests of `not`, `anyof`, `allof`.
    pub(super) inner: Vec<TestNode>,
    /// Not 0: an `ihave` in it made the following errors be ignored, at this depth. C: test.ignore_err
    pub(super) ignored: i32,
}

/// One `if` or `elsif` with its block.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) test: TestNode,
    pub(super) then: Vec<Command>,
}

/// One command.
#[derive(Debug)]
pub(super) enum Command {
    /// Anything but `if`.
    Simple(Op, Vec<Value>),
    /// `if`, its `elsif`s, and the commands of `else`.
    If(Vec<Branch>, Vec<Command>),
}

/// A whole script.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) commands: Vec<Command>,
    /// `variables` is in force: strings are to be expanded at run time.
    pub(super) variables: bool,
}

impl TestNode {
    /// A test with its arguments.
    pub(super) fn new(kind: Test, args: Vec<Value>) -> TestNode {
        TestNode { kind, args, inner: Vec::new(), ignored: 0 }
    }
}
