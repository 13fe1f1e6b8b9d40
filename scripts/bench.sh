#!/bin/sh
# bench.sh BUILDDIR: run the shared benchmark with our programs beside the oracle's.
set -eu
dir=$(cd "$1" && pwd)
shift
cd "$(dirname "$0")/.."
bench=${CYRUS_SHARED:-../shared}/bench
[ -x "$bench/compare" ] || { echo "bench: skipped: no $bench/compare" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "bench: needs root (own namespaces and cgroups)" >&2; exit 1; }
rm -rf "$dir/../bench-bin"
mkdir -p "$dir/../bench-bin"
bin=$(cd "$dir/../bench-bin" && pwd)
for p in master imapd lmtpd idled; do ln -s "$dir/cyrus-$p" "$bin/$p"; done
for t in $("$dir/cyrus-tools" --list); do ln -s "$dir/cyrus-tools" "$bin/$t"; done
sed "s#\"bindir\": \"[^\"]*\"#\"bindir\": \"$bin\"#" "$bench/servers/rust.json.example" >"$bench/servers/rust.json"
cd "$bench" && exec ./compare run -s cyrus-3.6.1,rust "$@"
