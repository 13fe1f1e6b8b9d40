#!/usr/bin/env python3
"""How long from exec to greeting: N starts of each make's daemons in turn, as a master would start them.

    greeting.py BINDIR [N]

BINDIR holds ours, ORACLE_BINDIR (environment; default /usr/lib/cyrus/bin) the C's. Prints the median, the least and the
most milliseconds for imapd, lmtpd and pop3d of both. Needs root and the user cyrus; everything lies in a directory of
its own.
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


def once(program, service, conf, user):
    """Seconds from fork to the first octet of the greeting."""
    listener = socket.create_server(("127.0.0.1", 0))
    peer = socket.create_connection(listener.getsockname())
    status_read, status_write = os.pipe()
    begin = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os.dup2(listener.fileno(), 12)
        os.dup2(status_write, 13)
        os.dup2(13, 3)
        os.dup2(12, 4)
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        os.execve(program, [program, "-C", conf], {"CYRUS_SERVICE": service, "CYRUS_ID": "1", "PATH": "/usr/bin:/bin"})
    listener.close()
    peer.settimeout(20)
    try:
        first = peer.recv(1)
        took = time.perf_counter() - begin
        if not first:
            raise RuntimeError(f"{program} said nothing")
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        peer.close()
        os.close(status_read)
        os.close(status_write)
    return took


def main():
    ours, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 40
    user = pwd.getpwnam("cyrus")
    top = tempfile.mkdtemp(prefix="cyrus-greeting-")
    try:
        for part in "conf conf/db conf/socket conf/proc conf/log conf/msg conf/lock spool sock".split():
            os.makedirs(f"{top}/{part}")
        conf = f"{top}/imapd.conf"
        with open(conf, "w") as file:
            file.write(IMAPD_CONF.format(dir=top))
        os.chmod(top, 0o755)
        subprocess.run(["chown", "-R", "cyrus:mail", top], check=True)
        subprocess.run([f"{ORACLE}/ctl_cyrusdb", "-C", conf, "-r"], check=True)
        for daemon, service in (("imapd", "imap"), ("lmtpd", "lmtp"), ("pop3d", "pop3")):
            takes = {"C": [], "ours": []}
            for _ in range(count):
                for make, bins in (("C", ORACLE), ("ours", ours)):
                    if os.path.exists(f"{bins}/{daemon}"):
                        takes[make].append(once(f"{bins}/{daemon}", service, conf, user) * 1000)
            for make, all_ms in takes.items():
                if all_ms:
                    print(f"{daemon:6} {make:5} exec to greeting, {len(all_ms)} starts: median "
                          f"{statistics.median(all_ms):.2f} ms, {min(all_ms):.2f} to {max(all_ms):.2f}")
    finally:
        shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    main()
