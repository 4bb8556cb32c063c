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
complete -c deltalog -n "__fish_deltalog_needs_command" -f -a "follow" -d 'Print operations as they are committed, across rotations and recoveries'
complete -c deltalog -n "__fish_deltalog_needs_command" -f -a "verify" -d 'Prove a log, or say what is damaged and where'
complete -c deltalog -n "__fish_deltalog_needs_command" -f -a "stat" -d 'Print counts, LSNs, times, and what the operations touch'
complete -c deltalog -n "__fish_deltalog_needs_command" -f -a "recover" -d 'Recover a log that was not closed cleanly, and report what was kept and cut'
complete -c deltalog -n "__fish_deltalog_needs_command" -f -a "repair" -d 'Write a clean copy of a damaged log, and a report of what was lost'
complete -c deltalog -n "__fish_deltalog_needs_command" -f -a "compact" -d 'Write a copy that keeps only the last operation on each edge and KV key'
complete -c deltalog -n "__fish_deltalog_needs_command" -f -a "prune" -d 'Remove whole segments whose LSNs are all below one'
complete -c deltalog -n "__fish_deltalog_needs_command" -f -a "split" -d 'Write the parts of a log as logs of their own'
complete -c deltalog -n "__fish_deltalog_needs_command" -f -a "import" -d 'Convert files of an older system into a new log'
complete -c deltalog -n "__fish_deltalog_needs_command" -f -a "drill" -d 'Rehearse crashes at every step of a workload, and check every promise'
complete -c deltalog -n "__fish_deltalog_needs_command" -f -a "bench" -d 'Measure what share of the disk\'s own limit a log reaches'
complete -c deltalog -n "__fish_deltalog_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c deltalog -n "__fish_deltalog_using_subcommand append" -l txn -d 'Lines in a transaction where none is marked; `kept` takes together those that say the same `txn`, as `dump` prints them' -r
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
complete -c deltalog -n "__fish_deltalog_using_subcommand dump" -l since -d 'Only what was committed since then: a time (2026-11-20T19:00:00Z), or how long ago (10m)' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand dump" -l kind -d 'Only these operations: node, del_node, edge, del_edge, put, del, touch, row, del_row, define, graph' -r -f -a "node\t''
del_node\t''
edge\t''
del_edge\t''
put\t''
del\t''
touch\t''
row\t''
del_row\t''
define\t''
graph\t''"
complete -c deltalog -n "__fish_deltalog_using_subcommand dump" -l label -d 'Only nodes with this label' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand dump" -l key -d 'Only nodes and KV entries with this key; `b64:...` for one that is no text' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand dump" -l txn -d 'Only these transactions' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand dump" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c deltalog -n "__fish_deltalog_using_subcommand dump" -l raw -d 'Print the frames as they stand in the files, in hex, damaged places and what was never committed included'
complete -c deltalog -n "__fish_deltalog_using_subcommand dump" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c deltalog -n "__fish_deltalog_using_subcommand dump" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c deltalog -n "__fish_deltalog_using_subcommand dump" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c deltalog -n "__fish_deltalog_using_subcommand dump" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c deltalog -n "__fish_deltalog_using_subcommand follow" -l from-lsn -d 'First LSN to print; without it, and without --state, only what is committed from now on' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand follow" -l to-lsn -d 'Last LSN to print' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand follow" -l since -d 'Only what was committed since then: a time (2026-11-20T19:00:00Z), or how long ago (10m)' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand follow" -l kind -d 'Only these operations: node, del_node, edge, del_edge, put, del, touch, row, del_row, define, graph' -r -f -a "node\t''
del_node\t''
edge\t''
del_edge\t''
put\t''
del\t''
touch\t''
row\t''
del_row\t''
define\t''
graph\t''"
complete -c deltalog -n "__fish_deltalog_using_subcommand follow" -l label -d 'Only nodes with this label' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand follow" -l key -d 'Only nodes and KV entries with this key; `b64:...` for one that is no text' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand follow" -l txn -d 'Only these transactions' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand follow" -l state -d 'File that holds the LSN to go on from; made if it is missing, and all that the log holds is printed then' -r -F
complete -c deltalog -n "__fish_deltalog_using_subcommand follow" -l poll -d 'How often to look for more' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand follow" -l idle -d 'End once nothing was committed for this long' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand follow" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c deltalog -n "__fish_deltalog_using_subcommand follow" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c deltalog -n "__fish_deltalog_using_subcommand follow" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c deltalog -n "__fish_deltalog_using_subcommand follow" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c deltalog -n "__fish_deltalog_using_subcommand follow" -s h -l help -d 'Print help (see more with \'--help\')'
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
complete -c deltalog -n "__fish_deltalog_using_subcommand recover" -l index-out -d 'Write adds and tombstones per partition, source and edge type, and the last word on each node, as NDJSON; `-` is stdout, instead of the report' -r -F
complete -c deltalog -n "__fish_deltalog_using_subcommand recover" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand recover" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c deltalog -n "__fish_deltalog_using_subcommand recover" -l force -d 'Replace the file of --index-out if it is already there'
complete -c deltalog -n "__fish_deltalog_using_subcommand recover" -l dry-run -d 'Look and report, change nothing in the log'
complete -c deltalog -n "__fish_deltalog_using_subcommand recover" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c deltalog -n "__fish_deltalog_using_subcommand recover" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c deltalog -n "__fish_deltalog_using_subcommand recover" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c deltalog -n "__fish_deltalog_using_subcommand recover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c deltalog -n "__fish_deltalog_using_subcommand repair" -s o -l output -d 'Folder of the copy' -r -F
complete -c deltalog -n "__fish_deltalog_using_subcommand repair" -l mode -d 'How to meet damage' -r -f -a "tail\t'Cut a torn tail above the durable watermark; refuse damage below it'
strict\t'Refuse any damage'
salvage\t'Keep every whole transaction, list every gap'"
complete -c deltalog -n "__fish_deltalog_using_subcommand repair" -l loss-report -d 'File of the loss report (default: OUT.loss.json)' -r -F
complete -c deltalog -n "__fish_deltalog_using_subcommand repair" -l rotate-size -d 'Seal a segment of the copy before it grows above this' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand repair" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand repair" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c deltalog -n "__fish_deltalog_using_subcommand repair" -l force -d 'Replace the target if it is already there'
complete -c deltalog -n "__fish_deltalog_using_subcommand repair" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c deltalog -n "__fish_deltalog_using_subcommand repair" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c deltalog -n "__fish_deltalog_using_subcommand repair" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c deltalog -n "__fish_deltalog_using_subcommand repair" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c deltalog -n "__fish_deltalog_using_subcommand repair" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c deltalog -n "__fish_deltalog_using_subcommand compact" -s o -l output -d 'Folder of the copy' -r -F
complete -c deltalog -n "__fish_deltalog_using_subcommand compact" -l rotate-size -d 'Seal a segment of the copy before it grows above this' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand compact" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c deltalog -n "__fish_deltalog_using_subcommand compact" -l drop-deletes -d 'Leave out deletes of edges and KV keys, too: right when no older log, segment or snapshot holds what they delete'
complete -c deltalog -n "__fish_deltalog_using_subcommand compact" -l force -d 'Replace the target if it is already there'
complete -c deltalog -n "__fish_deltalog_using_subcommand compact" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c deltalog -n "__fish_deltalog_using_subcommand compact" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c deltalog -n "__fish_deltalog_using_subcommand compact" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c deltalog -n "__fish_deltalog_using_subcommand compact" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c deltalog -n "__fish_deltalog_using_subcommand compact" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c deltalog -n "__fish_deltalog_using_subcommand prune" -l before-lsn -d 'Remove segments that hold only lower LSNs' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand prune" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand prune" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c deltalog -n "__fish_deltalog_using_subcommand prune" -l superseded -d 'Remove what recoveries left behind, too'
complete -c deltalog -n "__fish_deltalog_using_subcommand prune" -l dry-run -d 'Look and report, remove nothing'
complete -c deltalog -n "__fish_deltalog_using_subcommand prune" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c deltalog -n "__fish_deltalog_using_subcommand prune" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c deltalog -n "__fish_deltalog_using_subcommand prune" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c deltalog -n "__fish_deltalog_using_subcommand prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c deltalog -n "__fish_deltalog_using_subcommand split" -s o -l output -d 'Folder for the folders of the parts' -r -F
complete -c deltalog -n "__fish_deltalog_using_subcommand split" -l by -d 'What tells the parts from one another' -r -f -a "partition\t'Edges by partition, nodes together'
graph\t'Nodes and edges by graph'
store\t'KV operations by store'
table\t'Rows by table'
label\t'Nodes by label'"
complete -c deltalog -n "__fish_deltalog_using_subcommand split" -l at-lsn -d 'Commits below this LSN, and the others' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand split" -l rotate-size -d 'Seal a segment of a part before it grows above this' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand split" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c deltalog -n "__fish_deltalog_using_subcommand split" -l force -d 'Replace the target if it is already there'
complete -c deltalog -n "__fish_deltalog_using_subcommand split" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c deltalog -n "__fish_deltalog_using_subcommand split" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c deltalog -n "__fish_deltalog_using_subcommand split" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c deltalog -n "__fish_deltalog_using_subcommand split" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c deltalog -n "__fish_deltalog_using_subcommand split" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c deltalog -n "__fish_deltalog_using_subcommand import" -s o -l output -d 'Folder of the new log' -r -F
complete -c deltalog -n "__fish_deltalog_using_subcommand import" -l etype -d 'Edge type of edges whose file does not say it (delta logs and adjacency segments)' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand import" -l rotate-size -d 'Seal a segment before it grows above this' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand import" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c deltalog -n "__fish_deltalog_using_subcommand import" -l force -d 'Replace the target if it is already there'
complete -c deltalog -n "__fish_deltalog_using_subcommand import" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c deltalog -n "__fish_deltalog_using_subcommand import" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c deltalog -n "__fish_deltalog_using_subcommand import" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c deltalog -n "__fish_deltalog_using_subcommand import" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c deltalog -n "__fish_deltalog_using_subcommand import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c deltalog -n "__fish_deltalog_using_subcommand drill" -l seed -d 'Seed of the workload; with --samples the first of several' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand drill" -l samples -d 'So many cases, over as many seeds as it takes' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand drill" -l case -d 'Only this case' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand drill" -l transactions -d 'Transactions of the workload' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand drill" -l sync -d 'Sync policy of the workload: always, bytes:1MiB or none (default: the seed chooses)' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand drill" -l workload -d 'Commit these operations, in the form of `append`, instead of made-up ones' -r -F
complete -c deltalog -n "__fish_deltalog_using_subcommand drill" -l real -d 'Kill real writers in this folder of a real disk instead' -r -F
complete -c deltalog -n "__fish_deltalog_using_subcommand drill" -l for -d 'How long to go on killing' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand drill" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c deltalog -n "__fish_deltalog_using_subcommand drill" -l every -d 'Every case of the seed (the default)'
complete -c deltalog -n "__fish_deltalog_using_subcommand drill" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c deltalog -n "__fish_deltalog_using_subcommand drill" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c deltalog -n "__fish_deltalog_using_subcommand drill" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c deltalog -n "__fish_deltalog_using_subcommand drill" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c deltalog -n "__fish_deltalog_using_subcommand bench" -l for -d 'How long to measure, about' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand bench" -l record -d 'Bytes of a record' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand bench" -l writers -d 'Threads that commit at the same time' -r
complete -c deltalog -n "__fish_deltalog_using_subcommand bench" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c deltalog -n "__fish_deltalog_using_subcommand bench" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c deltalog -n "__fish_deltalog_using_subcommand bench" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c deltalog -n "__fish_deltalog_using_subcommand bench" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c deltalog -n "__fish_deltalog_using_subcommand bench" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c deltalog -n "__fish_deltalog_using_subcommand help; and not __fish_seen_subcommand_from append dump follow verify stat recover repair compact prune split import drill bench help" -f -a "append" -d 'Append operations from NDJSON'
complete -c deltalog -n "__fish_deltalog_using_subcommand help; and not __fish_seen_subcommand_from append dump follow verify stat recover repair compact prune split import drill bench help" -f -a "dump" -d 'Print committed operations as NDJSON, with LSN, transaction and time'
complete -c deltalog -n "__fish_deltalog_using_subcommand help; and not __fish_seen_subcommand_from append dump follow verify stat recover repair compact prune split import drill bench help" -f -a "follow" -d 'Print operations as they are committed, across rotations and recoveries'
complete -c deltalog -n "__fish_deltalog_using_subcommand help; and not __fish_seen_subcommand_from append dump follow verify stat recover repair compact prune split import drill bench help" -f -a "verify" -d 'Prove a log, or say what is damaged and where'
complete -c deltalog -n "__fish_deltalog_using_subcommand help; and not __fish_seen_subcommand_from append dump follow verify stat recover repair compact prune split import drill bench help" -f -a "stat" -d 'Print counts, LSNs, times, and what the operations touch'
complete -c deltalog -n "__fish_deltalog_using_subcommand help; and not __fish_seen_subcommand_from append dump follow verify stat recover repair compact prune split import drill bench help" -f -a "recover" -d 'Recover a log that was not closed cleanly, and report what was kept and cut'
complete -c deltalog -n "__fish_deltalog_using_subcommand help; and not __fish_seen_subcommand_from append dump follow verify stat recover repair compact prune split import drill bench help" -f -a "repair" -d 'Write a clean copy of a damaged log, and a report of what was lost'
complete -c deltalog -n "__fish_deltalog_using_subcommand help; and not __fish_seen_subcommand_from append dump follow verify stat recover repair compact prune split import drill bench help" -f -a "compact" -d 'Write a copy that keeps only the last operation on each edge and KV key'
complete -c deltalog -n "__fish_deltalog_using_subcommand help; and not __fish_seen_subcommand_from append dump follow verify stat recover repair compact prune split import drill bench help" -f -a "prune" -d 'Remove whole segments whose LSNs are all below one'
complete -c deltalog -n "__fish_deltalog_using_subcommand help; and not __fish_seen_subcommand_from append dump follow verify stat recover repair compact prune split import drill bench help" -f -a "split" -d 'Write the parts of a log as logs of their own'
complete -c deltalog -n "__fish_deltalog_using_subcommand help; and not __fish_seen_subcommand_from append dump follow verify stat recover repair compact prune split import drill bench help" -f -a "import" -d 'Convert files of an older system into a new log'
complete -c deltalog -n "__fish_deltalog_using_subcommand help; and not __fish_seen_subcommand_from append dump follow verify stat recover repair compact prune split import drill bench help" -f -a "drill" -d 'Rehearse crashes at every step of a workload, and check every promise'
complete -c deltalog -n "__fish_deltalog_using_subcommand help; and not __fish_seen_subcommand_from append dump follow verify stat recover repair compact prune split import drill bench help" -f -a "bench" -d 'Measure what share of the disk\'s own limit a log reaches'
complete -c deltalog -n "__fish_deltalog_using_subcommand help; and not __fish_seen_subcommand_from append dump follow verify stat recover repair compact prune split import drill bench help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
