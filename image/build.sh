#!/bin/sh
# Makes the image's root in the folder $1: the program without any library beside it, the simulated
# benchmarks, and the public authorities that TLS is verified by. The Dockerfile runs it, and
# `make image-root`, in a folder with the files that .dockerignore lets in.
set -eu
root=$1
target=$(rustc --print host-tuple)
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-0}"
export CARGO_INCREMENTAL=0
# glibc in the program, and no path of the machine that builds it.
export RUSTFLAGS="-C target-feature=+crt-static \
--remap-path-prefix=$PWD=/compass \
--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo \
--remap-path-prefix=$(rustc --print sysroot)=/rust"
cargo build --locked --profile dist --package compass --bin compass --target "$target"

add() { install -D --mode="$1" "$2" "$root$3"; }
rm -rf "$root"
add 0755 "${CARGO_TARGET_DIR:-target}/$target/dist/compass" /usr/bin/compass
add 0644 data/benchmarks.json.gz /usr/share/compass/benchmarks.json.gz
add 0644 LICENSE /usr/share/compass/LICENSE
add 0644 /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
