# Completion of axolotl-run for bash.
#
# Written by hand: behind the first word that is not an option stands another program's command line, and
# its own completion must take over there. tests/documents.rs compares the options with the program's.

_axolotl_run() {
    local options='--record --config --tap-stdout --tty --status --enable --disable --preview --explain
        --schema --runs --show --send --forget --json --help --version'
    local word current=${COMP_WORDS[COMP_CWORD]} at=1 files=
    COMPREPLY=()
    for ((; at < COMP_CWORD; at++)); do
        word=${COMP_WORDS[at]}
        case $word in
            --) ((at++)); break ;;
            # Where `=` breaks words, the value stands behind one of its own.
            --config | --tty) [[ ${COMP_WORDS[at + 1]} == = ]] && ((at++)); ((at++)) ;;
            --explain) files=1 ;;
            --status | --enable | --disable | --schema | --runs | --show | --send | --forget) files=0 ;;
            -*) ;;
            *) break ;;
        esac
    done
    if ((at > COMP_CWORD)) || [[ $current == --config=* || $current == --tty=* ]]; then
        [[ $current == = ]] && current=
        if [[ ${COMP_LINE:0:COMP_POINT} =~ --tty[=\ ]+[a-z]*$ ]]; then
            COMPREPLY=($(compgen -W 'direct' -- "${current#--tty=}"))
        else
            COMPREPLY=($(compgen -f -- "${current#--config=}"))
        fi
    elif ((at == COMP_CWORD)) && [[ $current == -* && ${COMP_WORDS[at - 1]} != -- ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$current"))
    elif [[ $files == 1 ]]; then
        COMPREPLY=($(compgen -f -- "$current"))
    elif [[ -z $files ]]; then
        if declare -F _comp_command_offset >/dev/null; then
            _comp_command_offset "$at"
        elif declare -F _command_offset >/dev/null; then
            _command_offset "$at"
        elif ((at == COMP_CWORD)); then
            COMPREPLY=($(compgen -c -- "$current"))
        fi
    fi
}
complete -o bashdefault -o default -F _axolotl_run axolotl-run
