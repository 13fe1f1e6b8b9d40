"""The client's side of the demonstration: create, deliver, read back. Arguments: IMAP port, LMTP port."""
import imaplib
import smtplib
import sys
import time

imap_port, lmtp_port = int(sys.argv[1]), int(sys.argv[2])


def connect():
    end = time.monotonic() + 15
    while True:
        try:
            return imaplib.IMAP4("127.0.0.1", imap_port, timeout=15)
        except OSError:
            if time.monotonic() > end:
                raise SystemExit("demo: nobody answers on port %d" % imap_port)
            time.sleep(0.1)


admin = connect()
print("IMAP greeting: ", admin.welcome.decode("ascii", "replace"))
admin.login("admin", "pw")
answer = admin.create("user/ann")
print("CREATE user/ann:", answer[0])
if answer[0] != "OK":
    raise SystemExit("demo: %r" % (answer,))
admin.logout()

message = (
    "From: Demo <demo@localhost>\r\nTo: ann@localhost\r\nSubject: It works\r\n"
    "Message-ID: <demo.%d@localhost>\r\n\r\nDelivered by LMTP, read by IMAP.\r\n" % time.time_ns()
)
with smtplib.LMTP("127.0.0.1", lmtp_port) as lmtp:
    refused = lmtp.sendmail("demo@localhost", ["ann"], message)
if refused:
    raise SystemExit("demo: LMTP refused: %r" % refused)
print("LMTP delivery:   accepted")

ann = connect()
ann.login("ann", "pw")
print("SELECT INBOX:   ", ann.select("INBOX"))
typ, data = ann.fetch("1", "(UID FLAGS RFC822.SIZE ENVELOPE BODY[TEXT])")
for part in data:
    for piece in part if isinstance(part, tuple) else (part,):
        print("   ", piece.decode("utf-8", "replace").rstrip())
if typ != "OK" or b"read by IMAP" not in data[0][1]:
    raise SystemExit("demo: the message did not come back: %r" % data)
ann.logout()
