#!/bin/sh
# sendmail.sh DIR: unpack Debian's Sendmail and m4 under DIR (target/sendmail). Nothing is installed: its package and
# Postfix's exclude each other. Libraries it needs are taken along when this system lacks them. Needs apt's package lists.
set -eu
dir=$1
[ ! -x "$dir/root/usr/libexec/sendmail/sendmail" ] || exit 0
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || { echo "sendmail: this is no Debian" >&2; exit 1; }
apt-cache show sendmail-bin >/dev/null 2>&1 || { [ "$(id -u)" = 0 ] && apt-get update -qq; }
mkdir -p "$dir/deb"
dir=$(cd "$dir" && pwd)
installed=" $(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | tr '\n' ' ') "
want="sendmail-bin sendmail-cf"
case "$installed" in *" m4 "*) ;; *) want="$want m4 libsigsegv2";; esac
for p in $(apt-cache depends --important sendmail-bin | sed -n 's/^ *\(Pre\)\{0,1\}Depends: \(lib[a-z0-9.+-]*\)$/\2/p'); do
  case "$installed$want " in *" $p "*) ;; *) want="$want $p";; esac
done
# shellcheck disable=SC2086
(cd "$dir/deb" && apt-get download -q $want) >"$dir/download.log" 2>&1 || { cat "$dir/download.log" >&2; exit 1; }
rm -rf "$dir/unpacked"; mkdir "$dir/unpacked"
for d in "$dir"/deb/*.deb; do dpkg-deb -x "$d" "$dir/unpacked"; done
# The guide's two patches: a virtual address that Cyrus knows is delivered, and cyrusv2 asks for nothing but delivery.
cf=$dir/unpacked/usr/share/sendmail/cf
awk '{ print } /^dnl without \+detail$/ { n = 1; next } n == 1 && /^R<@> / { n = 2
  print "R< error : $-.$-.$- : $+ > $+ < @ $={VirtHost} . >\t$: < error : $1.$2.$3 : $4 > $5 < $6 . > $| $(cyrus $5@$6 $: $)"
  print "R< error : $-.$-.$- : $+ > $* < $* . > $| $*<OK>\t$#cyrusv2 $@ $: $5@$6"
  print "R< error : $-.$-.$- : $+ > $* $| $*<TMPF>\t$#error $@ 4.3.0 $: \"451 Temporary system failure. Please try again later.\""
  print "R< error : $-.$-.$- : $+ > $* $| $*\t$: < error : $1.$2.$3 : $4 > $5" }' "$cf/m4/proto.m4" >"$dir/proto.m4"
[ "$(grep -c 'cyrusv2' "$dir/proto.m4")" = 1 ] || { echo "sendmail: proto.m4 is not as expected" >&2; exit 1; }
mv "$dir/proto.m4" "$cf/m4/proto.m4"
sed -i 's#`A@/:|m#`8m#' "$cf/mailer/cyrusv2.m4"
rm -rf "$dir/deb" "$dir/root"; mv "$dir/unpacked" "$dir/root"
