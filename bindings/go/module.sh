#!/bin/sh
# SPDX-License-Identifier: MIT
#
#   module.sh FOLDER
#
# Makes in FOLDER what a module proxy has of this release: its zip, with nothing of the repository but this folder and
# the licence. A stranger's program, of the README's lines, is built with this folder in the module's place, and with
# the module as that proxy serves it. PKG_CONFIG_PATH and LD_LIBRARY_PATH say where the library is installed.
set -eu
[ $# = 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
scratch=$(mktemp -d)
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT
export GOFLAGS=-mod=mod GOPROXY=off GOSUMDB=off GOPATH="$scratch/gopath" CGO_ENABLED=1
mkdir -p "$1"
proxy=$(cd "$1" && pwd)
cd "$(dirname "$0")"
module=$(sed -n 's/^module //p' go.mod)
release=v$(sed -n 's/^#define ARTFUSION_VERSION_[A-Z]* \([0-9]*\)$/\1/p' ../../include/artfusion.h | paste -sd .)
versions=$proxy/$module/@v
mkdir -p "$versions" "$scratch/zip/$module@$release"
cp -r . ../../LICENSE "$scratch/zip/$module@$release"
# Files alone: go refuses a zip that lists folders.
(cd "$scratch/zip" && python3 -c 'import pathlib, sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as module:
    for path in sorted(pathlib.Path().rglob("*")):
        if path.is_file():
            module.write(path)' "$versions/$release.zip")
cp go.mod "$versions/$release.mod"
printf '{"Version":"%s","Time":"2020-01-01T00:00:00Z"}' "$release" >"$versions/$release.info"
stranger() { # FOLDER COMMAND...: a module of its own, whose program is run after the command
    folder=$scratch/$1
    shift
    mkdir -p "$folder"
    cp ../../examples/images/pagoda.jpg "$folder/photo.jpg"
    cp ../../examples/images/van-gogh.jpg "$folder/painting.jpg"
    {
        printf 'package main\n\nimport (\n\t"context"\n\t"log"\n\n\tartfusion "%s"\n)\n\nfunc main() {\n' "$module"
        echo 'ctx := context.Background()'
        echo 'photo, err := artfusion.LoadImage("photo.jpg", nil); if err != nil { log.Fatal(err) }'
        echo 'painting, err := artfusion.LoadImage("painting.jpg", nil); if err != nil { log.Fatal(err) }'
        sed -n '/^```go$/,/^```$/{/^```/d;s/ *\/\/.*//;s/.*err :*= .*/& ; if err != nil { log.Fatal(err) }/;p}' ../../README.md
        echo '}'
    } >"$folder/main.go"
    (
        cd "$folder"
        go mod init stranger.example/stranger 2>"$scratch/said"
        "$@"
        go build -o stranger . || { cat main.go; exit 1; }
        ./stranger
        [ -s result.png ] || { echo "$folder: no result.png"; exit 1; }
    )
}
eval "stranger replaced $(sed -n 's/^go mod edit /&/p' ../../README.md | sed "s#=DIR/#=$(cd ../.. && pwd)/#")"
(
    export GOPROXY="file://$proxy"
    stranger fetched go get "$module@$release"
)
echo "Go: the module is used as it is published"
