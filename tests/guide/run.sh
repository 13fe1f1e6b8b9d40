#!/bin/sh
# The installation guide's mail path, followed with our programs and a real Postfix, in a private directory:
# directories, imapd.conf and cyrus.conf (paths moved), mkimap, master -d, saslpasswd2, cyradm, a mail by SMTP through
# Postfix over LMTP on a unix socket, read back by curl and by Python's imaplib.
#   run.sh BINDIR [IMAPD_CONF CYRUS_CONF]      BINDIR as `make install` fills it; the conf files default to ours
# Needs root (Postfix insists on it), postfix, sasl2-bin, curl, python3. Ends only what it started.
set -eu
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")/../.." && pwd)
imapd_conf=${2:-$here/conf/imapd.conf}
cyrus_conf=${3:-$here/conf/cyrus.conf}
for tool in postfix saslpasswd2 curl python3; do
  command -v "$tool" >/dev/null || { echo "guide: skipped: $tool is not there"; exit 77; }
done
[ "$(id -u)" = 0 ] || { echo "guide: skipped: Postfix needs root"; exit 77; }
user=cyrus; id cyrus >/dev/null 2>&1 || user=mail
group=mail
dir=$(mktemp -d /tmp/cyrus-guide-XXXXXX); chmod 755 "$dir"
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
imap=$(free_port); imaps=$(free_port); smtp=$(free_port)
fail() { echo "guide: FAILED: $*"; tail -n 20 "$dir/postfix.log" "$dir/master.log" 2>/dev/null; exit 1; }
wait_for() { what=$1; shift; n=0; until "$@" >/dev/null 2>&1; do n=$((n + 1)); [ $n -lt 150 ] || fail "$what did not come"; sleep 0.2; done; }
stop() {
  set +e
  [ -s "$dir/postfix/pid/master.pid" ] && kill "$(tr -d ' ' <"$dir/postfix/pid/master.pid")" 2>/dev/null
  [ -s "$dir/master.pid" ] && kill "$(cat "$dir/master.pid")" 2>/dev/null
  n=0
  while { [ -s "$dir/master.pid" ] && kill -0 "$(cat "$dir/master.pid")"; } 2>/dev/null && [ $n -lt 50 ]; do n=$((n + 1)); sleep 0.2; done
  rm -rf "$dir"
}
trap stop EXIT

# 1. The configuration, with the paths moved.
sed -e "s#/var/lib/cyrus#$dir/lib#; s#/var/spool/cyrus#$dir/spool#; s#/var/spool/sieve#$dir/sieve#; s#/run/cyrus#$dir/run#" \
    -e '/^sasl_/d; /^admins:/d; /^tls_/d; /^allowplaintext/d; /^virtdomains/d; /^defaultdomain/d' "$imapd_conf" >"$dir/imapd.conf"
cat >>"$dir/imapd.conf" <<EOF
admins: imapuser
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: $dir/sasldb2
sasl_mech_list: PLAIN LOGIN
allowplaintext: yes
virtdomains: yes
defaultdomain: localhost
cyrus_user: $user
EOF
# Services that are not built yet are left out; so are the ports below 1024.
sed -e "s#/run/cyrus#$dir/run#; s#listen=\"imap\"#listen=\"127.0.0.1:$imap\"#; s#listen=\"imaps\"#listen=\"127.0.0.1:$imaps\"#" \
    -e "s#cmd=\"\([a-z_0-9]*\)\( -s\)\{0,1\}#cmd=\"$bin/\1 -C $dir/imapd.conf\2#" \
    -e '/^ *\(pop3\|pop3s\|sieve\|http\|https\|imaps\|nntp\|nntps\|tlsprune\) /d' "$cyrus_conf" >"$dir/cyrus.conf"

# 2. Directories, as the guide prepares them; mkimap makes the rest.
for d in lib spool spool/mail sieve run run/proc run/lock run/socket; do mkdir -p "$dir/$d"; done
chown -R "$user:$group" "$dir/lib" "$dir/spool" "$dir/sieve" "$dir/run"
"$bin/mkimap" "$dir/imapd.conf" >"$dir/mkimap.out" || fail "mkimap: $(cat "$dir/mkimap.out")"
for u in imapuser example@localhost; do
  printf 'secret' | saslpasswd2 -p -c -f "$dir/sasldb2" -u "$(hostname)" "${u%@*}"
done
chown "$user:$group" "$dir/sasldb2"

# 3. master, as from the init script.
"$bin/master" -d -C "$dir/imapd.conf" -M "$dir/cyrus.conf" -p "$dir/master.pid" -L "$dir/master.log" || fail "master -d"
echo "guide: master -d exited 0"
wait_for "the IMAP port" python3 -c "import socket; socket.create_connection(('127.0.0.1', $imap))"

