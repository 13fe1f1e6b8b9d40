//! The tree to the bytes of a `.bc` file. C: bc_generate.c, bc_emit.c

use super::ast::{Branch, Command, Script, TestNode, Value};
use crate::code::{MAGIC, Op, REQUIRES_VARIABLES, VERSION};

/// Writes the bytecode of a script.
pub(super) fn emit(script: &Script) -> Vec<u8> {
    let mut out = Out { bytes: MAGIC.to_vec() };
    out.word(VERSION as i32);
    out.word(if script.variables { REQUIRES_VARIABLES as i32 } else { 0 });
    out.commands(&script.commands);
    out.bytes
}

struct Out {
    bytes: Vec<u8>,
}

/// A word to be filled in later.
#[must_use]
struct Hole(usize);

impl Out {
    fn word(&mut self, word: i32) {
        self.bytes.extend_from_slice(&word.to_be_bytes());
    }

    fn hole(&mut self) -> Hole {
        let at = self.bytes.len();
        self.word(0);
        Hole(at)
    }

    fn fill(&mut self, hole: &Hole, value: usize) {
        let word = u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes();
        for (to, from) in self.bytes.iter_mut().skip(hole.0).zip(word) {
            *to = from;
        }
    }

    /// Fills with the byte offset of what comes next.
    fn end_list(&mut self, hole: &Hole) {
        self.fill(hole, self.bytes.len());
    }

    /// Fills with the word index of what comes next.
    fn land(&mut self, hole: &Hole) {
        self.fill(hole, self.bytes.len() / 4);
    }

    fn text(&mut self, text: &[u8]) {
        self.word(i32::try_from(text.len()).unwrap_or(i32::MAX));
        self.bytes.extend_from_slice(text);
        let padding = 4 - text.len() % 4;
        self.bytes.extend(std::iter::repeat_n(0, padding));
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Int(word) => self.word(*word),
            Value::Text(None) => self.word(-1),
            Value::Text(Some(text)) => self.text(text),
            Value::Texts(texts) => {
                self.word(texts.len() as i32);
                let end = self.hole();
                texts.iter().for_each(|text| self.text(text));
                self.end_list(&end);
            }
            Value::Ints(words) => {
                self.word(words.len() as i32);
                let end = self.hole();
                words.iter().for_each(|word| self.word(*word));
                self.end_list(&end);
            }
        }
    }

    fn test(&mut self, test: &TestNode) {
        self.word(test.kind.word());
        test.args.iter().for_each(|value| self.value(value));
        match (test.kind, &*test.inner) {
            (crate::code::Test::Not, inner) => inner.iter().for_each(|test| self.test(test)),
            (_, []) => {}
            (_, inner) => {
                self.word(inner.len() as i32);
                let end = self.hole();
                inner.iter().for_each(|test| self.test(test));
                self.end_list(&end);
            }
        }
    }

    /// A block; an empty one is a `Null`.
    fn commands(&mut self, commands: &[Command]) {
        if commands.is_empty() {
            self.word(Op::Null.word());
        }
        for command in commands {
            match command {
                Command::Simple(op, args) => {
                    self.word(op.word());
                    args.iter().for_each(|value| self.value(value));
                }
                Command::If(branches, otherwise) => self.branches(branches, otherwise),
            }
        }
    }

    /// An `if`; what follows it with `elsif` or `else` is its else part.
    fn branches(&mut self, branches: &[Branch], otherwise: &[Command]) {
        let mut ends = Vec::new();
        for (i, Branch { test, then }) in branches.iter().enumerate() {
            self.word(Op::If.word());
            let test_end = self.hole();
            self.test(test);
            self.land(&test_end);
            self.word(Op::Jump.word());
            let when_false = self.hole();
            self.commands(then);
            if i + 1 < branches.len() || !otherwise.is_empty() {
                self.word(Op::Jump.word());
                ends.push(self.hole());
            }
            self.land(&when_false);
        }
        if !otherwise.is_empty() {
            self.commands(otherwise);
        }
        ends.iter().for_each(|end| self.land(end));
    }
}
