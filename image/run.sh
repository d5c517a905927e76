#!/bin/sh
# Runs the program in the image's root $1, with the arguments that follow: nothing else is there but the
# devices that every container has, nothing can be written, and it is not root. Network and environment
# are the caller's.
set -eu
root=$(realpath "$1")
shift
mkdir -p "$root/dev"
exec unshare --user --map-root-user --mount --propagation private sh -eu -c '
  root=$1
  shift
  mount --bind "$root" "$root"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  for device in null zero full random urandom; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  mount -o remount,bind,ro,nosuid,nodev "$root"
  exec unshare --user --map-user=65532 --map-group=65532 --root="$root" --wd=/ /usr/bin/compass "$@"
' sh "$root" "$@"