# 4. A mailbox, by the guide's cyradm line.
echo 'createmailbox user/example@localhost' | "$bin/cyradm" -u imapuser -w secret --port "$imap" localhost || fail "cyradm"
echo 'listmailbox' | "$bin/cyradm" -u imapuser -w secret --port "$imap" localhost | grep -q 'user/example' || fail "mailbox is not listed"
echo "guide: cyradm made user/example@localhost"

# 5. A private Postfix that hands over by LMTP.
mkdir -p "$dir/etc" "$dir/postfix" "$dir/pfdata"; chown postfix "$dir/pfdata"
cat >"$dir/etc/main.cf" <<EOF
compatibility_level = 3.6
queue_directory = $dir/postfix
data_directory = $dir/pfdata
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.localhost
mydestination = localhost
local_recipient_maps =
mailbox_transport = lmtp:unix:$dir/run/socket/lmtp
alias_maps =
alias_database =
recipient_delimiter = +
maillog_file = $dir/postfix.log
maillog_file_prefixes = /tmp
bounce_queue_lifetime = 0
EOF
cat >"$dir/etc/master.cf" <<EOF
127.0.0.1:$smtp inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
local unix - n n - - local
lmtp unix - - n - - lmtp
error unix - - n - - error
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
EOF
postfix -c "$dir/etc" start >/dev/null 2>&1 || fail "postfix start"
wait_for "the SMTP port" python3 -c "import socket; socket.create_connection(('127.0.0.1', $smtp))"

# 6. Mails: to the user, to a folder by plus addressing that does not exist (so INBOX), to nobody.
python3 - "$smtp" <<'EOF'
import smtplib, sys
server = smtplib.SMTP("127.0.0.1", int(sys.argv[1]))
for to, subject in [("example@localhost", "the guide"), ("example+none@localhost", "plus"), ("nobody@localhost", "lost")]:
    server.sendmail("sender@example.org", [to], f"From: sender@example.org\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject.replace(' ', '.')}@example.org>\r\n\r\nHello from Postfix.\r\n")
server.quit()
EOF
messages() { find "$dir/spool" -name '[0-9]*.' | grep -c . ; }
two() { [ "$(messages)" -ge 2 ]; }
wait_for "the messages on disk" two
find "$dir/spool" -name '[0-9]*.' | sort | sed "s#^$dir#guide: on disk:#"
bounced() { grep -q 'to=<nobody@localhost>.*550' "$dir/postfix.log"; }
wait_for "the refusal of the unknown user" bounced
grep -o 'to=<[^>]*>.*status=[a-z]*' "$dir/postfix.log" | sed 's/orig_to.*relay/relay/; s/^/guide: postfix: /' | cut -c1-150

# 7. Read back.
curl -s --user example:secret "imap://127.0.0.1:$imap/INBOX;UID=1" | grep -q '^Subject: the guide' || fail "curl"
echo "guide: curl read UID 1"
python3 - "$imap" <<'EOF' || fail "imaplib"
import imaplib, sys
imap = imaplib.IMAP4("127.0.0.1", int(sys.argv[1]))
imap.login("example", "secret")
print("guide: imaplib:", imap.select("INBOX"))
print("guide: imaplib:", imap.fetch("1:*", "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1][0][1])
imap.logout()
EOF
if command -v imtest >/dev/null; then
  printf 'a select INBOX\r\nb logout\r\n' >"$dir/imtest.in"
  timeout 20 imtest -m login -u example -a example -w secret -p "$imap" -f "$dir/imtest.in" 127.0.0.1 >"$dir/imtest.out" 2>&1 || true
  grep -q '\* 2 EXISTS' "$dir/imtest.out" || fail "imtest: $(cat "$dir/imtest.out")"
  echo "guide: imtest selected INBOX"
fi
if perl -MCyrus::IMAP::Admin -e 1 2>/dev/null; then
  perl -MCyrus::IMAP::Admin -e 'my $c = Cyrus::IMAP::Admin->new("127.0.0.1", $ARGV[0]) or die; $c->authenticate(-mechanism => "login", -user => "imapuser", -password => "secret") or die; print "guide: Cyrus::IMAP::Admin lists ", join(" ", map { $_->[0] } $c->listmailbox("*")), "\n";' "$imap" || fail "Cyrus::IMAP::Admin"
fi
"$bin/reconstruct" -C "$dir/imapd.conf" -n user/example | sed 's/^/guide: reconstruct -n: /'
echo "guide: all fine"
