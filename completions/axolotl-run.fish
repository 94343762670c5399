# Completion of axolotl-run for fish. Behind the first word that is no option another program's command line
# begins; `complete --do-complete` asks that program's own completion.

function __axolotl_run_command
    set -l words (commandline --tokens-expanded --cut-at-cursor --current-process 2>/dev/null; or commandline -opc)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case --
                set -e words[1]
                break
            case --config --tty
                set -e words[1]
            case '-*'
            case '*'
                break
        end
        set -e words[1]
    end
    string join \n -- $words
end

function __axolotl_run_at_options
    test -z "$(__axolotl_run_command)"; and not contains -- -- (commandline -opc)
end

complete -c axolotl-run -f
complete -c axolotl-run -n 'not __axolotl_run_at_options' -a '(complete --do-complete (string join " " -- (string escape -- (__axolotl_run_command)) (commandline -ct)))'
complete -c axolotl-run -n __axolotl_run_at_options -a '(__fish_complete_command)'
complete -c axolotl-run -n __axolotl_run_at_options -l record -d 'Observe and record locally; send nothing'
complete -c axolotl-run -n __axolotl_run_at_options -l config -rF -d 'The training configuration'
complete -c axolotl-run -n __axolotl_run_at_options -l tap-stdout -d 'Read progress from stdout'
complete -c axolotl-run -n __axolotl_run_at_options -l tty -xa direct -d 'Give the command the real terminal'
complete -c axolotl-run -n __axolotl_run_at_options -l status -d 'Say whether telemetry is on, and why'
complete -c axolotl-run -n __axolotl_run_at_options -l enable -d 'Turn telemetry on'
complete -c axolotl-run -n __axolotl_run_at_options -l disable -d 'Turn telemetry off'
complete -c axolotl-run -n __axolotl_run_at_options -l preview -d 'Print the start event of a command'
complete -c axolotl-run -n __axolotl_run_at_options -l explain -rF -d 'Say what happened in a saved log'
complete -c axolotl-run -n __axolotl_run_at_options -l schema -d 'Print every event and field'
complete -c axolotl-run -n __axolotl_run_at_options -l runs -d 'List the recorded runs'
complete -c axolotl-run -n __axolotl_run_at_options -l show -d 'Print the events of a recorded run'
complete -c axolotl-run -n __axolotl_run_at_options -l send -d 'Send what waits'
complete -c axolotl-run -n __axolotl_run_at_options -l forget -d 'Delete the records of a run, or of all'
complete -c axolotl-run -n __axolotl_run_at_options -l json -d 'Print JSON'
complete -c axolotl-run -n __axolotl_run_at_options -s h -l help -d 'Print the help'
complete -c axolotl-run -n __axolotl_run_at_options -s V -l version -d 'Print the version'
