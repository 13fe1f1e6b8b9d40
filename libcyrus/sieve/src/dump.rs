//! The disassembler: a bytecode file as `sieved` prints it.
