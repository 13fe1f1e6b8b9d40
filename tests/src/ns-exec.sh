#!/bin/sh
# ns-exec.sh DIR USER [BINDIR NAME]... -- COMMAND...
# Runs COMMAND in the mount namespace it was started in, after giving it a private /dev whose /dev/log is DIR/log.sock
# and mounting each BINDIR at DIR/NAME. USER, if not "-", is who COMMAND runs as.
set -e
dir=$1 user=$2
shift 2
while [ "$1" != -- ]; do
  mount --bind "$1" "$dir/$2"
  shift 2
done
shift
dev=$dir/dev
mount -t tmpfs -o mode=755,size=1m none "$dev"
for n in null zero full random urandom tty; do
  [ -e "/dev/$n" ] || continue
  : >"$dev/$n"
  mount --bind "/dev/$n" "$dev/$n"
done
mkdir "$dev/shm" "$dev/pts"
mount -t tmpfs -o mode=1777,size=64m none "$dev/shm"
mount --bind /dev/pts "$dev/pts" 2>/dev/null || true
ln -s /proc/self/fd "$dev/fd"
ln -s /proc/self/fd/0 "$dev/stdin"
ln -s /proc/self/fd/1 "$dev/stdout"
ln -s /proc/self/fd/2 "$dev/stderr"
ln -s "$dir/log.sock" "$dev/log"
mount --rbind "$dev" /dev
cd "$dir"
if [ "$user" = - ]; then exec setpriv --inh-caps=-all --ambient-caps=-all "$@"; fi
exec setpriv --reuid="$user" --regid="$user" --init-groups "$@"
