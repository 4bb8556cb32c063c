# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_deltalog_global_optspecs
    string join \n json q/quiet v/verbose color= generate= h/help V/version
end

function __fish_deltalog_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_deltalog_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_deltalog_using_subcommand
    set -l cmd (__fish_deltalog_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c deltalog -n "__fish_deltalog_needs_command" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c deltalog -n "__fish_deltalog_needs_command" -l generate -d 'Print a man page or a completion script and exit' -r -f -a "man\t''
bash\t''
zsh\t''
fish\t''"
complete -c deltalog -n "__fish_deltalog_needs_command" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c deltalog -n "__fish_deltalog_needs_command" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c deltalog -n "__fish_deltalog_needs_command" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c deltalog -n "__fish_deltalog_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c deltalog -n "__fish_deltalog_needs_command" -s V -l version -d 'Print version'
complete -c deltalog -n "__fish_deltalog_needs_command" -f -a "append" -d 'Append operations from NDJSON'
complete -c deltalog -n "__fish_deltalog_needs_command" -f -a "dump" -d 'Print committed operations as NDJSON, with LSN, transaction and time'
complete -c deltalog -n "__fish_deltalog_needs_command" -f -a "verify" -d 'Prove a log, or say what is damaged and where'
complete -c deltalog -n "__fish_deltalog_needs_command" -f -a "stat" -d 'Print counts, LSNs, times, and what the operations touch'
complete -c deltalog -n "__fish_deltalog_needs_command" -f -a "recover" -d 'Recover a log that was not closed cleanly, and report what was kept and cut'
complete -c deltalog -n "__fish_deltalog_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c deltalog -n "__fish_deltalog_using_subcommand append" -l txn -d 'Lines in a transaction where none is marked' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand append" -l sync -d 'When commits reach the disk: always, interval:50ms, bytes:1MiB or none' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand append" -l rotate-size -d 'Seal a segment before it grows above this' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand append" -l rotate-age -d 'Seal a segment at the first commit after it has this age' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand append" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand append" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c deltalog -n "__fish_deltalog_using_subcommand append" -l ack -d 'Print {"lsn":N,"txn":T} for each commit, once it is on disk'
complete -c deltalog -n "__fish_deltalog_using_subcommand append" -l dry-run -d 'Read and check everything, write nothing'
complete -c deltalog -n "__fish_deltalog_using_subcommand append" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c deltalog -n "__fish_deltalog_using_subcommand append" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c deltalog -n "__fish_deltalog_using_subcommand append" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c deltalog -n "__fish_deltalog_using_subcommand append" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c deltalog -n "__fish_deltalog_using_subcommand dump" -l from-lsn -d 'First LSN to print' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand dump" -l to-lsn -d 'Last LSN to print' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand dump" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c deltalog -n "__fish_deltalog_using_subcommand dump" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c deltalog -n "__fish_deltalog_using_subcommand dump" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c deltalog -n "__fish_deltalog_using_subcommand dump" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c deltalog -n "__fish_deltalog_using_subcommand dump" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c deltalog -n "__fish_deltalog_using_subcommand verify" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c deltalog -n "__fish_deltalog_using_subcommand verify" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c deltalog -n "__fish_deltalog_using_subcommand verify" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c deltalog -n "__fish_deltalog_using_subcommand verify" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c deltalog -n "__fish_deltalog_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c deltalog -n "__fish_deltalog_using_subcommand stat" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c deltalog -n "__fish_deltalog_using_subcommand stat" -l segments -d 'A line for each segment instead'
complete -c deltalog -n "__fish_deltalog_using_subcommand stat" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c deltalog -n "__fish_deltalog_using_subcommand stat" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c deltalog -n "__fish_deltalog_using_subcommand stat" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c deltalog -n "__fish_deltalog_using_subcommand stat" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c deltalog -n "__fish_deltalog_using_subcommand recover" -l mode -d 'How to meet damage' -r -f -a "tail\t'Cut a torn tail above the durable watermark; refuse damage below it'
strict\t'Refuse any damage'
salvage\t'Keep every whole transaction, list every gap'"
complete -c deltalog -n "__fish_deltalog_using_subcommand recover" -l wal -d 'The log that DIR is written behind: read both by LSN, each (transaction, operation) once, and sum up' -r -F
complete -c deltalog -n "__fish_deltalog_using_subcommand recover" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand recover" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c deltalog -n "__fish_deltalog_using_subcommand recover" -l dry-run -d 'Look and report, change nothing'
complete -c deltalog -n "__fish_deltalog_using_subcommand recover" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c deltalog -n "__fish_deltalog_using_subcommand recover" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c deltalog -n "__fish_deltalog_using_subcommand recover" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c deltalog -n "__fish_deltalog_using_subcommand recover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c deltalog -n "__fish_deltalog_using_subcommand help; and not __fish_seen_subcommand_from append dump verify stat recover help" -f -a "append" -d 'Append operations from NDJSON'
complete -c deltalog -n "__fish_deltalog_using_subcommand help; and not __fish_seen_subcommand_from append dump verify stat recover help" -f -a "dump" -d 'Print committed operations as NDJSON, with LSN, transaction and time'
complete -c deltalog -n "__fish_deltalog_using_subcommand help; and not __fish_seen_subcommand_from append dump verify stat recover help" -f -a "verify" -d 'Prove a log, or say what is damaged and where'
complete -c deltalog -n "__fish_deltalog_using_subcommand help; and not __fish_seen_subcommand_from append dump verify stat recover help" -f -a "stat" -d 'Print counts, LSNs, times, and what the operations touch'
complete -c deltalog -n "__fish_deltalog_using_subcommand help; and not __fish_seen_subcommand_from append dump verify stat recover help" -f -a "recover" -d 'Recover a log that was not closed cleanly, and report what was kept and cut'
complete -c deltalog -n "__fish_deltalog_using_subcommand help; and not __fish_seen_subcommand_from append dump verify stat recover help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
