#!/bin/sh
# Runs the program in the image's root $1, with the arguments that follow: nothing else is there, nothing
# can be written, and it is not root. Network and environment are the caller's.
set -eu
root=$(realpath "$1")
shift
exec unshare --user --map-root-user --mount --propagation private sh -eu -c '
  root=$1
  shift
  mount --bind "$root" "$root"
  mount -o remount,bind,ro,nosuid,nodev "$root"
  exec unshare --user --map-user=65532 --map-group=65532 --root="$root" --wd=/ /usr/bin/compass "$@"
' sh "$root" "$@"
