#!/usr/bin/env python3
"""Writes seeds for the session targets, out of the dialogues in tests/data: seeds.py DIRECTORY.

Each file is an octet that chooses the beginning (see the target) and what a client says then."""
import pathlib
import re
import sys

DATA = pathlib.Path(__file__).parent.parent / "tests/data"


def escaped(text):
    """The octets of a line with \\r, \\n and \\xNN in it."""
    raw = re.sub(r"\\x([0-9a-fA-F]{2})|\\([rn])",
                 lambda m: chr(int(m[1], 16)) if m[1] else {"r": "\r", "n": "\n"}[m[2]], text)
    return raw.encode("utf-8", "replace")


def cases(file, begin):
    """The lines of each case of a file; a case begins with a line that begins so."""
    lines = []
    for line in file.read_text(errors="replace").splitlines():
        if line.startswith(begin):
            yield lines
            lines = []
        elif not line.startswith("#"):
            lines.append(line)
    yield lines


def pop3():
    for lines in cases(DATA / "pop3.txt", "@case"):
        yield b"".join(escaped(l.removeprefix("\\")) + b"\r\n" for l in lines if not l.startswith(("@", "!")))


def lmtp():
    for name in "lmtp.txt", "lmtp_cases.txt":
        for lines in cases(DATA / name, ("@case", "@new")):
            said = (b"." if l == ">>" else escaped(l) for l in lines if l == ">>" or not l.startswith(("@", "!")))
            yield b"\r\n".join(said) + b"\r\n"


def sieve():
    for file in sorted((DATA / "timsieved").glob("*.txt")):
        for lines in cases(file, "=="):
            yield b"".join(escaped(l.split(": ", 1)[1]) + b"\r\n" for l in lines if re.match(r"[A-Z]: ", l))


def socketmap():
    for file in sorted((DATA / "smmapd").glob("*.txt")):
        keys = [b"cyrus " + l.encode() for l in file.read_text().splitlines() if l and l[0] not in "#@" and ": " not in l]
        yield from (b"%d:%s," % (len(key), key) for key in keys)
        yield b"".join(b"%d:%s," % (len(key), key) for key in keys)


def main():
    for target, beginnings in (pop3, 5), (lmtp, 7), (sieve, 5), (socketmap, 3):
        directory = pathlib.Path(sys.argv[1]) / f"{target.__name__}_session"
        directory.mkdir(parents=True, exist_ok=True)
        for number, said in enumerate(said for said in target() if said.strip()):
            (directory / f"seed{number}").write_bytes(bytes([number % beginnings]) + said[:4000])


main()
