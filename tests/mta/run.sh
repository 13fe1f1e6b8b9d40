#!/bin/sh
# The installation guide's chapters on Postfix and Sendmail, followed with both, beside our programs in a private directory:
# LMTP over a unix socket and over TCP, smmapd as virtual_mailbox_maps and as K map; an unknown user refused during RCPT,
# over quota deferred, plus addressing, a virtual domain.
#   run.sh BINDIR SENDMAIL      BINDIR as `make install` fills it, SENDMAIL as sendmail.sh does
# Where BINDIR has no smmapd the oracle's is taken (target/oracle, or ORACLE_BINDIR). Needs root. What is missing makes it
# end with 77 (with 1 where CI is set). Everything listens on 127.0.0.1, nothing is sent elsewhere; ends only what it
# started. The directory is kept when something fails, or where MTA_KEEP is set.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
skip() { echo "mta: skipped: $*"; [ -z "${CI:-}" ] || exit 1; exit 77; }
[ "$(id -u)" = 0 ] || skip "Postfix and Sendmail need root"
for tool in postfix python3 setpriv; do
  command -v "$tool" >/dev/null || skip "$tool is not there (as root: sh scripts/setup.sh guide)"
done
[ -x "$2/root/usr/libexec/sendmail/sendmail" ] || skip "Sendmail is not unpacked (sh tests/mta/sendmail.sh $2)"
unshare -m -u --propagation private true 2>/dev/null || skip "no mount namespaces here"
bin=$(cd "$1" && pwd)
sm=$(cd "$2/root" && pwd)
oracle=${ORACLE_BINDIR:-$here/../../target/oracle/bin}
smmapd=$bin/smmapd
[ -x "$smmapd" ] || smmapd=$oracle/smmapd
[ -x "$smmapd" ] || skip "no smmapd (make oracle)"
user=cyrus; id cyrus >/dev/null 2>&1 || user=mail
group=mail
probe() { python3 "$here/probe.py" "$@"; }
# shellcheck disable=SC2046
set -- $(probe free 4)
imap=$1 lmtp=$2 smtp=$3 smtp2=$4
# Below /run, because Sendmail trusts no socket below a directory that anybody may write to.
dir=$(mktemp -d /run/cyrus-mta-XXXXXX); chmod 755 "$dir"
pids=""

