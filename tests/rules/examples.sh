#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The examples in C++ print and paint what those in C do, to the byte; and one photo and one painting, large
# and not square, are one picture by every path:  examples.sh LIBRARY COMMAND
set -euo pipefail
folder=$(realpath "$(dirname "$1")") command=$(realpath "$2")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
model=$PWD/models/mini.artfusion images=$PWD/examples/images
build() { # SOURCE PROGRAM
  local compiler=(cc -std=c99)
  case $1 in *.cpp) compiler=(c++ -std=c++17) ;; esac
  "${compiler[@]}" -Wall -Wextra -Wpedantic -Wconversion -Werror -Iinclude "$1" \
    -o "$2" -L"$folder" -lartfusion -Wl,-rpath,"$folder"
}
compare() { # EXAMPLE ARGUMENTS...
  local example=$1 language
  shift
  build examples/"$example".c "$scratch/c-program"
  build examples/"$example".cpp "$scratch/cpp-program"
  for language in c cpp; do
    rm -rf "${scratch:?}/$language"
    mkdir "$scratch/$language"
    (cd "$scratch/$language" &&
      status=0
      "../$language-program" "$@" >stdout 2>stderr || status=$?
      echo $status >status)
  done
  diff -r "$scratch/c" "$scratch/cpp"
  echo "$example: status $(cat "$scratch/c/status")," \
    "$(find "$scratch/c" -name '*.png' | wc -l) pictures, the same in C++"
}
compare stylize "$model" "$images/pagoda.jpg" "$images/monet.jpg" result.png
compare stylize "$model" "$images/pagoda.jpg" nowhere.jpg result.png
compare preview "$model" "$images/pagoda.jpg" "$images/monet.jpg" step- 3
compare blend "$model" "$images/pagoda.jpg" "$images/monet.jpg" "$images/klimt.jpg" 0.25 result.png

# One picture. The C and C++ of README.md and of the headers' comments are built as they are printed; the
# bindings' own tests compare their examples with those in C, by these two pictures as well.
mkdir "$scratch/one"
unset ARTFUSION_MODEL # README.md's finds the default model
ln -s "$images/pagoda.jpg" "$scratch/one/photo.jpg"    # 512x342
ln -s "$images/coffee.jpg" "$scratch/one/painting.jpg" # 512x341
ln -s "$model" "$scratch/one/mini.artfusion"
program() { # the lines of a program that has `main`
  printf '#include "artfusion.%s"\n#include <stdio.h>\nint main(void)\n{\n' "$1"
  cat
  printf '}\n'
}
printed() { # FILE FROM UP-TO: the code between two lines of a comment
  awk -v from="$2" -v upto="$3" '
    index($0, upto) && on { exit } index($0, from) { on = 1; next }
    on && /^ \*     / { print substr($0, 4) }' "$1"
}
printed include/artfusion.h 'The whole library in one call' 'The same in its steps' |
  program h >"$scratch/header-call.c"
printed include/artfusion.h 'The same in its steps' 'Contents' | program h >"$scratch/header-steps.c"
printed include/artfusion.hpp 'artfusion.hpp - ' 'What artfusion.h says' |
  program hpp >"$scratch/header-steps++.cpp"
awk '/^```c$/ { on = 1; next } /^```/ { on = 0 } on' README.md >"$scratch/readme.c"
wanted=
same() { # PATH COMMAND...: which writes out.png
  rm -f "$scratch/one/out.png"
  (cd "$scratch/one" && shift && "$@" >"$scratch/said") || { echo "FAIL: $1"; exit 1; }
  if [ -z "$wanted" ]; then
    wanted=$scratch/wanted.png
    cp "$scratch/one/out.png" "$wanted"
  fi
  cmp "$wanted" "$scratch/one/out.png" || { echo "FAIL: $1 makes another picture"; failed=1; }
}
failed=0
for source in "$scratch"/{header-call.c,header-steps.c,header-steps++.cpp,readme.c}; do
  build "$source" "$scratch/program"
  same "$(basename "$source")" "$scratch/program"
done
for source in examples/stylize.c examples/stylize.cpp; do
  build $source "$scratch/program"
  same $source "$scratch/program" mini.artfusion photo.jpg painting.jpg out.png
done
same 'the command' "$command" stylize --quiet -m mini.artfusion -c photo.jpg -s painting.jpg -o out.png
mkdir "$scratch/one/photos"
mv "$scratch/one/photo.jpg" "$scratch/one/photos/out.jpg"
same 'the command, by folder' "$command" stylize --quiet -m mini.artfusion -c photos -s painting.jpg -o .
size=$(od -An -tu1 -j16 -N8 "$wanted" | tr -s ' ')
[ "$size" = ' 0 0 1 0 0 0 0 171' ] || { echo "FAIL: not 256x171, the photo's proportions"; failed=1; }
exit $failed
