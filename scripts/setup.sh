#!/bin/sh
# setup.sh build|demo|live|guide: see that the Debian packages for building (for the demonstration, the live tests, check-guide) are there. As root what lacks is
# installed with apt-get; otherwise it is named and we exit 1.
set -eu
build="libsasl2-dev libsqlite3-dev libpcre2-dev pkg-config gcc libc6-dev"
live="sasl2-bin libsasl2-2 libsasl2-modules libsasl2-modules-db zstd openssl curl perl util-linux"
guide="$live postfix"
demo="sasl2-bin libsasl2-2 libsasl2-modules libsasl2-modules-db util-linux"
case "${1:-build}" in
build) want=$build;;
demo) want="$build $demo";;
live) want="$build $live";;
guide) want="$build $guide";;
*) echo "usage: setup.sh build|demo|live|guide" >&2; exit 64;;
esac
if ! command -v dpkg-query >/dev/null; then
  command -v pkg-config >/dev/null && pkg-config --exists libsasl2 2>/dev/null && exit 0
  echo "setup: this is no Debian; needed are (by Debian's names): $want" >&2
  exit 1
fi
have=" $(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p' | tr '\n' ' ') "
missing=""
for p in $want; do
  case "$have" in *" $p "*) ;; *) missing="$missing $p";; esac
done
# Any python3 will do, wherever it comes from.
if [ "${1:-build}" != build ] && ! command -v python3 >/dev/null; then missing="$missing python3"; fi
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
  echo "setup: these packages are missing; run as root: apt-get install$missing" >&2
  exit 1
fi
# Postfix's package would start a mail server: it is installed only where policy-rc.d forbids that, and left unconfigured.
case "$missing " in
*" postfix "*)
  refused=0
  if [ -x /usr/sbin/policy-rc.d ]; then /usr/sbin/policy-rc.d postfix start >/dev/null 2>&1 || refused=$?; fi
  if [ "$refused" != 101 ]; then
    echo "setup: installing postfix would start it (policy-rc.d does not forbid it); install it yourself" >&2
    exit 1
  fi
  echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections;;
esac
echo "setup: installing$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 || {
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends $missing
}
