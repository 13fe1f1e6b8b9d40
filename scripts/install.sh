#!/bin/sh
# install.sh BUILDDIR: what `make install` does; the places come from the environment (see the Makefile).
set -eu
from=$1
cd "$(dirname "$0")/.."
lib=$DESTDIR$LIBEXECDIR bin=$DESTDIR$BINDIR etc=$DESTDIR$SYSCONFDIR man=$DESTDIR$MANDIR unit=$DESTDIR$UNITDIR
mkdir -p "$lib" "$bin" "$etc" "$man/man1" "$man/man5" "$man/man8" "$unit"
for d in master imapd pop3d lmtpd timsieved smmapd idled notifyd; do
  # Cargo builds cyrus-imapd; installed it is imapd.
  file=$from/cyrus-$d
  if [ ! -x "$file" ]; then echo "install: $file was not built; left out" >&2; continue; fi
  install -m 755 "$file" "$lib/$d"
done
# Debian's names for programs that are links there too.
if [ -x "$lib/imapd" ]; then ln -sf imapd "$lib/proxyd"; fi
if [ -x "$lib/pop3d" ]; then ln -sf pop3d "$lib/pop3proxyd"; fi
if [ -x "$lib/lmtpd" ]; then ln -sf lmtpd "$lib/lmtpproxyd"; fi
if [ -x "$from/cyrus-tools" ]; then
  install -m 755 "$from/cyrus-tools" "$lib/cyrus-tools"
  for t in $("$from/cyrus-tools" --list); do
    case "$t" in
    cyradm|imtest|sieveshell|pop3test|lmtptest|smtptest|sivtest|nntptest|mupdatetest|httptest|synctest|installsieve)
      ln -sf "$LIBEXECDIR/cyrus-tools" "$bin/$t";;
    *) ln -sf cyrus-tools "$lib/$t";;
    esac
  done
fi
install -m 644 conf/cyr_cd.sh "$lib/cyr_cd.sh"
for page in docs/man/*.[1-8]; do
  if [ -f "$page" ]; then install -m 644 "$page" "$man/man${page##*.}/"; fi
done
if [ -f conf/imapd.conf.sample ]; then install -m 644 conf/imapd.conf.sample "$etc/imapd.conf.options"; fi
for conf in imapd.conf cyrus.conf; do
  [ -f "conf/$conf" ] || continue
  if [ -e "$etc/$conf" ]; then install -m 644 "conf/$conf" "$etc/$conf.sample"; else install -m 644 "conf/$conf" "$etc/$conf"; fi
done
for u in conf/*.service; do
  [ ! -f "$u" ] || sed "s#/usr/lib/cyrus/bin/#$LIBEXECDIR/#g;s#/etc/\(imapd\|cyrus\).conf#$SYSCONFDIR/\1.conf#g" "$u" >"$unit/$(basename "$u")"
done
echo "install: programs in $lib, links for users in $bin, configuration in $etc, pages in $man"
