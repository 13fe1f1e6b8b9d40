#!/bin/sh
# demo.sh BUILDDIR: a private server on loopback that shows the mail path: master starts, an administrator makes a mailbox,
# LMTP delivers into it, IMAP reads it back. It stays up until `demo.sh stop`.
set -eu
cd "$(dirname "$0")/.."
top=$(pwd)
demo=${DEMO_DIR:-${CARGO_TARGET_DIR:-target}/demo}
mkdir -p "$demo"
demo=$(cd "$demo" && pwd)
# A demonstration that runs somewhere else, see below.
elsewhere=$demo/elsewhere

running() { [ -s "$demo/master.pid" ] && kill -0 "$(cat "$demo/master.pid")" 2>/dev/null; }
stop() (
  if [ -s "$elsewhere" ]; then demo=$(cat "$elsewhere"); fi
  running || return 0
  pid=$(cat "$demo/master.pid")
  kill "$pid"
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.25; done
  echo "demo: master $pid does not end" >&2
  return 1
)
if [ "$1" = stop ]; then stop; echo "demo: stopped"; exit 0; fi
bin=$(cd "$1" && pwd)
fail() { echo "demo: $*" >&2; tail -n 20 "$demo/master.out" >&2 2>/dev/null || true; exit 1; }
# Cargo builds cyrus-imapd; installed it is imapd.
prog() { if [ -x "$bin/cyrus-$1" ]; then echo "$bin/cyrus-$1"; else echo "$bin/$1"; fi; }
for p in master imapd lmtpd idled tools; do
  [ -x "$(prog $p)" ] || fail "$(prog $p) is not there; is this program finished? (see README.md)"
done
stop
rm -f "$elsewhere"
# As root the servers run as Debian's user mail, and everything must be in reach of it.
user=$(id -un) as=""
if [ "$(id -u)" = 0 ]; then
  user=mail as="setpriv --reuid=mail --regid=mail --init-groups"
  if ! $as test -x "$(prog imapd)" || ! $as test -x "$demo"; then
    [ -z "${DEMO_DIR:-}" ] || fail "user mail cannot reach $bin or $demo"
    demo=/tmp/cyrus-demo
    echo "$demo" >"$elsewhere"
    rm -rf "$demo"
    mkdir -p "$demo/bin"
    for p in master imapd lmtpd idled tools; do cp "$(prog $p)" "$demo/bin/"; done
    bin=$demo/bin
  fi
fi
for d in conf spool sock sieve; do rm -rf "${demo:?}/$d"; done
mkdir -p "$demo/conf/db" "$demo/conf/socket" "$demo/conf/msg" "$demo/conf/log" "$demo/conf/proc" "$demo/conf/ptclient" \
  "$demo/conf/lock" "$demo/spool" "$demo/sock" "$demo/sieve"
port=${DEMO_PORT:-14300}
if command -v bash >/dev/null; then
  while ! PORT=$port bash -c '! (exec 3<>/dev/tcp/127.0.0.1/$PORT) 2>/dev/null && ! (exec 3<>/dev/tcp/127.0.0.1/$((PORT+1))) 2>/dev/null'
  do port=$((port + 2)); done
fi
lmtp=$((port + 1))
cat >"$demo/imapd.conf" <<END
configdirectory: $demo/conf
defaultpartition: default
partition-default: $demo/spool
sievedir: $demo/sieve
lmtpsocket: $demo/sock/lmtp
idlesocket: $demo/sock/idle
notifysocket: $demo/sock/notify
admins: admin
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_mech_list: PLAIN LOGIN
sasl_sasldb_path: $demo/sasldb2
servername: localhost
syslog_prefix: demo
hashimapspool: yes
unixhierarchysep: yes
altnamespace: yes
cyrus_user: $user
END
cat >"$demo/cyrus.conf" <<END
START {
  recover cmd="$(prog tools) ctl_cyrusdb -C $demo/imapd.conf -r"
}
SERVICES {
  imap cmd="$(prog imapd) -C $demo/imapd.conf" listen="127.0.0.1:$port" proto="tcp4" prefork=1
  lmtp cmd="$(prog lmtpd) -a -C $demo/imapd.conf" listen="127.0.0.1:$lmtp" proto="tcp4" prefork=0
  lmtpunix cmd="$(prog lmtpd) -C $demo/imapd.conf" listen="$demo/sock/lmtp" prefork=0
}
EVENTS {
  checkpoint cmd="$(prog tools) ctl_cyrusdb -C $demo/imapd.conf -c" period=30
}
DAEMON {
  idled cmd="$(prog idled) -C $demo/imapd.conf"
}
END
for u in admin ann; do
  printf pw | "$(command -v saslpasswd2 || echo /usr/sbin/saslpasswd2)" -p -c -u localhost -f "$demo/sasldb2" "$u" 2>/dev/null \
    || fail "saslpasswd2 does not work (package sasl2-bin)"
done
[ "$(id -u)" != 0 ] || chown -R mail:mail "$demo"
CYRUS_USER=$user setsid $as "$(prog master)" -C "$demo/imapd.conf" -M "$demo/cyrus.conf" -p "$demo/master.pid" -D \
  >"$demo/master.out" 2>&1 </dev/null &
python3 "$top/scripts/demo.py" "$port" "$lmtp" || { stop || true; fail "the demonstration did not go through"; }
cat <<END

The server stays up:
  IMAP   127.0.0.1 port $port, user ann (or administrator admin), password pw, no TLS
  LMTP   127.0.0.1 port $lmtp, and the socket $demo/sock/lmtp
  try    curl -s --user ann:pw 'imap://127.0.0.1:$port/INBOX;MAILINDEX=1'
  stop   sh scripts/demo.sh stop
END