say() { echo "mta: $*"; }
fail() { echo "mta: FAILED: $*"; exit 1; }
alive() { kill -0 "$1" 2>/dev/null; }
pid_in() { [ ! -s "$1" ] || head -n 1 "$1" | tr -d ' \n'; }
wait_for() {
  what=$1; shift; n=0
  until "$@" >/dev/null 2>&1; do n=$((n + 1)); [ $n -lt 150 ] || fail "waited in vain for $what"; sleep 0.2; done
}
end() {
  [ -n "$1" ] || return 0
  kill -TERM "$1" 2>/dev/null || return 0
  n=0; while alive "$1" && [ $n -lt 50 ]; do n=$((n + 1)); sleep 0.2; done
  ! alive "$1"
}
finish() {
  status=$?
  set +e
  end "$(pid_in "$dir/postfix/pid/master.pid")"
  end "$(pid_in "$dir/sendmail.pid")"
  end "$(pid_in "$dir/master.pid")"
  for p in $pids; do end "$p"; done
  if [ $status != 0 ]; then
    for log in postfix.log cyrus.log master.log sendmail.out sendmail.log; do
      [ ! -s "$dir/$log" ] || { echo "== $log"; tail -n 25 "$dir/$log"; }
    done
  fi
  if [ $status != 0 ] || [ -n "${MTA_KEEP:-}" ]; then echo "mta: kept: $dir"; else rm -rf "$dir"; fi
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

# 1. Cyrus, with a default domain and a virtual one. SASL takes any password: it is not what is tried here.
mkdir -p "$dir/lib" "$dir/spool" "$dir/run/socket" "$dir/etc" "$dir/dev" "$dir/smdev" "$dir/mqueue" "$dir/postfix" "$dir/pfdata"
cat >"$dir/imapd.conf" <<END
configdirectory: $dir/lib
proc_path: $dir/run/proc
mboxname_lockpath: $dir/run/lock
defaultpartition: default
partition-default: $dir/spool
hashimapspool: yes
cyrus_user: $user
admins: admin
virtdomains: userid
defaultdomain: mta.test
unixhierarchysep: no
altnamespace: no
allowplaintext: yes
sasl_mech_list: PLAIN LOGIN
sasl_pwcheck_method: alwaystrue
lmtpsocket: $dir/run/socket/lmtp
postuser: post
syslog_prefix: cyrus
END
cat >"$dir/cyrus.conf" <<END
START {
  recover cmd="$bin/ctl_cyrusdb -C $dir/imapd.conf -r"
}
SERVICES {
  imap cmd="$bin/imapd -C $dir/imapd.conf" listen="127.0.0.1:$imap" prefork=0
  lmtpunix cmd="$bin/lmtpd -C $dir/imapd.conf" listen="$dir/run/socket/lmtp" prefork=0
  lmtp cmd="$bin/lmtpd -a -C $dir/imapd.conf" listen="127.0.0.1:$lmtp" prefork=0
  smmap cmd="$smmapd -C $dir/imapd.conf" listen="$dir/run/socket/smmap" prefork=0
}
EVENTS {
}
DAEMON {
}
END
chown -R "$user:$group" "$dir/lib" "$dir/spool" "$dir/run"
# The guide: both MTAs must reach the sockets, nobody else.
chgrp postfix "$dir/run/socket"; chmod 750 "$dir/run/socket"
setpriv --reuid="$user" --regid="$group" --init-groups "$bin/mkimap" "$dir/imapd.conf" >"$dir/mkimap.out" 2>&1 ||
  fail "mkimap: $(cat "$dir/mkimap.out")"
python3 "$here/probe.py" log "$dir/log.sock" "$dir/cyrus.log" & pids="$pids $!"
wait_for "the log's socket" test -S "$dir/log.sock"
unshare -m --propagation private sh "$here/../src/ns-exec.sh" "$dir" - -- \
  "$bin/master" -d -C "$dir/imapd.conf" -M "$dir/cyrus.conf" -p "$dir/master.pid" -L "$dir/master.log" || fail "master -d"
wait_for "the IMAP port" probe up "$imap"
wait_for "the sockets" test -S "$dir/run/socket/lmtp" -a -S "$dir/run/socket/smmap"
probe admin "$imap" 'CREATE user.ann' 'CREATE user.ann.work' 'SETACL user.ann.work anyone p' 'CREATE user.full' \
  'SETQUOTA user.full (STORAGE 2)' 'CREATE user.bert@virt.test' 'CREATE user.bert.lists@virt.test' \
  'SETACL user.bert.lists@virt.test anyone p' 'CREATE shared' 'SETACL shared anyone p' || fail "the mailboxes"
say "smmapd is $smmapd"
map() { probe smap "$dir/run/socket/smmap" "$@" || fail "smmapd"; }
map ann@mta.test OK
map ann OK
map ann+work@mta.test OK
map ann+none@mta.test NOTFOUND
map nosuch@mta.test NOTFOUND
map bert@virt.test OK
map bert@mta.test NOTFOUND
map post+shared OK

# The mails of both MTAs, the second over TCP. $1: name of the run, $2: port.
dialogue() {
  name=$1 port=$2
  probe rcpt "$port" '250' ann@mta.test ann+work@mta.test bert@virt.test bert+lists@virt.test || fail "$name: RCPT"
  probe rcpt "$port" '550' nosuch@mta.test ghost@virt.test bert@mta.test || fail "$name: an unknown user was taken"
  probe send "$port" "$name one" 100 ann@mta.test || fail "$name: one"
  probe send "$port" "$name plus" 100 ann+work@mta.test bert+lists@virt.test || fail "$name: plus"
  probe send "$port" "$name two" 100000 ann@mta.test bert@virt.test || fail "$name: two"
  probe count "$imap" ann INBOX "$name one" 1 || fail "$name: one"
  probe count "$imap" ann INBOX.work "$name plus" 1 || fail "$name: plus"
  probe count "$imap" bert@virt.test INBOX.lists "$name plus" 1 || fail "$name: plus, virtual domain"
  probe count "$imap" ann INBOX "$name two" 1 || fail "$name: two"
  probe count "$imap" bert@virt.test INBOX "$name two" 1 || fail "$name: two, virtual domain"
}

# 2. Postfix, by the guide's postconf lines.
chown postfix "$dir/pfdata"
postfix_with() {
  sed "s#@DIR@#$dir#g; s#@SMTP@#$smtp#g; s#@LMTP@#$1#" "$here/main.cf" >"$dir/etc/main.cf"
  sed "s#@DIR@#$dir#g; s#@SMTP@#$smtp#g" "$here/master.cf" >"$dir/etc/master.cf"
  postfix -c "$dir/etc" "$2" >"$dir/postfix.out" 2>&1 || fail "postfix $2: $(cat "$dir/postfix.out")"
}
logged() { grep -q "$1" "$dir/postfix.log"; }
postfix_with "lmtp:unix:$dir/run/socket/lmtp" start
wait_for "Postfix" probe up "$smtp"
dialogue "postfix by unix socket" "$smtp"
# A folder that is not there: refused during RCPT, because smmapd does not know it; what gets past it lands in the INBOX.
probe rcpt "$smtp" 550 ann+none@mta.test || fail "a folder that is not there was taken"
printf 'Subject: postfix minus\n\nx\n' | /usr/sbin/sendmail -C "$dir/etc" -i -f sender@elsewhere.test ann+none@mta.test || fail "sendmail -C"
probe count "$imap" ann INBOX "postfix minus" 1 || fail "plus addressing without a folder"
# Over quota: the mail that goes over is taken; then RCPT is deferred, and what gets past it waits in the queue.
probe rcpt "$smtp" 250 full@mta.test || fail "full, with room"
probe send "$smtp" "postfix big" 9000 full@mta.test || fail "full, with room"
probe count "$imap" full INBOX "postfix big" 1 || fail "full, with room"
map full@mta.test TEMP
probe rcpt "$smtp" '4[0-9][0-9]' full@mta.test || fail "over quota was not deferred"
printf 'Subject: postfix later\n\nx\n' | /usr/sbin/sendmail -C "$dir/etc" -i -f sender@elsewhere.test full@mta.test || fail "sendmail -C"
wait_for "the deferral" logged 'to=<full@mta.test>.*status=deferred.*452'
grep 'to=<full@mta.test>.*status=deferred' "$dir/postfix.log" | tail -n 1 | sed "s#.*\(to=<\)#mta: postfix: \1#; s#$dir#DIR#g"
probe admin "$imap" 'SETQUOTA user.full (STORAGE 100)' || fail "SETQUOTA"
postqueue -c "$dir/etc" -f
probe count "$imap" full INBOX "postfix later" 1 || fail "the deferred mail did not come"
postfix_with "lmtp:inet:127.0.0.1:$lmtp" reload
dialogue "postfix by TCP" "$smtp"
wait_for "delivery over TCP" logged "relay=127.0.0.1\[127.0.0.1\]:$lmtp.*status=sent"
postfix -c "$dir/etc" stop >/dev/null 2>&1 || fail "postfix stop"

# 3. Sendmail, with the guide's feature, patches and mailer. Its host is named so that it need not ask for the name.
triple=$(ls -d /usr/lib/*-linux-gnu | head -n 1 | sed 's#.*/##')
libs=$sm/usr/lib/$triple:$sm/lib/$triple
printf 'hosts files\naliases files\n' >"$dir/etc/service.switch"
printf 'mta.test\n' >"$dir/etc/local-host-names"
: >"$dir/etc/relay-domains"
m4=$(command -v m4 || echo "$sm/usr/bin/m4")
chmod 700 "$dir/mqueue"
mkdir -p "$dir/sm/dev"
printf '127.0.0.1 localhost mx.mta.test\n' >"$dir/etc/hosts"
python3 "$here/probe.py" log "$dir/sm/log.sock" "$dir/sendmail.log" & pids="$pids $!"
wait_for "the log's socket" test -S "$dir/sm/log.sock"
# sendmail_with ARGUMENTS: those of the mailer cyrusv2.
sendmail_with() {
  sed "s#@DIR@#$dir#g; s#@SMTP@#$smtp2#g; s#@LMTP@#$1#" "$here/sendmail.mc" >"$dir/etc/sendmail.mc"
  LD_LIBRARY_PATH=$libs "$m4" -D_CF_DIR_="$sm/usr/share/sendmail/cf/" "$sm/usr/share/sendmail/cf/m4/cf.m4" "$dir/etc/sendmail.mc" \
    >"$dir/etc/sendmail.cf" || fail "m4"
  printf '@virt.test\terror:5.1.1:550 User unknown\n' | LD_LIBRARY_PATH=$libs "$sm/usr/libexec/sendmail/makemap" \
    -C "$dir/etc/sendmail.cf" hash "$dir/etc/virtusertable" || fail "makemap"
  echo 'alias: ann' >"$dir/etc/aliases"
  LD_LIBRARY_PATH=$libs unshare -u sh -c 'hostname mx.mta.test; exec "$@"' sh "$sm/usr/libexec/sendmail/sendmail" -bi \
    -C "$dir/etc/sendmail.cf" >/dev/null || fail "newaliases"
  # shellcheck disable=SC2016
  LD_LIBRARY_PATH=$libs unshare -m -u --propagation private sh -ec '
    hostname mx.mta.test
    mount --bind "$1/etc/hosts" /etc/hosts
    exec sh "$2/../src/ns-exec.sh" "$1/sm" - -- "$3" -bd -q1s -C "$1/etc/sendmail.cf"
    ' sh "$dir" "$here" "$sm/usr/libexec/sendmail/sendmail" >"$dir/sendmail.out" 2>&1 || fail "sendmail: $(cat "$dir/sendmail.out")"
  wait_for "Sendmail" probe up "$smtp2"
}
probe admin "$imap" 'SETQUOTA user.full (STORAGE 100)' || fail "SETQUOTA"
sendmail_with "FILE $dir/run/socket/lmtp"
dialogue "sendmail by unix socket" "$smtp2"
# As the guide says, Sendmail takes mail for folders that are there only.
probe rcpt "$smtp2" 550 ann+none@mta.test || fail "a folder that is not there was taken"
probe admin "$imap" 'SETQUOTA user.full (STORAGE 1)' || fail "SETQUOTA"
map full@mta.test TEMP
# As the guide says, Sendmail queues where smmapd answers for the time being; with room again the mail comes.
probe send "$smtp2" "sendmail later" 100 full@mta.test || fail "over quota was not queued"
sleep 3
[ -n "$(ls "$dir/mqueue")" ] || fail "over quota: nothing waits in the queue"
probe count "$imap" full INBOX "sendmail later" 0 || fail "over quota: delivered"
say "sendmail: over quota: $(find "$dir/mqueue" -name 'qf*' | grep -c .) waits in the queue"
probe admin "$imap" 'SETQUOTA user.full (STORAGE 100)' || fail "SETQUOTA"
probe count "$imap" full INBOX "sendmail later" 1 || fail "the queued mail did not come"
end "$(pid_in "$dir/sendmail.pid")" || fail "sendmail did not end"
sendmail_with "TCP 127.0.0.1 $lmtp"
dialogue "sendmail by TCP" "$smtp2"
grep -q 'mailer=cyrusv2.*stat=Sent' "$dir/sendmail.log" || fail "no delivery in Sendmail's log"
end "$(pid_in "$dir/sendmail.pid")" || fail "sendmail did not end"

# 4. Nothing was left in disorder.
"$bin/reconstruct" -C "$dir/imapd.conf" -n user.ann user.ann.work user.full user.bert@virt.test >"$dir/reconstruct.out" 2>&1 ||
  fail "reconstruct -n: $(cat "$dir/reconstruct.out")"
if grep -E 'panicked|Fatal|IOERROR|DBERROR|signaled to death' "$dir/cyrus.log" "$dir/master.log" 2>/dev/null; then fail "the log complains"; fi
say "all fine"
