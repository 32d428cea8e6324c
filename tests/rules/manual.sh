#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The manual page has every option and every variable that the command tells of, and the completion the
# values that it takes:  manual.sh COMMAND
set -euo pipefail
command=$1 page=tools/artfusion.1
failed=0
told() {
  "$command" --help
  for each in stylize sample reconstruct info; do "$command" $each --help; done
}
options=$(told | grep -oE '(^|[ ,])--[a-z-]+' | tr -d ' ,' | sort -u)
[ "$(wc -l <<<"$options")" -gt 20 ] || { echo "FAIL: only these options were found: $options"; exit 1; }
for option in $options; do
  grep -qE -- "Fl (. , )?${option#-}( |\$)" "$page" ||
    grep -qE -- "[,|] (Fl )?${option#-}( |\$)" "$page" ||
    { echo "FAIL: $page lacks $option"; failed=1; }
done
for variable in $(told | grep -oE '\bARTFUSION_[A-Z]+' | sort -u); do
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
