# Completion of axolotl-run for bash: source it, or put it where bash-completion looks.
#
# Written by hand: behind the first word that is not an option stands another program's command line, and its own
# completion must take over there. src/commands/tests/documents.rs compares the options with the program's, tests/cli/completions.rs
# drives the shell.

_axolotl_run() {
    local options='--record --config --tap-stdout --tty --summary --ci-summary --no-output --notify --status --enable --disable
        --record-always --preview --explain --schema --runs --show --stacks --report --html --against --with --follow --with-output --export --send
        --forget --price --notify-test --notify-store --completions --man --json --help --version'
    local current=${COMP_WORDS[COMP_CWORD]} option= prefix= operands=command at
    COMPREPLY=()
    for ((at = 1; at < COMP_CWORD; at++)); do
        case ${COMP_WORDS[at]} in
            --) ((at++)); break ;;
            --config | --tty | --completions | --html | --against | --with | --notify)
                option=${COMP_WORDS[at]}
                [[ $option == --completions ]] && operands=none
                # Where `=` breaks words, it stands before the value as a word of its own.
                [[ ${COMP_WORDS[at + 1]} == = ]] && ((at++))
                ((at++)) ;;
            --preview) operands=command ;;
            --explain) operands=file ;;
            --show | --stacks | --report | --export) operands=run ;;
            --forget) operands=run-or-all ;;
            --status | --enable | --disable | --record-always | --schema | --runs | --send | --notify-test | --notify-store | --completions=* | --man) operands=none ;;
            -*) ;;
            # Behind a run more options may stand.
            *) [[ $operands == run* ]] || break; operands=none ;;
        esac
    done
    if ((at > COMP_CWORD)); then
        [[ $current == = ]] && current=
        _axolotl_run_value "$option"
    elif ((at == COMP_CWORD)) && [[ $current == --*=* ]]; then
        option=${current%%=*} current=${current#*=}
        prefix=$option=
        _axolotl_run_value "$option"
    elif ((at == COMP_CWORD)) && [[ $current == -* && ${COMP_WORDS[at - 1]} != -- ]]; then
        _axolotl_run_offer -W "$options"
    elif [[ $operands == command ]]; then
        _axolotl_run_command "$at"
    elif ((at == COMP_CWORD)); then
        _axolotl_run_value "$operands"
    else
        _axolotl_run_value none
    fi
}

# Offers what `compgen` finds, a line each, so that names may hold blanks.
_axolotl_run_offer() {
    mapfile -t COMPREPLY < <(compgen -P "$prefix" "$@" -- "$current")
    compopt +o bashdefault +o default 2>/dev/null
}

# Offers the recorded runs, and the words $@. Anybody may have made a directory there: only names of the form of a UUID
# are offered, and never through `compgen -W`, which executes `$(…)` in its words.
_axolotl_run_offer_runs() {
    local name digit='[0-9a-f]' uuid
    uuid="^$digit{8}-$digit{4}-$digit{4}-$digit{4}-$digit{12}\$"
    COMPREPLY=()
    for name in "$@" "${XDG_STATE_HOME:-$HOME/.local/state}/axolotl-run/runs"/*-*; do
        name=${name##*/}
        [[ $name =~ $uuid || $name == all ]] || continue
        [[ $name == "$current"* ]] && COMPREPLY+=("$prefix$name")
    done
    compopt +o bashdefault +o default 2>/dev/null
}

_axolotl_run_value() {
    case $1 in
        --tty) _axolotl_run_offer -W direct ;;
        --completions) _axolotl_run_offer -W 'bash zsh fish' ;;
        run | --against) _axolotl_run_offer_runs ;;
        run-or-all) _axolotl_run_offer_runs all ;;
        none) _axolotl_run_offer -W '' ;;
        *) _axolotl_run_offer -f; compopt -o filenames 2>/dev/null ;;
    esac
}

# Asks the completion of the command that begins at the word $1.
_axolotl_run_command() {
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$1"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif ((COMP_CWORD == $1)); then
        _axolotl_run_offer -c
    else
        # Without bash-completion: what it would do with a completion that the shell knows.
        local specification
        COMP_WORDS=("${COMP_WORDS[@]:$1}")
        ((COMP_CWORD -= $1))
        COMP_LINE=${COMP_WORDS[*]} COMP_POINT=${#COMP_LINE}
        specification=$(complete -p -- "${COMP_WORDS[0]}" 2>/dev/null) || return
        if [[ $specification =~ \ -F\ ([^ ]+)\  ]]; then
            "${BASH_REMATCH[1]}" "${COMP_WORDS[0]}" "$current" "${COMP_WORDS[COMP_CWORD - 1]}"
        else
            # It is printed quoted, to be read again by the shell; the last word is the command's name.
            specification=${specification#complete }
            eval "_axolotl_run_offer ${specification% *}"
        fi
    fi
}

complete -o bashdefault -o default -F _axolotl_run axolotl-run
