"""What run.sh asks of the network: probe.py WHAT ARGUMENTS. Everything is on 127.0.0.1."""
import imaplib
import os
import re
import smtplib
import socket
import sys
import time


def log(path, out):
    """The syslog daemon of a private /dev/log: datagrams at `path` become lines of the file `out`."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(path)
    os.chmod(path, 0o666)
    with open(out, "ab", buffering=0) as file:
        while True:
            file.write(sock.recv(65536).rstrip(b"\n\0") + b"\n")


def free(count):
    """Free ports, all held until all are known."""
    socks = [socket.socket() for _ in range(int(count))]
    for sock in socks:
        sock.bind(("127.0.0.1", 0))
    print(*(sock.getsockname()[1] for sock in socks))


def up(port):
    """Whether somebody listens and greets."""
    with socket.create_connection(("127.0.0.1", int(port)), 5) as sock:
        sock.recv(1)


def admin(port, *commands):
    """IMAP commands of the administrator; each must end in OK."""
    with imaplib.IMAP4("127.0.0.1", int(port), timeout=30) as imap:
        imap.login("admin", "x")
        for command in commands:
            verb, rest = command.split(" ", 1)
            imaplib.Commands[verb] = ("AUTH", "SELECTED")
            kind, data = imap._simple_command(verb, rest)
            if kind != "OK":
                sys.exit(f"{command}: {kind} {data}")


def smap(path, key, want):
    """The answer of smmapd to one question."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(path)
        text = f"cyrus {key}".encode()
        sock.sendall(b"%d:%s," % (len(text), text))
        said = sock.recv(4096).decode("latin-1").split(":", 1)[-1]
    print(f"mta: smmapd: {key}: {said}")
    if not said.startswith(want):
        sys.exit(f"smmapd: {key}: wanted {want}, got {said!r}")


def rcpt(port, want, *recipients):
    """Each recipient is answered in the SMTP dialogue as `want` (a regular expression) says; no message is sent."""
    with smtplib.SMTP("127.0.0.1", int(port), timeout=60) as server:
        server.ehlo("client.test")
        for recipient in recipients:
            server.docmd("MAIL", "FROM:<sender@elsewhere.test>")
            code, text = server.docmd("RCPT", f"TO:<{recipient}>")
            said = f"{code} {text.decode('latin-1')}"
            print(f"mta: RCPT {recipient}: {said[:160]}")
            if not re.match(want, said):
                sys.exit(f"RCPT {recipient}: wanted {want}, got {said}")
            server.rset()


def send(port, subject, size, *recipients):
    """A message to all recipients, each of which must be accepted."""
    body = ("x" * 70 + "\r\n") * (int(size) // 72 + 1)
    text = f"From: sender@elsewhere.test\r\nTo: undisclosed\r\nSubject: {subject}\r\n\r\n{body}"
    with smtplib.SMTP("127.0.0.1", int(port), timeout=60) as server:
        refused = server.sendmail("sender@elsewhere.test", list(recipients), text)
    if refused:
        sys.exit(f"refused: {refused}")


def count(port, user, box, subject, want):
    """Waits until `box` has `want` messages with this subject."""
    deadline = time.monotonic() + 30
    while True:
        found = 0
        with imaplib.IMAP4("127.0.0.1", int(port), timeout=30) as imap:
            imap.login(user, "x")
            if imap.select(box, readonly=True)[0] != "OK":
                sys.exit(f"{user} cannot select {box}")
            found = len(imap.search(None, "HEADER", "SUBJECT", f'"{subject}"')[1][0].split())
        if found == int(want):
            print(f"mta: {user}, {box}: {found} x {subject}")
            return
        if time.monotonic() > deadline:
            sys.exit(f"{user}, {box}: {found} messages with subject {subject}, wanted {want}")
        time.sleep(0.2)


PROBES = {f.__name__: f for f in (log, free, up, admin, smap, rcpt, send, count)}
PROBES[sys.argv[1]](*sys.argv[2:])
