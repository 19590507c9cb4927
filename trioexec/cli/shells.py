"""The scripts that make shells ask us what may stand where the cursor is."""

from __future__ import annotations

from typing import Final, Literal

__all__ = ["COMPLETE", "SCRIPTS", "Shell"]

Shell = Literal["bash", "zsh", "fish"]

COMPLETE: Final = "__complete"
"""What they call us with, before the words of the line."""

_BASH: Final = r"""
# bash ends a word at each : @ and =, which nodes and options have inside: they are put together
# here, and what bash has of the last one already is taken off each answer; it puts @ back itself.
_trioexec() {
  local rest=$COMP_LINE cur=${COMP_WORDS[COMP_CWORD]} gap word line how="" i n=0
  local -a words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    gap=${rest%%[![:space:]]*}
    rest=${rest#"$gap"}
    rest=${rest#"$word"}
    if [[ -n $gap || $n -eq 0 ]]; then
      words[n]=$word
      n=$((n + 1))
    else
      words[n - 1]+=$word
    fi
  done
  [[ $cur == *[!:@=]* ]] || cur=""
  word=${words[n - 1]}
  gap=${word%"$cur"}
  gap=${gap%@}
  words[n - 1]=${word#[\'\"]}
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ -z $how ]]; then
      how=$line
    else
      COMPREPLY+=("${line%%$'\t'*}")
    fi
  done < <("${words[0]/#\~/$HOME}" __complete "${words[@]:1}" 2>/dev/null)
  COMPREPLY=("${COMPREPLY[@]#"${gap#[\'\"]}"}")
  if [[ $how == files ]]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r line; do
      COMPREPLY+=("$line")
    done < <(compgen -f -- "${cur#[\'\"]}")
  elif [[ ${#COMPREPLY[@]} -eq 1 && $COMPREPLY == */ ]]; then
    compopt -o nospace 2>/dev/null
  fi
}
complete -F _trioexec trioexec
"""

_ZSH: Final = r"""
_trioexec() {
  local -a lines texts shown
  local how line
  lines=("${(@f)$(${~words[1]} __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
  how=$lines[1]
  for line in "${(@)lines[2,-1]}"; do
    [[ -n $line ]] || continue
    texts+=("${line%%$'\t'*}")
    shown+=("${${line/$'\t'/  }%  }")
  done
  (( $#texts )) && compadd -l -d shown -a texts
  if [[ $how == files ]]; then
    compset -P '--*='
    _files
  fi
}

# Autoloaded, the first line has told zsh whom this is for; evaluated, nobody has.
if [[ $funcstack[1] == _trioexec ]]; then
  _trioexec "$@"
elif (( $+functions[compdef] )); then
  compdef _trioexec trioexec
fi
"""

_FISH: Final = r"""
function __trioexec_complete
    set -l words (commandline -opc)
    set -l typed (string trim -l -c '\'"' -- (commandline -ct))
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    set -l lines ($program __complete $words[2..-1] "$typed" 2>/dev/null)
    test (count $lines) -gt 1; and printf '%s\n' $lines[2..-1]
    if test "$lines[1]" = files
        set -l flag (string match -r '^--[^=]*=' -- $typed)
        for file in (__fish_complete_path (string replace -r '^--[^=]*=' '' -- $typed))
            echo "$flag$file"
        end
    end
end
complete -c trioexec -f -a '(__trioexec_complete)'
"""

SCRIPTS: Final[dict[Shell, str]] = {
    "bash": f"# Completion of trioexec for bash.\n{_BASH}",
    "zsh": f"#compdef trioexec\n# Completion of trioexec for zsh.\n{_ZSH}",
    "fish": f"# Completion of trioexec for fish.\n{_FISH}",
}
