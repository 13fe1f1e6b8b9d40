#!/bin/sh
# Cyrus' installation guide followed with our programs and a real Postfix, in a private directory: directories, normal.conf
# (paths and ports moved), SASL by saslauthd and by auxprop, mkimap, master -d, cyradm, a mail by SMTP through Postfix over
# LMTP on a unix socket, read back by curl, imaplib, imtest and Perl; then plus addressing, bounce, quota.
#   run.sh BINDIR [IMAPD_CONF CYRUS_CONF]      BINDIR as `make install` fills it; the conf files default to normal-*.conf
# Needs root. What is missing makes it end with 77 (with 1 where CI is set). Ends only what it started. GUIDE_PORTS="A B C"
# names the ports of IMAP, IMAPS and SMTP. The directory is kept when something fails, or where GUIDE_KEEP is set.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
skip() { echo "guide: skipped: $*"; [ -z "${CI:-}" ] || exit 1; exit 77; }
[ "$(id -u)" = 0 ] || skip "Postfix needs root"
for tool in postfix postmap saslpasswd2 saslauthd testsaslauthd curl python3 openssl setpriv; do
  command -v "$tool" >/dev/null || skip "$tool is not there (as root: sh scripts/setup.sh guide)"
done
unshare -m --propagation private true 2>/dev/null || skip "no mount namespaces here"
bin=$(cd "$1" && pwd)
imapd_conf=${2:-$here/normal-imapd.conf}
cyrus_conf=${3:-$here/normal-cyrus.conf}
user=cyrus; id cyrus >/dev/null 2>&1 || user=mail
group=mail
probe() { python3 "$here/probe.py" "$@"; }
# shellcheck disable=SC2086,SC2046
set -- ${GUIDE_PORTS:-$(probe free 3)}
imap=$1 imaps=$2 smtp=$3
dir=$(mktemp -d /tmp/cyrus-guide-XXXXXX); chmod 755 "$dir"
pids=""

