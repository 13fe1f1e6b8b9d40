#!/bin/sh
# bench.sh BUILDDIR: run the shared benchmark with our programs beside the oracle's.
set -eu
dir=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
bench=${CYRUS_SHARED:-../shared}/bench
[ -x "$bench/compare" ] || { echo "bench: skipped: no $bench/compare" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "bench: needs root (own namespaces and cgroups)" >&2; exit 1; }
sed "s#\"bindir\": \"[^\"]*\"#\"bindir\": \"$dir\"#" "$bench/servers/rust.json.example" >"$bench/servers/rust.json"
cd "$bench" && exec ./compare run -s cyrus-3.6.1,rust "$@"
