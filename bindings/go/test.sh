#!/bin/sh
# SPDX-License-Identifier: MIT
#
#   test.sh BUILD [EXAMPLES]
#
# Tests the Go package with the library that was built in the folder BUILD, from an installation of its
# own, and its examples against those in C. The examples' programs are left in the folder EXAMPLES.
# Go's cache is GOCACHE or BUILD/go-cache. No network is needed.
set -eu
build=$(cd "$1" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
programs=${2:-$scratch/programs}
mkdir -p "$programs"
programs=$(cd "$programs" && pwd)
cd "$(dirname "$0")"

prefix=$build/go-prefix
rm -rf "$prefix"
cmake --install "$build" --prefix "$prefix" >"$scratch/log" || { cat "$scratch/log"; exit 1; }
pc=$(find "$prefix" -name artfusion.pc)
PKG_CONFIG_PATH=$(dirname "$pc")
LD_LIBRARY_PATH=$(dirname "$PKG_CONFIG_PATH")
# Go's cache sees neither what pkg-config says nor the header, but it sees this.
installed=$(cat "$prefix/include/artfusion.h" "$LD_LIBRARY_PATH/libartfusion.so" | sha256sum | cut -c1-16)
CGO_CFLAGS="-O2 -g -DINSTALLED=0x$installed"
export PKG_CONFIG_PATH LD_LIBRARY_PATH CGO_CFLAGS
export GOCACHE="${GOCACHE:-$build/go-cache}" GOPATH="${GOPATH:-$scratch/gopath}" GOFLAGS=-mod=mod GOPROXY=off
export CGO_ENABLED=1

unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
    echo "gofmt would change: $unformatted"
    exit 1
fi
go vet ./...
go test -race -count=1 ./...
go build -o "$programs/" ./examples/...

./module.sh "$scratch/module"

# The same command lines, the same lines and the same files.
images=../../examples/images
model=../../models/mini.artfusion
for name in stylize preview blend; do
    ${CC:-cc} -std=c17 "../../examples/$name.c" -o "$scratch/$name" $(pkg-config --cflags --libs artfusion)
done
compare() { # NAME ARGUMENT...; %s stands for the folder of one's files
    name=$1
    shift
    for folder in c go; do
        mkdir -p "$scratch/$folder"
        [ $folder = c ] && program=$scratch/$name || program=$programs/$name
        code=0
        "$program" $(printf "$* " "$scratch/$folder") >"$scratch/$folder/$name.txt" || code=$?
        echo "exit status $code" >>"$scratch/$folder/$name.txt"
    done
    diff -r "$scratch/c" "$scratch/go"
}
compare stylize $model $images/pagoda.jpg $images/van-gogh.jpg %s/stylize.png
compare preview $model $images/pagoda.jpg $images/van-gogh.jpg %s/step- 3
compare preview $model $images/pagoda.jpg $images/van-gogh.jpg %s/all-
compare stylize $model $images/pagoda.jpg $images/coffee.jpg %s/large.png # no square, and larger than native
compare blend $model $images/chelsea.jpg $images/monet.jpg $images/munch.jpg 0.25 %s/blend.png
for file in stylize.png large.png step-3.png all-8.png blend.png; do
    [ -s "$scratch/go/$file" ] || { echo "no $file"; exit 1; }
done
compare stylize $model none.jpg $images/monet.jpg %s/none.png 2>"$scratch/errors"
[ "$(sort -u "$scratch/errors" | wc -l)" = 1 ] || { cat "$scratch/errors"; exit 1; }
echo "Go: all tests passed"
