#!/bin/sh
# oracle.sh [DIR]: unpack Debian's Cyrus IMAP (the oracle of our tests) under DIR (default target/oracle).
#
# Nothing is installed: packages are fetched with `apt-get download` and unpacked with `dpkg-deb -x`. Libraries the
# packages need are taken along when this system lacks them. DIR/bin/NAME are wrappers that run DIR/root's programs with
# those libraries. Works without root when apt's package lists are there; as root the lists are fetched if absent.
# ORACLE_ASSUME_MISSING="pkg pkg": treat these as not installed (to try a bare machine's behaviour on a full one).
set -eu
version=3.6.1-4+deb12u5
cyrus="cyrus-common cyrus-imapd cyrus-pop3d cyrus-nntpd cyrus-caldav cyrus-murder cyrus-replication cyrus-admin
cyrus-clients libcyrus-imap-perl"
cd "$(dirname "$0")/.."
dir=${1:-target/oracle}
stamp="$dir/version"

say() { echo "oracle: $*"; }
die() { echo "oracle: $*" >&2; exit 1; }

if [ "$(cat "$stamp" 2>/dev/null)" = "$version" ] && [ -x "$dir/bin/imapd" ] && "$dir/bin/cyr_buildinfo" >/dev/null 2>&1
then say "cyrus-imapd $version is ready in $dir"; exit 0; fi

command -v apt-get >/dev/null || die "needs apt-get (Debian 12)"
command -v dpkg-deb >/dev/null || die "needs dpkg-deb"
have() { apt-cache show "cyrus-imapd=$version" >/dev/null 2>&1; }
if ! have; then
  [ "$(id -u)" = 0 ] || die "apt has no list with cyrus-imapd $version; run 'apt-get update' as root, then 'make oracle' again"
  apt-get update -qq || die "apt-get update failed"
  have || die "Debian's cyrus-imapd $version is not in apt's sources (Debian 12 with its security archive has it)"
fi

mkdir -p "$dir/deb"
dir=$(cd "$dir" && pwd)
triple=$(gcc -print-multiarch 2>/dev/null || true)
[ -n "$triple" ] || triple=$(ls -d /usr/lib/*-linux-gnu | head -n 1 | sed 's#.*/##')

# What of the packages' dependencies is a library or Perl and is not installed here; an installed one has its own.
installed=" $(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | tr '\n' ' ') "
for p in ${ORACLE_ASSUME_MISSING:-}; do installed=$(echo "$installed" | sed "s/ $p / /"); done
want=""
# shellcheck disable=SC2086
todo=$(echo $cyrus libsasl2-modules libsasl2-modules-db)
while [ -n "$todo" ]; do
  # shellcheck disable=SC2086
  deps=$(apt-cache depends --important $todo | sed -n 's/^ *\(Pre\)\{0,1\}Depends: \([a-z0-9.+-]*\).*$/\2/p')
  [ -z "$want" ] && deps="libsasl2-modules libsasl2-modules-db $deps"
  todo=""
  for p in $deps; do
    case "$p" in lib*|perl*) ;; *) continue;; esac
    case " $(echo $cyrus)$want $installed" in *" $p "*) continue;; esac
    want="$want $p"
    todo="$todo $p"
  done
done
fetch=""
for p in $cyrus; do fetch="$fetch $p=$version"; done

say "downloading cyrus-imapd $version${want:+ and$want}"
# shellcheck disable=SC2086
(cd "$dir/deb" && apt-get download -q $fetch $want) >"$dir/download.log" 2>&1 \
  || { cat "$dir/download.log" >&2; die "download failed"; }

rm -rf "$dir/root" "$dir/bin"
mkdir -p "$dir/root" "$dir/bin"
for d in "$dir"/deb/*.deb; do
  dpkg-deb -x "$d" "$dir/root"
done
for p in $cyrus; do
  v=$(dpkg-deb -f "$dir"/deb/"$p"_*.deb Version)
  [ "$v" = "$version" ] || die "$p is version $v, wanted $version"
done

# Wrappers. DIR may be moved or mounted elsewhere: they find the root from their own place.
wrap() {
  w="$dir/bin/$(basename "$1")"
  {
    echo '#!/bin/sh'
    echo 'r=${0%/*}/../root'
    echo "l=\$r/usr/lib/$triple:\$r/lib/$triple:\$r/usr/lib"
    echo 'export LD_LIBRARY_PATH="$l${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"'
    if [ -d "$dir/root/usr/lib/$triple/sasl2" ]; then
      echo "export SASL_PATH=\"\$r/usr/lib/$triple/sasl2:/usr/lib/$triple/sasl2\""
    fi
    case "$(head -c 64 "$dir/root/$1" | tr -d '\000' | head -n 1)" in
    '#!'*perl*|'#! /bin/sh'*|'#!/bin/sh'*)
      if grep -aq perl "$dir/root/$1"; then
        p=$(cd "$dir/root" && ls -d usr/lib/"$triple"/perl5/* usr/share/perl5 usr/share/perl/* \
          usr/lib/"$triple"/perl/* 2>/dev/null | sed 's#^#$r/#' | tr '\n' ':')
        echo "export PERL5LIB=\"$p\${PERL5LIB:-}\""
        echo "exec perl \"\$r/$1\" \"\$@\""
      else
        echo "exec sh \"\$r/$1\" \"\$@\""
      fi;;
    *) echo "exec \"\$r/$1\" \"\$@\"";;
    esac
  } >"$w"
  chmod 755 "$w"
}
for f in $(for p in $cyrus; do dpkg-deb -c "$dir"/deb/"$p"_*.deb; done | sed -n 's#^.* \./\(usr/[a-z/]*bin/[^ ]*\).*#\1#p'); do
  [ -f "$dir/root/$f" ] && wrap "$f"
done
chmod -R a+rX "$dir"

# Every shared library must resolve.
bad=$(for f in "$dir"/root/usr/lib/cyrus/bin/* "$dir"/root/usr/lib/"$triple"/perl5/*/auto/*/*/*.so; do
  [ -f "$f" ] || continue
  LD_LIBRARY_PATH="$dir/root/usr/lib/$triple:$dir/root/lib/$triple:$dir/root/usr/lib" ldd "$f" 2>/dev/null \
    | sed -n "s#^\s*\(.*\) => not found#$(basename "$f"): \1#p"
done)
[ -z "$bad" ] || die "libraries that do not resolve:
$bad"
"$dir/bin/cyr_buildinfo" >/dev/null || die "cyr_buildinfo does not run"
echo "$version" >"$stamp"
rm -rf "$dir/deb"
say "cyrus-imapd $version is ready in $dir"
