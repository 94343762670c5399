# Completion of axolotl-run for fish: source it, or put it where fish looks. Behind the first word that is no option
# another program's command line begins; `complete --do-complete` asks that program's own completion.

# What may stand at the cursor (command, file, run or none), then the words of a command that has begun.
function __axolotl_run_words
    set -l operands command
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case --
                set -e words[1]
                set operands behind-$operands
                break
            case --config --tty --html --against --with --notify
                set -e words[1]
            case --explain
                set operands file
            case --show --stacks --report --export
                set operands run
            case --forget
                set operands run-or-all
            case --status --enable --disable --record-always --schema --runs --send --notify-test --notify-store --completions '--completions=*' --man
                set operands none
            case '-*'
            case '*'
                # Behind a run more options may stand.
                string match -q 'run*' -- $operands; or break
                set operands none
        end
        set -e words[1]
    end
    printf '%s\n' $operands $words
end

function __axolotl_run_expects
    set -l words (__axolotl_run_words)
    test (count $words) -eq 1; and contains -- (string replace behind- '' -- $words[1]) $argv
end

function __axolotl_run_at_options
    set -l words (__axolotl_run_words)
    test (count $words) -eq 1; and not string match -q 'behind-*' -- $words[1]
end

function __axolotl_run_in_command
    set -l words (__axolotl_run_words)
    test (count $words) -gt 1; and contains -- $words[1] command behind-command
end

function __axolotl_run_command
    set -l words (__axolotl_run_words)
    complete --do-complete (string join ' ' -- (string escape -- $words[2..]) (commandline -ct))
end

function __axolotl_run_runs
    set -l state $XDG_STATE_HOME
    test -n "$state"; or set state ~/.local/state
    set -l lines (axolotl-run --runs 2>/dev/null)
    # Anybody may have made a directory there: only names of the form of a UUID are offered, with time and outcome.
    for run in (path basename $state/axolotl-run/runs/*-*/ | string match -r '^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$')
        set -l begin (string sub -l 8 $run)
        printf '%s\t%s\n' $run (string match -r "(?<=^$begin).*" -- $lines | string replace -ra ' +' ' ' | string trim)
    end
end

complete -c axolotl-run -f
complete -c axolotl-run -n __axolotl_run_in_command -a '(__axolotl_run_command)'
complete -c axolotl-run -n '__axolotl_run_expects command' -a '(__fish_complete_command)'
complete -c axolotl-run -n '__axolotl_run_expects file' -F
complete -c axolotl-run -n '__axolotl_run_expects run run-or-all' -a '(__axolotl_run_runs)'
complete -c axolotl-run -n '__axolotl_run_expects run-or-all' -a all
complete -c axolotl-run -n __axolotl_run_at_options -l record -d 'Observe and record locally; send nothing'
complete -c axolotl-run -n __axolotl_run_at_options -l config -rF -d 'The training configuration'
complete -c axolotl-run -n __axolotl_run_at_options -l tap-stdout -d 'Read progress from stdout'
complete -c axolotl-run -n __axolotl_run_at_options -l tty -xa direct -d 'Give the command the real terminal'
complete -c axolotl-run -n __axolotl_run_at_options -l summary -d 'Say at the end how the run went'
complete -c axolotl-run -n __axolotl_run_at_options -l ci-summary -d 'Append six lines for the CI page'
complete -c axolotl-run -n __axolotl_run_at_options -l no-output -d 'Keep nothing of what a recorded run prints'
complete -c axolotl-run -n __axolotl_run_at_options -l notify -x -d 'Tell this address or command'
complete -c axolotl-run -n __axolotl_run_at_options -l status -d 'Show whether telemetry is on, and why'
complete -c axolotl-run -n __axolotl_run_at_options -l enable -d 'Turn telemetry on'
complete -c axolotl-run -n __axolotl_run_at_options -l disable -d 'Turn telemetry off'
complete -c axolotl-run -n __axolotl_run_at_options -l record-always -d 'Record every run locally; send nothing'
complete -c axolotl-run -n __axolotl_run_at_options -l preview -d 'Print the start event of a command'
complete -c axolotl-run -n __axolotl_run_at_options -l explain -d 'Say what happened in a saved log'
complete -c axolotl-run -n __axolotl_run_at_options -l schema -d 'Print every event and field'
complete -c axolotl-run -n __axolotl_run_at_options -l runs -d 'List the recorded runs'
complete -c axolotl-run -n __axolotl_run_at_options -l show -d 'Print the events of a recorded run'
complete -c axolotl-run -n __axolotl_run_at_options -l stacks -d 'Print where the processes of a run are'
complete -c axolotl-run -n __axolotl_run_at_options -l report -d 'Print how a run went and why it ended'
complete -c axolotl-run -n __axolotl_run_at_options -l html -rF -d 'Write the report to a file'
complete -c axolotl-run -n __axolotl_run_at_options -l against -xa '(__axolotl_run_runs)'
complete -c axolotl-run -n __axolotl_run_at_options -l with -rF -d 'With --report: copied records of other machines'
complete -c axolotl-run -n __axolotl_run_at_options -l follow -d 'With --report: show a running run until it ends'
complete -c axolotl-run -n __axolotl_run_at_options -l with-output -d 'With --report: all that was kept of the output'
complete -c axolotl-run -n __axolotl_run_at_options -l export -d 'Write a run to a file for a public issue'
complete -c axolotl-run -n __axolotl_run_at_options -l send -d 'Send what waits'
complete -c axolotl-run -n __axolotl_run_at_options -l forget -d 'Delete the records of a run, or of all'
complete -c axolotl-run -n __axolotl_run_at_options -l notify-test -d 'Send a test message'
complete -c axolotl-run -n __axolotl_run_at_options -l price -x -d 'Store what an hour costs, for the reports'
complete -c axolotl-run -n __axolotl_run_at_options -l notify-store -d 'Store who is told of every observed run'
complete -c axolotl-run -n __axolotl_run_at_options -l completions -xa 'bash zsh fish' -d 'Print the completions'
complete -c axolotl-run -n __axolotl_run_at_options -l man -d 'Print the manual page'
complete -c axolotl-run -n __axolotl_run_at_options -l json -d 'Print JSON'
complete -c axolotl-run -n __axolotl_run_at_options -s h -l help -d 'Print the help'
complete -c axolotl-run -n __axolotl_run_at_options -s V -l version -d 'Print the version'
