# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_explain_global_optspecs
    string join \n json q/quiet v/verbose color= generate= h/help V/version
end

function __fish_explain_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_explain_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_explain_using_subcommand
    set -l cmd (__fish_explain_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c explain -n "__fish_explain_needs_command" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c explain -n "__fish_explain_needs_command" -l generate -d 'Print a man page or a completion script and exit' -r -f -a "man\t''
bash\t''
zsh\t''
fish\t''"
complete -c explain -n "__fish_explain_needs_command" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c explain -n "__fish_explain_needs_command" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c explain -n "__fish_explain_needs_command" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c explain -n "__fish_explain_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c explain -n "__fish_explain_needs_command" -s V -l version -d 'Print version'
complete -c explain -n "__fish_explain_needs_command" -f -a "plan" -d 'Print the plan of a statement: inputs, then each stage of planning'
complete -c explain -n "__fish_explain_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c explain -n "__fish_explain_using_subcommand plan" -l db -d 'Database folder' -r -F
complete -c explain -n "__fish_explain_using_subcommand plan" -l stage -d 'Stages to print' -r -f -a "all\t''
logical\t'As written (P0)'
optimized\t'After the optimizer (P1)'
physical\t'What would be run (P2)'"
complete -c explain -n "__fish_explain_using_subcommand plan" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c explain -n "__fish_explain_using_subcommand plan" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c explain -n "__fish_explain_using_subcommand plan" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c explain -n "__fish_explain_using_subcommand plan" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c explain -n "__fish_explain_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c explain -n "__fish_explain_using_subcommand help; and not __fish_seen_subcommand_from plan help" -f -a "plan" -d 'Print the plan of a statement: inputs, then each stage of planning'
complete -c explain -n "__fish_explain_using_subcommand help; and not __fish_seen_subcommand_from plan help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