say() { echo "guide: $*"; }
fail() { echo "guide: FAILED: $*"; exit 1; }
alive() { kill -0 "$1" 2>/dev/null; }
gone() { ! alive "$1"; }
pid_in() { [ ! -s "$1" ] || tr -d ' \n' <"$1"; }
wait_for() {
  what=$1; shift; n=0
  until "$@" >/dev/null 2>&1; do n=$((n + 1)); [ $n -lt 150 ] || fail "waited in vain for $what"; sleep 0.2; done
}
# end PID [SIGNAL]: ends it and waits, for up to ten seconds.
end() {
  [ -n "$1" ] || return 0
  kill "-${2:-TERM}" "$1" 2>/dev/null || return 0
  n=0; while alive "$1" && [ $n -lt 50 ]; do n=$((n + 1)); sleep 0.2; done
  gone "$1"
}
finish() {
  status=$?
  set +e
  end "$(pid_in "$dir/postfix/pid/master.pid")"
  end "$(pid_in "$dir/master.pid")"
  end "$(pid_in "$dir/saslauthd/saslauthd.pid")"
  for p in $pids; do end "$p"; done
  if [ $status != 0 ]; then
    for log in postfix.log cyrus.log master.log saslauthd.log; do
      [ ! -s "$dir/$log" ] || { echo "== $log"; tail -n 25 "$dir/$log"; }
    done
  fi
  if [ $status != 0 ] || [ -n "${GUIDE_KEEP:-}" ]; then echo "guide: kept: $dir"; else rm -rf "$dir"; fi
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

# 1. A user, SASL: sasldb, asked by saslauthd as the guide has it. saslauthd knows only /etc/sasldb2: it gets ours there.
mkdir "$dir/saslauthd" "$dir/ns"
printf 'secret' | saslpasswd2 -p -c -f "$dir/sasldb2" imapuser
chgrp "$group" "$dir/sasldb2" "$dir/saslauthd"; chmod 640 "$dir/sasldb2"; chmod 750 "$dir/saslauthd"
# shellcheck disable=SC2016
unshare -m --propagation private sh -ec '
  mount -t tmpfs none "$1/ns"; mkdir "$1/ns/up" "$1/ns/work"
  mount -t overlay -o "lowerdir=/etc,upperdir=$1/ns/up,workdir=$1/ns/work" none /etc
  [ -e /etc/sasldb2 ] || : >/etc/sasldb2
  mount --bind "$1/sasldb2" /etc/sasldb2
  exec saslauthd -a sasldb -n 1 -m "$1/saslauthd"' sh "$dir" >"$dir/saslauthd.log" 2>&1 || fail "saslauthd"
wait_for "saslauthd" test -S "$dir/saslauthd/mux"
said=$(testsaslauthd -u imapuser -p secret -f "$dir/saslauthd/mux") || fail "testsaslauthd: $said"
say "testsaslauthd: $said"

# 2. The configuration. Paths and ports are moved, the admin is the user just made; what is not built is left out.
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
  -keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null
chgrp "$group" "$dir/key.pem"; chmod 640 "$dir/key.pem"
sed -e "s#/var/lib/cyrus#$dir/lib#; s#/var/spool/cyrus#$dir/spool#; s#/var/spool/sieve#$dir/sieve#; s#/run/cyrus#$dir/run#" \
  -e 's/^admins:.*/admins: imapuser/' -e '/^#/d; /^ *$/d' "$imapd_conf" >"$dir/imapd.conf"
cat >>"$dir/imapd.conf" <<END
cyrus_user: $user
sasl_saslauthd_path: $dir/saslauthd/mux
sasl_sasldb_path: $dir/sasldb2
tls_server_cert: $dir/cert.pem
tls_server_key: $dir/key.pem
END
sed -e "s#/run/cyrus#$dir/run#; s#listen=\"imap\"#listen=\"127.0.0.1:$imap\"#; s#listen=\"imaps\"#listen=\"127.0.0.1:$imaps\"#" \
  -e "s#cmd=\"\([a-z_0-9]*\)#cmd=\"$bin/\1 -C $dir/imapd.conf#" -e '/^ *#/d; /^ *$/d' "$cyrus_conf" >"$dir/cyrus.all"
left=""
while IFS= read -r line; do
  program=$(printf '%s\n' "$line" | sed -n 's/.*cmd="\([^ "]*\).*/\1/p')
  if [ -n "$program" ] && [ ! -x "$program" ]; then left="$left ${program##*/}"; else printf '%s\n' "$line"; fi
done <"$dir/cyrus.all" >"$dir/cyrus.conf"
say "left out of cyrus.conf:${left:- nothing}"

# 3. Directories, as the guide prepares them; mkimap, as the user, makes the rest. Postfix's client must reach the socket.
mkdir -p "$dir/lib" "$dir/spool/mail" "$dir/sieve" "$dir/run/socket"
chown -R "$user:$group" "$dir/lib" "$dir/spool" "$dir/sieve" "$dir/run"
chmod 750 "$dir/lib" "$dir/spool"
chgrp postfix "$dir/run/socket"; chmod 750 "$dir/run/socket"
setpriv --reuid="$user" --regid="$group" --init-groups "$bin/mkimap" "$dir/imapd.conf" >"$dir/mkimap.out" 2>&1 ||
  fail "mkimap: $(cat "$dir/mkimap.out")"
tail -n 1 "$dir/mkimap.out" | sed 's/^/guide: mkimap: /'

# 4. master -d, with a private /dev/log.
python3 "$here/probe.py" log "$dir/log.sock" "$dir/cyrus.log" & pids="$pids $!"
wait_for "the log's socket" test -S "$dir/log.sock"
mkdir -p "$dir/dev"
start() {
  unshare -m --propagation private sh "$here/../src/ns-exec.sh" "$dir" - -- \
    "$bin/master" -d -C "$dir/imapd.conf" -M "$dir/cyrus.conf" -p "$dir/master.pid" -L "$dir/master.log" || fail "master -d"
  wait_for "the IMAP port" probe up "$imap"
}
start
say "master -d: exit 0, pid $(pid_in "$dir/master.pid"), listening"

# 5. A mailbox by the guide's line, by our cyradm and by Debian's.
ours() { "$bin/cyradm" -u imapuser -w secret --port "$imap" localhost; }
echo 'createmailbox user/example@localhost' | ours >"$dir/cyradm.out" 2>&1 || fail "cyradm: $(cat "$dir/cyradm.out")"
say "cyradm: $(cat "$dir/cyradm.out")"
echo 'listmailbox' | ours | grep -q 'user/example' || fail "user/example is not listed"
printf '%s\n' 'createmailbox user/example/work@localhost' 'setacl user/example/work@localhost anyone p' \
  'createmailbox user/example/closed@localhost' \
  'createmailbox user/full@localhost' 'setquota user/full@localhost STORAGE 2' | ours >"$dir/cyradm.out" 2>&1 ||
  fail "cyradm: $(cat "$dir/cyradm.out")"
if perl -MCyrus::IMAP::Shell -e 1 2>/dev/null; then
  printf '%s\n' 'createmailbox user/perl@localhost' 'listmailbox' 'listquotaroot user/full@localhost' |
    timeout 30 perl -MCyrus::IMAP::Shell -e shell -- --user imapuser --password secret --port "$imap" --notls localhost \
      >"$dir/perl.out" 2>&1 </dev/stdin || fail "Debian's cyradm: $(cat "$dir/perl.out")"
  grep -q 'user/perl' "$dir/perl.out" || fail "Debian's cyradm: $(cat "$dir/perl.out")"
  grep -q 'STORAGE 0/2 ' "$dir/perl.out" || fail "Debian's cyradm, quota: $(cat "$dir/perl.out")"
  say "Debian's cyradm: $(tr '\n' ' ' <"$dir/perl.out")"
fi
printf 'mypassword' | saslpasswd2 -p -c -f "$dir/sasldb2" example
printf 'mypassword' | saslpasswd2 -p -c -f "$dir/sasldb2" full
say "sasldblistusers2: $(sasldblistusers2 -f "$dir/sasldb2" | cut -d: -f1 | sort | tr '\n' ' ')"

# 6. Postfix, by the guide's three postconf lines; ghost is known to Postfix only.
mkdir -p "$dir/etc" "$dir/postfix" "$dir/pfdata"; chown postfix "$dir/pfdata"
echo 'localhost ok' >"$dir/etc/virtual_recipient_domains"
for u in example full ghost; do echo "$u@localhost ok"; done >"$dir/etc/virtual_recipients"
sed "s#@DIR@#$dir#g; s#@SMTP@#$smtp#g" "$here/main.cf" >"$dir/etc/main.cf"
sed "s#@DIR@#$dir#g; s#@SMTP@#$smtp#g" "$here/master.cf" >"$dir/etc/master.cf"
for map in virtual_recipient_domains virtual_recipients; do postmap -c "$dir/etc" "hash:$dir/etc/$map" || fail "postmap"; done
postfix -c "$dir/etc" start >"$dir/postfix.out" 2>&1 || fail "postfix start: $(cat "$dir/postfix.out")"
wait_for "the SMTP port" probe up "$smtp"

# 7. The guide's telnet dialogue; then sendmail to a folder, a folder that is not there, a ghost, one over quota.
logged() { grep -q "$1" "$dir/postfix.log"; }
shown() { grep "$1" "$dir/postfix.log" | tail -n 1 | sed "s#.*\(to=<\)#guide: postfix: \1#; s#$dir#DIR#g" | cut -c1-260; }
probe telnet "$smtp" || fail "SMTP"
sendmail() { /usr/sbin/sendmail -C "$dir/etc" -i -f "$1" "$2"; }
wait_for "the guide's mail" logged 'to=<example@localhost>.*status=sent (250'
shown 'to=<example@localhost>'
printf 'Subject: plus\n\nto a folder\n' | sendmail hello@localhost example+work@localhost || fail "sendmail -C"
printf 'Subject: minus\n\nto no folder\n' | sendmail hello@localhost example+none@localhost || fail "sendmail -C"
printf 'Subject: no right\n\nto a folder nobody may post to\n' | sendmail hello@localhost example+closed@localhost || fail "sendmail -C"
printf 'Subject: lost\n\nto nobody\n' | sendmail example@localhost ghost@localhost || fail "sendmail -C"
# The mail that goes over the quota is still taken (lmtp_strict_quota is off), the next one is not.
probe send "$smtp" hello@localhost full@localhost big 9000 || fail "SMTP"
wait_for "the mail that fills the quota" logged 'to=<full@localhost>.*status=sent'
probe send "$smtp" hello@localhost full@localhost later 100 || fail "SMTP"
wait_for "plus addressing" logged 'to=<example+work@localhost>.*status=sent'
wait_for "plus addressing without a folder" logged 'to=<example+none@localhost>.*status=sent'
wait_for "plus addressing without the right" logged 'to=<example+closed@localhost>.*status=sent'
wait_for "the ghost's bounce" logged 'to=<ghost@localhost>.*status=bounced.*550.*in reply to RCPT TO'
shown 'to=<ghost@localhost>'
wait_for "the deferral" logged 'to=<full@localhost>.*status=deferred.*452'
shown 'to=<full@localhost>'
on_disk() { find "$dir/spool" -name '[1-9]*.' | grep -c .; }
at_least() { [ "$(on_disk)" -ge "$1" ]; }
wait_for "six files on disk" at_least 6
find "$dir/spool" -name '[1-9]*.' | sort | sed "s#^$dir#guide: on disk: DIR#"
one=$(find "$dir/spool" -name '1.' | sort | xargs grep -l 'Hello world!') || fail "no file 1. with the guide's mail"
[ "$(printf '%s\n' "$one" | grep -c .)" = 1 ] || fail "the guide's mail is in several files: $one"

box=$("$bin/mbpath" -C "$dir/imapd.conf" user/example) || fail "mbpath"
[ "$one" = "$box/1." ] || fail "mbpath says $box, the mail is $one"

# 8. Read back by all sorts of clients.
probe read "$imap" example mypassword INBOX 4 'Hello world!' 'Subject: minus' 'Subject: no right' 'Undelivered Mail' || fail "imaplib, INBOX"
probe read "$imap" example mypassword work 1 'Subject: plus' || fail "imaplib, work"
probe refused "$imap" example wrong || fail "a wrong password got in"
curl -sS --user example:mypassword "imap://127.0.0.1:$imap/INBOX;UID=1" | grep -q 'Hello world!' || fail "curl imap://"
curl -sS --cacert "$dir/cert.pem" --user example:mypassword "imaps://127.0.0.1:$imaps/INBOX;UID=1" | grep -q 'Hello world!' ||
  fail "curl imaps://"
say "curl: UID 1 read by imap:// and imaps://"
imtest=$(command -v imtest || ls /usr/lib/cyrus/bin/imtest 2>/dev/null || true)
if [ -n "$imtest" ]; then
  printf 'a examine INBOX\r\nb logout\r\n' >"$dir/imtest.in"
  for how in "-m login" '-t ""'; do
    eval "timeout 20 \"$imtest\" $how -u example -a example -w mypassword -p $imap -f \"$dir/imtest.in\" 127.0.0.1" \
      >"$dir/imtest.out" 2>&1 </dev/null || true
    grep -q '^\* 4 EXISTS' "$dir/imtest.out" || fail "imtest $how: $(cat "$dir/imtest.out")"
    say "imtest $how: $(grep -E 'EXISTS|^Security|TLS connection' "$dir/imtest.out" | tr -d '\r' | tr '\n' ' ')"
  done
fi
if perl -MCyrus::IMAP -e 1 2>/dev/null; then
  perl "$here/read.pl" "$imap" example mypassword 'Hello world!' || fail "Cyrus::IMAP"
fi

# 9. With room again the deferred mail comes.
echo 'setquota user/full@localhost STORAGE 100' | ours >/dev/null || fail "setquota"
postqueue -c "$dir/etc" -f
sent_twice() { [ "$(grep -c 'to=<full@localhost>.*status=sent' "$dir/postfix.log")" = 2 ]; }
wait_for "the deferred mail" sent_twice
shown 'to=<full@localhost>'
probe read "$imap" full mypassword INBOX 2 'Subject: big' 'Subject: later' || fail "imaplib, full"

# 10. The other way to check passwords: no saslauthd (so even the right one is refused), then master started anew.
end "$(pid_in "$dir/saslauthd/saslauthd.pid")" || fail "saslauthd did not end"
probe refused "$imap" example mypassword || fail "got in without saslauthd"
end "$(pid_in "$dir/master.pid")" || fail "master did not end"
sed -i 's/^sasl_pwcheck_method:.*/sasl_pwcheck_method: auxprop/' "$dir/imapd.conf"
start
probe read "$imap" example mypassword INBOX 4 'Hello world!' || fail "imaplib with auxprop"
say "auxprop: the same after a restart without saslauthd"

# 11. Nothing was left in disorder.
"$bin/reconstruct" -C "$dir/imapd.conf" -n user/example user/example/work user/full >"$dir/reconstruct.out" 2>&1 ||
  fail "reconstruct -n: $(cat "$dir/reconstruct.out")"
sed 's/^/guide: reconstruct -n: /' "$dir/reconstruct.out"
if grep -E 'panicked|Fatal|IOERROR|DBERROR|signaled to death' "$dir/cyrus.log" "$dir/master.log" 2>/dev/null; then fail "the log complains"; fi
say "all fine"
