#!/usr/bin/env python3
"""From exec to greeting: N starts of each make's daemons in turn, as a master would start them.

    greeting.py BINDIR [N]

BINDIR holds ours, ORACLE_BINDIR (environment; default /usr/lib/cyrus/bin) the C's. For imapd, lmtpd and pop3d of both:
the median, the least and the most milliseconds, and the median of the private memory that a greeted process has; once
where passwords in the clear are allowed, once where they are not (nothing is offered then but what libsasl's plugins
bring). Needs root and the user cyrus; everything lies in a directory of its own.
"""
import os
import pwd
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from storm import IMAPD_CONF, ORACLE


def private_kb(pid):
    """Memory that is this process's alone, in kB."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Private_"))


class Greeted:
    """A daemon started as a master starts it, with one client, who has seen the first octet of the greeting."""

    def __init__(self, program, service, conf, user):
        listener = socket.create_server(("127.0.0.1", 0))
        self.peer = socket.create_connection(listener.getsockname())
        self.status, status_write = os.pipe()
        begin = time.perf_counter()
        self.pid = os.fork()
        if self.pid == 0:
            os.dup2(listener.fileno(), 12)
            os.dup2(status_write, 13)
            os.dup2(13, 3)
            os.dup2(12, 4)
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            os.execve(program, [program, "-C", conf], {"CYRUS_SERVICE": service, "CYRUS_ID": "1", "PATH": "/usr/bin:/bin"})
        os.close(status_write)
        listener.close()
        self.peer.settimeout(20)
        said = self.peer.recv(1)
        self.took = time.perf_counter() - begin
        if not said:
            self.end()
            raise RuntimeError(f"{program} said nothing")

    def end(self):
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        self.peer.close()
        os.close(self.status)


def measure(daemon, service, conf, ours, count, user):
    """Starts both makes of one daemon in turn and prints what was seen. The memory is read when all are there: a page of
    the program that only one process has touched so far would count as private."""
    seen = {"C": [], "ours": []}
    try:
        for _ in range(count):
            for make, bins in (("C", ORACLE), ("ours", ours)):
                if os.path.exists(f"{bins}/{daemon}"):
                    seen[make].append(Greeted(f"{bins}/{daemon}", service, conf, user))
        for make, all_of in seen.items():
            if all_of:
                took = [one.took * 1000 for one in all_of]
                memory = statistics.median(private_kb(one.pid) for one in all_of)
                print(f"  {daemon:6} {make:5} exec to greeting, {len(took)} starts: median {statistics.median(took):.2f} ms, "
                      f"{min(took):.2f} to {max(took):.2f}; private {memory:.0f} kB")
    finally:
        for one in seen["C"] + seen["ours"]:
            one.end()


def main():
    ours, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 40
    user = pwd.getpwnam("cyrus")
    top = tempfile.mkdtemp(prefix="cyrus-greeting-")
    try:
        for part in "conf conf/db conf/socket conf/proc conf/log conf/msg conf/lock spool sock".split():
            os.makedirs(f"{top}/{part}")
        clear, strict = f"{top}/imapd.conf", f"{top}/strict.conf"
        with open(clear, "w") as file:
            file.write(IMAPD_CONF.format(dir=top))
        with open(strict, "w") as file:
            file.write(IMAPD_CONF.format(dir=top).replace("allowplaintext: yes", "allowplaintext: no"))
        os.chmod(top, 0o755)
        subprocess.run(["chown", "-R", "cyrus:mail", top], check=True)
        subprocess.run([f"{ORACLE}/ctl_cyrusdb", "-C", clear, "-r"], check=True)
        for conf, what in ((clear, "in the clear"), (strict, "not in the clear")):
            print(f"passwords {what}:")
            for daemon, service in (("imapd", "imap"), ("lmtpd", "lmtp"), ("pop3d", "pop3")):
                measure(daemon, service, conf, ours, count, user)
    finally:
        shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    main()
