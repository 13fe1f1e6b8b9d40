#!/usr/bin/env python3
"""Load on private servers, with kill -9 or with both makes side by side; then all that was acknowledged must be there once.

    storm.py kill  BINDIR N          N times kill -9 of a random process (each 25th time: of all), then count and check
    storm.py flood BINDIR N          N messages by 8 connections while clients read and expunge, kill -9 of a random process
                                     every second; each acknowledged one must be seen exactly once, expunged or not
    storm.py mixed BINDIR SECONDS    our imapd and lmtpd beside the C ones on the same mailboxes, under MASTER_BINDIR's
                                     master (environment; default BINDIR)

BINDIR is as `make install` fills it; the C programs come from ORACLE_BINDIR (default /usr/lib/cyrus/bin) and judge the
result: `reconstruct -n -G` must print nothing but names, `quota -f -n -q` nothing. Needs root and the user cyrus.
Everything is below a directory of its own and listens on free loopback ports; only processes started here are ended.
"""
import collections
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

USERS = (b"u1", b"u2", b"u3")
ORACLE = os.environ.get("ORACLE_BINDIR", "/usr/lib/cyrus/bin")

IMAPD_CONF = """configdirectory: {dir}/conf
defaultpartition: default
partition-default: {dir}/spool
admins: cyrus
allowplaintext: yes
sasl_pwcheck_method: alwaystrue
sasl_mech_list: PLAIN LOGIN
hashimapspool: yes
altnamespace: no
unixhierarchysep: no
lmtpsocket: {dir}/sock/lmtp
idlesocket: {dir}/sock/idle
"""


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Instance:
    """A private spool with its servers. `makes` maps a letter to (directory of programs, IMAP port, LMTP port)."""

    def __init__(self, master, makes, idled):
        self.dir = tempfile.mkdtemp(prefix="cyrus-storm-")
        self.master = master
        self.makes = makes
        for part in "conf conf/db conf/socket conf/proc conf/log conf/msg conf/lock spool sock".split():
            os.makedirs(f"{self.dir}/{part}")
        conf = f"{self.dir}/imapd.conf"
        with open(conf, "w") as file:
            file.write(IMAPD_CONF.format(dir=self.dir))
        services = "".join(
            f' imap{k} cmd="{bins}/imapd -C {conf}" listen="127.0.0.1:{imap}" prefork=2\n'
            f' lmtp{k} cmd="{bins}/lmtpd -a -C {conf}" listen="127.0.0.1:{lmtp}" prefork=1\n'
            for k, (bins, imap, lmtp) in makes.items())
        with open(f"{self.dir}/cyrus.conf", "w") as file:
            file.write(f'START {{\n recover cmd="{master}/ctl_cyrusdb -C {conf} -r"\n}}\nSERVICES {{\n{services}}}\n'
                       f'EVENTS {{\n}}\nDAEMON {{\n idled cmd="{idled}/idled -C {conf}"\n}}\n')
        subprocess.run(["chown", "-R", "cyrus:mail", self.dir], check=True)
        os.chmod(self.dir, 0o755)

    def start(self):
        if os.path.exists(f"{self.dir}/master.pid"):
            os.unlink(f"{self.dir}/master.pid")
        subprocess.run([f"{self.master}/master", "-d", "-C", f"{self.dir}/imapd.conf", "-M", f"{self.dir}/cyrus.conf",
                        "-p", f"{self.dir}/master.pid"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait()

    def is_up(self):
        """Whether every service takes connections."""
        try:
            for _, imap, lmtp in self.makes.values():
                socket.create_connection(("127.0.0.1", imap)).close()
                socket.create_connection(("127.0.0.1", lmtp)).close()
            return True
        except OSError:
            return False

    def wait(self):
        deadline = time.monotonic() + 20
        while not self.is_up():
            if time.monotonic() > deadline:
                raise SystemExit("storm: the servers do not come up")
            time.sleep(0.05)

    def master_pid(self):
        with open(f"{self.dir}/master.pid") as file:
            return int(file.read())

    def children(self):
        """Pids and program names of what our master started, by the process group it leads."""
        found = []
        master = self.master_pid()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as file:
                    parent = int(file.read().rsplit(")", 1)[1].split()[1])
                if parent == master:
                    found.append((int(pid), os.path.basename(os.readlink(f"/proc/{pid}/exe"))))
            except (OSError, ValueError):
                pass
        return found

    def everybody(self):
        """Pids and program names of all processes of this instance, those of a dead master too: they name its directory in
        their arguments or have files of it open."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                files = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    is_named = self.dir.encode() in file.read()
                if is_named or any(name.startswith(self.dir) for name in files):
                    found.append((int(pid), os.path.basename(os.readlink(f"/proc/{pid}/exe"))))
            except OSError:
                pass
        return found

    def kill_all(self):
        """kill -9, the master first, for it starts what it misses; gives the names."""
        names = []
        master = [(self.master_pid(), "master")]
        while victims := master + self.everybody():
            for pid, name in victims:
                try:
                    os.kill(pid, signal.SIGKILL)
                    names.append(name)
                except OSError:
                    pass
            master = []
        return names

    def stop(self):
        try:
            os.kill(self.master_pid(), signal.SIGTERM)
        except (OSError, ValueError):
            pass
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.everybody():
            time.sleep(0.1)
        if left := self.everybody():
            print("processes left behind:", *left)
        shutil.rmtree(self.dir, ignore_errors=True)

    def judge(self):
        """What the C tools have to say; true when that is nothing."""
        fine = True
        for tool in (["reconstruct", "-n", "-G"], ["quota", "-f", "-n", "-q"]):
            command = ["setpriv", "--reuid", "cyrus", "--regid", "mail", "--clear-groups", f"{ORACLE}/{tool[0]}",
                       "-C", f"{self.dir}/imapd.conf", *tool[1:]]
            run = subprocess.run(command, capture_output=True, text=True)
            lines = [line for line in (run.stdout + run.stderr).splitlines() if not line.startswith("user.") or " " in line]
            print(f"{' '.join(tool)}: exit {run.returncode}, {len(lines)} complaints", *lines[:10], sep="\n  ")
            fine &= run.returncode == 0 and not lines
        return fine


class Imap:
    def __init__(self, user, port):
        self.file = socket.create_connection(("127.0.0.1", port), timeout=20).makefile("rwb")
        self.file.readline()
        self.count = 0
        if not self.ok(b"LOGIN " + user + b" x"):
            raise OSError("login refused")

    def ok(self, command, seen=None):
        self.count += 1
        tag = b"t%d " % self.count
        self.file.write(tag + command + b"\r\n")
        self.file.flush()
        while True:
            line = self.file.readline()
            if not line:
                raise EOFError
            if line.startswith(tag):
                return line[len(tag):].startswith(b"OK")
            if seen is not None:
                seen.append(line)


class Load:
    """Clients that append, flag, copy, expunge and deliver until told to stop."""

    def __init__(self, instance):
        self.acknowledged = collections.defaultdict(list)
        self.broken = collections.Counter()
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=work, args=(user, port, tag))
                        for user in USERS for letter, (_, imap, lmtp) in instance.makes.items()
                        for work, port, tag in ((self.append, imap, letter.encode()), (self.deliver, lmtp, b"l" + letter.encode()))]
        for thread in self.threads:
            thread.start()

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    @staticmethod
    def message(subject):
        return (b"From: a@b\r\nSubject: %s\r\nMessage-ID: <%s@x>\r\nDate: Mon, 1 Jan 2024 10:00:00 +0000\r\n\r\nx\r\n"
                % (subject, subject)) + b"line of text\r\n" * random.randrange(60)

    def append(self, user, port, tag):
        n = 0
        while not self.stop.is_set():
            try:
                imap = Imap(user, port)
                imap.ok(b"SELECT INBOX")
                while not self.stop.is_set():
                    n += 1
                    subject = b"%s-%s-%d" % (tag, user, n)
                    text = self.message(subject)
                    if imap.ok(b"APPEND INBOX (\\Seen) {%d+}\r\n%s" % (len(text), text)):
                        self.acknowledged[user].append(subject)
                    if n % 5 == 0:
                        imap.ok(b"STORE * +FLAGS (\\Flagged k%d)" % (n % 7))
                    if n % 9 == 0:
                        imap.ok(b"COPY 1:3 INBOX.sub")
                        imap.ok(b"SEARCH UNSEEN")
                    if n % 17 == 0:
                        imap.ok(b"UID FETCH 1:* FLAGS")
                    if n % 40 == 0:
                        for command in (b"SELECT INBOX.sub", b"STORE 1:* +FLAGS (\\Deleted)", b"EXPUNGE", b"SELECT INBOX"):
                            imap.ok(command)
            except (OSError, EOFError):
                self.broken[tag] += 1
                time.sleep(0.02)

    def deliver(self, user, port, tag):
        n = 0
        while not self.stop.is_set():
            try:
                file = socket.create_connection(("127.0.0.1", port), timeout=20).makefile("rwb")
                file.readline()

                def reply(command):
                    file.write(command + b"\r\n")
                    file.flush()
                    while True:
                        line = file.readline()
                        if not line:
                            raise EOFError
                        if line[3:4] != b"-":
                            return line

                reply(b"LHLO client")
                while not self.stop.is_set():
                    n += 1
                    subject = b"%s-%s-%d" % (tag, user, n)
                    reply(b"MAIL FROM:<a@b>")
                    reply(b"RCPT TO:<" + user + b">")
                    if reply(b"DATA").startswith(b"354") and reply(self.message(subject) + b".").startswith(b"250"):
                        self.acknowledged[user].append(subject)
            except (OSError, EOFError):
                self.broken[tag] += 1
                time.sleep(0.02)

    def count(self, port):
        """True when each acknowledged message is there once."""
        total = lost = twice = 0
        for user in USERS:
            seen = []
            imap = Imap(user, port)
            imap.ok(b"EXAMINE INBOX")
            imap.ok(b"FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]", seen)
            there = collections.Counter(line[9:].strip() for line in seen if line.startswith(b"Subject: "))
            total += len(self.acknowledged[user])
            lost += sum(there[subject] == 0 for subject in self.acknowledged[user])
            twice += sum(there[subject] > 1 for subject in self.acknowledged[user])
        print(f"acknowledged {total}, lost {lost}, there twice {twice}; broken sessions {dict(self.broken)}")
        return total > 0 and lost == 0 and twice == 0


class Flood:
    """Eight LMTP connections deliver `amount` messages to eight users; beside them IMAP clients note what they see and expunge it.

    A message is acknowledged by its 250. Readers fetch subjects with EXAMINE's rigour (UID and subject together), and an
    expunged message counts as seen only when the EXPUNGE was answered OK; else it may still be there and is found at the end.
    `gone` holds, by user, the (UIDVALIDITY, UID) pairs that were expunged, so that one message counted on both sides of a
    broken connection is one message.
    """

    def __init__(self, instance, amount):
        _, self.imap, self.lmtp = instance.makes["r"]
        self.left = amount
        self.lock = threading.Lock()
        self.users = [b"f%d" % n for n in range(8)]
        self.acknowledged = {user: set() for user in self.users}
        self.unsure = {user: set() for user in self.users}
        self.resent = set()
        self.seen = {user: {} for user in self.users}
        self.expunged = self.broken = self.refused = 0
        self.done = threading.Event()
        self.writers = [threading.Thread(target=self.deliver, args=(n,)) for n in range(8)]
        self.readers = [threading.Thread(target=self.read, args=(user,)) for user in self.users]
        for thread in self.writers + self.readers:
            thread.start()

    def take(self):
        with self.lock:
            self.left -= 1
            return self.left >= 0

    def deliver(self, me):
        n = 0
        subject = None
        while True:
            try:
                file = socket.create_connection(("127.0.0.1", self.lmtp), timeout=60).makefile("rwb")

                def reply():
                    while True:
                        line = file.readline()
                        if not line:
                            raise EOFError
                        if line[3:4] != b"-":
                            return line

                reply()
                file.write(b"LHLO client\r\n")
                file.flush()
                reply()
                while True:
                    if subject is None:
                        if not self.take():
                            return
                        n += 1
                        user = self.users[(me + n) % 8]
                        subject = b"w%d-%d" % (me, n)
                    text = Load.message(subject)
                    file.write(b"RSET\r\nMAIL FROM:<a@b>\r\nRCPT TO:<%s>\r\nDATA\r\n" % user)
                    file.flush()
                    answers = [reply() for _ in range(4)]
                    if not answers[3].startswith(b"354"):
                        raise OSError(answers)
                    if subject in self.unsure[user]:
                        self.resent.add(subject)
                    self.unsure[user].add(subject)
                    file.write(text + b".\r\n")
                    file.flush()
                    if not reply().startswith(b"250"):
                        raise OSError("not taken")
                    self.acknowledged[user].add(subject)
                    subject = None
            except (OSError, EOFError) as error:
                self.refused += isinstance(error, ConnectionRefusedError)
                # What was under way is sent again, as an MTA does. One killed between the commit of the mailbox and
                # the mark in deliver.db comes twice, with the original too; count() tells these apart, and still fails.
                self.broken += 1
                time.sleep(0.05)

    def fetch(self, imap, user):
        """Notes (UIDVALIDITY, UID) -> subject of all that is in the selected mailbox; returns the UIDs."""
        lines = []
        if not imap.ok(b"UID FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])", lines):
            raise OSError("FETCH")
        uids, uid = [], None
        for line in lines:
            if b"FETCH (" in line:
                uid = int(line.split(b"UID ", 1)[1].split()[0].rstrip(b")"))
                uids.append(uid)
            elif line.startswith(b"Subject: "):
                self.seen[user][(imap.validity, uid)] = line[9:].strip()
        return uids

    def select(self, user, command):
        imap = Imap(user, self.imap)
        lines = []
        if not imap.ok(command, lines):
            raise OSError("SELECT")
        imap.validity = next(int(line.split(b"UIDVALIDITY ")[1].split(b"]")[0]) for line in lines if b"UIDVALIDITY" in line)
        return imap

    def read(self, user):
        while not self.done.is_set():
            try:
                imap = self.select(user, b"SELECT INBOX")
                while not self.done.is_set():
                    uids = self.fetch(imap, user)
                    # Each second one goes, the newest stay a while.
                    victims = [uid for uid in uids[:-20] if uid % 2 == 0]
                    if victims:
                        text = b",".join(b"%d" % uid for uid in victims[:500])
                        imap.ok(b"UID STORE " + text + b" +FLAGS.SILENT (\\Deleted)")
                        if imap.ok(b"UID EXPUNGE " + text):
                            self.expunged += len(victims[:500])
                    time.sleep(0.2)
            except (OSError, EOFError) as error:
                self.refused += isinstance(error, ConnectionRefusedError)
                self.broken += 1
                time.sleep(0.05)

    def end(self):
        for thread in self.writers:
            thread.join()
        self.done.set()
        for thread in self.readers:
            thread.join()

    def count(self):
        """True when each acknowledged message was seen under exactly one UID, expunged ones included."""
        total = lost = twice = after_resend = strange = 0
        for user in self.users:
            self.fetch(self.select(user, b"EXAMINE INBOX"), user)
            times = collections.Counter(self.seen[user].values())
            total += len(self.acknowledged[user])
            lost += sum(times[subject] == 0 for subject in self.acknowledged[user])
            doubled = [subject for subject, count in times.items() if count > 1]
            twice += len(doubled)
            after_resend += sum(subject in self.resent for subject in doubled)
            strange += sum(subject not in self.unsure[user] for subject in times)
        print(f"acknowledged {total}, lost {lost}, there twice {twice} ({after_resend} of them among the "
              f"{len(self.resent)} sent again because no answer came), never sent {strange}; expunged {self.expunged}, "
              f"broken sessions {self.broken}")
        return total > 0 and lost == 0 and twice == 0 and strange == 0


def flood(instance, amount):
    """A run of Flood with a kill -9 of one process each second."""
    began = time.monotonic()
    load = Flood(instance, amount)
    ending = threading.Thread(target=load.end)
    ending.start()
    kinds = collections.Counter()
    hangups = 0
    while ending.is_alive():
        ending.join(1)
        children = instance.children()
        # A service whose processes die five times unused is disabled until the next SIGHUP, as under the C master.
        if load.refused > 100:
            os.kill(instance.master_pid(), signal.SIGHUP)
            hangups += 1
            load.refused = 0
        if children and not load.done.is_set():
            pid, name = random.choice(children)
            try:
                os.kill(pid, signal.SIGKILL)
                kinds[name] += 1
            except OSError:
                pass
    if not instance.is_up():
        os.kill(instance.master_pid(), signal.SIGHUP)
        hangups += 1
        instance.wait()
    print(f"kill -9: {dict(kinds)}; SIGHUP to the master: {hangups}; {amount} messages in {time.monotonic() - began:.0f} s")
    return load


def kill(instance, times):
    """kill -9 of one process, or of all of them, so many times."""
    kinds = collections.Counter()
    done = alone = 0
    while done < times:
        time.sleep(random.uniform(0.02, 0.35))
        if done % 25 == 24:
            kinds.update(instance.kill_all())
            done += 1
            instance.start()
            continue
        children = instance.children()
        alone = 0 if children else alone + 1
        if alone > 50:
            raise SystemExit("storm: the master has no children any more")
        for pid, name in random.sample(children, min(1, len(children))):
            try:
                os.kill(pid, signal.SIGKILL)
                kinds[name] += 1
                done += 1
            except OSError:
                pass
    print(f"kill -9 {done} times: {dict(kinds)}")


def main():
    mode, bins, amount = sys.argv[1], os.path.abspath(sys.argv[2]), int(sys.argv[3])
    ports = free_ports(4)
    makes = {"r": (bins, *ports[:2])}
    if mode == "mixed":
        makes["c"] = (ORACLE, *ports[2:])
    instance = Instance(os.environ.get("MASTER_BINDIR", bins), makes, bins)
    try:
        instance.start()
        admin = Imap(b"cyrus", ports[0])
        if mode == "flood":
            for n in range(8):
                if not admin.ok(b"CREATE user.f%d" % n):
                    raise SystemExit("storm: CREATE refused")
            fine = flood(instance, amount).count()
            fine &= instance.judge()
            return 0 if fine else 1
        for user in USERS:
            if not (admin.ok(b"CREATE user." + user) and admin.ok(b"CREATE user." + user + b".sub")):
                raise SystemExit("storm: CREATE refused")
        load = Load(instance)
        if mode == "kill":
            kill(instance, amount)
        else:
            time.sleep(amount)
        load.end()
        fine = load.count(ports[0])
        fine &= instance.judge()
    finally:
        instance.stop()
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
