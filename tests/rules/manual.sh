#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The manual page has every option and every variable that --help shows, and the older names of options; the
# completion has the values that options take:  manual.sh COMMAND
set -euo pipefail
command=$1 page=tools/artfusion.1
failed=0
shown() {
  "$command" --help
  for each in stylize sample reconstruct info; do "$command" $each --help; done
}
options=$(shown | grep -oE '(^|[ ,])--[a-z-]+' | tr -d ' ,' | sort -u)
[ "$(wc -l <<<"$options")" -gt 20 ] || { echo "FAIL: only these options were found: $options"; exit 1; }
# Older names, which --help does not show.
aliases=$(sed -nE 's/.*\bALIAS\("([a-z-]+)".*/--\1/p' tools/option_tables.c)
[ -n "$aliases" ] || { echo "FAIL: no older names were found"; exit 1; }
for option in $options $aliases; do
  grep -qE -- "Fl (. , )?${option#-}( |\$)" "$page" ||
    grep -qE -- "[,|] (Fl )?${option#-}( |\$)" "$page" ||
    { echo "FAIL: $page lacks $option"; failed=1; }
done
for variable in $(shown | grep -oE '\bARTFUSION_[A-Z]+' | sort -u); do
  grep -q "Ev $variable" "$page" || { echo "FAIL: $page lacks $variable"; failed=1; }
done
completion=tools/completion/artfusion.bash
values=$(sed -nE "s/^ *(-. \| )?--([a-z-]+)\) words='([^']*)' ;;/\2 \3/p" $completion)
[ "$(wc -l <<<"$values")" -ge 8 ] || { echo "FAIL: only these values were found: $values"; exit 1; }
while read -r option known; do
  taken=$({ "$command" stylize "--$option" '?' 2>&1 || true; } |
    sed -nE '1s/.*is unknown,? there (is|are) //p' | sed 's/;.*//; s/,//g; s/ and / /g')
  [ "$(tr ' ' '\n' <<<"$known" | sort)" = "$(tr ' ' '\n' <<<"$taken" | sort)" ] ||
    { echo "FAIL: $completion has $known for --$option, which takes $taken"; failed=1; }
done <<<"$values"
exit $failed
