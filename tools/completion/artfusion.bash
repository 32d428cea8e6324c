# SPDX-License-Identifier: MIT
# Completion of the artfusion command, for bash; for zsh by its bashcompinit.
# Options come from --help, so that there is no list to keep; tests/rules/manual.sh compares the values.

_artfusion() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='stylize sample reconstruct info --help --version'
  else
    case $before in
      --solver) words='ddim ddpm dpmpp_2m dpmpp_2m_sde unipc' ;;
      --spacing) words='uniform quad trailing linspace' ;;
      --rng) words='counter torch_cpu' ;;
      --noise) words='normal uniform' ;;
      --precision) words='auto float32 bfloat16 float16' ;;
      -d | --device) words='auto cpu cuda' ;;
      --isolation) words='none process auto' ;;
      --format) words='png jpeg webp' ;;
      --reading) words='viewed reference' ;;
      -p | --preset | --strength) # of the model that is given, or the default one
        local i model=
        for ((i = 2; i < COMP_CWORD; i++)); do
          case ${COMP_WORDS[i]} in -m | --model) model=${COMP_WORDS[i + 1]} ;; esac
        done
        words=$("${COMP_WORDS[0]}" info ${model:+"$model"} 2>/dev/null |
          sed -n 's/^    \([a-z0-9-]*\) .*steps of.*/\1/p') ;;
      *)
        case $word in
          -*) words=$("${COMP_WORDS[0]}" "${COMP_WORDS[1]}" --help 2>/dev/null |
            grep -oE -- '^ .{5}--[a-z-]+' | tr -d ' ,' | sed 's/^-[a-z]--/--/') ;;
          *) return ;; # files, by -o default
        esac ;;
    esac
  fi
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$words" -- "$word")
}

complete -o default -F _artfusion artfusion
