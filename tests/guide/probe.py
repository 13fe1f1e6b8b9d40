"""What run.sh asks of the network: probe.py WHAT ARGUMENTS. Everything is on 127.0.0.1."""
import imaplib
import os
import smtplib
import socket
import sys


def log(path, out):
    """The syslog daemon of the private /dev/log: datagrams at `path` become lines of the file `out`."""
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
    """Whether somebody listens."""
    socket.create_connection(("127.0.0.1", int(port)), 5).close()


def telnet(port):
    """The guide's SMTP dialogue, line by line."""
    sock = socket.create_connection(("127.0.0.1", int(port)), 30)
    file = sock.makefile("rwb")

    def answer(want):
        while True:
            line = file.readline().decode("latin-1").rstrip()
            if line[3:4] != "-":
                break
        if not line.startswith(want):
            sys.exit(f"SMTP: wanted {want}, got {line!r}")
        return line

    answer("220")
    for line, want in [("EHLO localhost", "250"), ("MAIL FROM:<hello@localhost>", "250"),
                       ("RCPT TO:<example@localhost>", "250"), ("DATA", "354"), ("Hello world!\r\n.", "250"), ("QUIT", "221")]:
        file.write(line.encode() + b"\r\n")
        file.flush()
        said = answer(want)
        if want == "250" and line.startswith("Hello"):
            print("guide: smtp:", said)


def send(port, sender, to, subject, size):
    """A message with a body of about `size` bytes."""
    body = ("x" * 70 + "\r\n") * (int(size) // 72 + 1)
    with smtplib.SMTP("127.0.0.1", int(port), timeout=30) as server:
        server.sendmail(sender, [to], f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\n{body}")


def read(port, user, password, box, want, *texts):
    """Reads all of `box` with imaplib: `want` messages, each text in one of them."""
    with imaplib.IMAP4("127.0.0.1", int(port), timeout=30) as imap:
        imap.login(user, password)
        kind, data = imap.select(box, readonly=True)
        if kind != "OK" or data[0] != want.encode():
            sys.exit(f"SELECT {box}: {kind} {data}, wanted {want}")
        found = imap.fetch("1:*", "(UID BODY.PEEK[])")[1]
        mails = [part[1] for part in found if isinstance(part, tuple)]
        for text in texts:
            if not any(text.encode() in mail for mail in mails):
                sys.exit(f"{box}: no message with {text!r} among {len(mails)}")
        print(f"guide: imaplib: {user} {box}: {kind} {data}, with {', '.join(texts)}")


def refused(port, user, password):
    """This password does not let the user in."""
    with imaplib.IMAP4("127.0.0.1", int(port), timeout=30) as imap:
        try:
            imap.login(user, password)
        except imaplib.IMAP4.error as error:
            print("guide: refused:", user, error)
            return
    sys.exit(f"{user} got in")


PROBES = {f.__name__: f for f in (log, free, up, telnet, send, read, refused)}
PROBES[sys.argv[1]](*sys.argv[2:])
