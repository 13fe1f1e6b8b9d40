//! The Sieve language: parser, checker, compiler to bytecode, verifier, evaluator.
#![forbid(unsafe_code)]
