# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_qx_global_optspecs
    string join \n json q/quiet v/verbose color= generate= h/help V/version
end

function __fish_qx_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_qx_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_qx_using_subcommand
    set -l cmd (__fish_qx_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c qx -n "__fish_qx_needs_command" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_needs_command" -l generate -d 'Print a man page or a completion script and exit' -r -f -a "man\t''
bash\t''
zsh\t''
fish\t''"
complete -c qx -n "__fish_qx_needs_command" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_needs_command" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_needs_command" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_needs_command" -s V -l version -d 'Print version'
complete -c qx -n "__fish_qx_needs_command" -f -a "backup" -d 'Copy a database, also while others write to it'
complete -c qx -n "__fish_qx_needs_command" -f -a "compact" -d 'Write the Delta Lake files of tables anew: few large ones, under the present names and types'
complete -c qx -n "__fish_qx_needs_command" -f -a "drill" -d 'Rehearse crashes behind every change that a database makes to its folder'
complete -c qx -n "__fish_qx_needs_command" -f -a "export" -d 'Write a table to a file or to stdout'
complete -c qx -n "__fish_qx_needs_command" -f -a "flush" -d 'Bring rows from the log to the Delta Lake tables'
complete -c qx -n "__fish_qx_needs_command" -f -a "graph" -d 'Look at graphs, compact and export them'
complete -c qx -n "__fish_qx_needs_command" -f -a "fsck" -d 'Prove a database folder, or say what is damaged and what helps'
complete -c qx -n "__fish_qx_needs_command" -f -a "init" -d 'Make a folder an empty database'
complete -c qx -n "__fish_qx_needs_command" -f -a "kv" -d 'Read and write keys of a store'
complete -c qx -n "__fish_qx_needs_command" -f -a "maintain" -d 'Do the work that falls due: flush tables, remove what expired, snapshot stores, compact graphs, let go of the log'
complete -c qx -n "__fish_qx_needs_command" -f -a "manifest" -d 'Show, verify, compare and rebuild manifests'
complete -c qx -n "__fish_qx_needs_command" -f -a "repair" -d 'Repair what fsck finds, without destroying anything'
complete -c qx -n "__fish_qx_needs_command" -f -a "restore" -d 'Make a database from a backup'
complete -c qx -n "__fish_qx_needs_command" -f -a "load" -d 'Load files into a table: all of their rows, or none'
complete -c qx -n "__fish_qx_needs_command" -f -a "run" -d 'Run a pipeline: tables, graph, vectors and documents from input files, then its questions'
complete -c qx -n "__fish_qx_needs_command" -f -a "shell" -d 'Run SQL at a prompt'
complete -c qx -n "__fish_qx_needs_command" -f -a "sql" -d 'Run SQL statements against a database'
complete -c qx -n "__fish_qx_needs_command" -f -a "spec" -d 'Check, hash or describe specification files'
complete -c qx -n "__fish_qx_needs_command" -f -a "upgrade" -d 'Bring a database to the newest version of its formats'
complete -c qx -n "__fish_qx_needs_command" -f -a "vector" -d 'Look at vector indexes and bring them up'
complete -c qx -n "__fish_qx_needs_command" -f -a "dict" -d 'Run dictctl: dictionary segments'
complete -c qx -n "__fish_qx_needs_command" -f -a "log" -d 'Run deltalog: logs'
complete -c qx -n "__fish_qx_needs_command" -f -a "vindex" -d 'Run vindex: files of vector indexes'
complete -c qx -n "__fish_qx_needs_command" -f -a "frame" -d 'Run jsonframe: JSON as typed columns'
complete -c qx -n "__fish_qx_needs_command" -f -a "explain" -d 'Run explain: plans, kept and compared'
complete -c qx -n "__fish_qx_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c qx -n "__fish_qx_using_subcommand backup" -s o -l output -d 'New folder for the copy' -r -F
complete -c qx -n "__fish_qx_using_subcommand backup" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c qx -n "__fish_qx_using_subcommand backup" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand backup" -l dry-run -d 'Count files and bytes, and copy nothing'
complete -c qx -n "__fish_qx_using_subcommand backup" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand backup" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand backup" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand backup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand compact" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c qx -n "__fish_qx_using_subcommand compact" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand compact" -l rewrite -d 'Also tables that have no need of it: what ALTER TABLE changed reaches their files'
complete -c qx -n "__fish_qx_using_subcommand compact" -l dry-run -d 'Say which tables would be written, and write none'
complete -c qx -n "__fish_qx_using_subcommand compact" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand compact" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand compact" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand compact" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand drill" -l seed -d 'Seed of the workload' -r
complete -c qx -n "__fish_qx_using_subcommand drill" -l samples -d 'So many cases, drawn by the seed' -r
complete -c qx -n "__fish_qx_using_subcommand drill" -l step -d 'The cases behind this step' -r
complete -c qx -n "__fish_qx_using_subcommand drill" -l case -d 'Only this case: SEED/STEP/WAY' -r
complete -c qx -n "__fish_qx_using_subcommand drill" -l actions -d 'Actions of the workload' -r
complete -c qx -n "__fish_qx_using_subcommand drill" -l temp-dir -d 'Folder for the drill\'s databases (default: the system\'s folder for temporary files)' -r -F
complete -c qx -n "__fish_qx_using_subcommand drill" -l forget-syncs -d 'Take syncs of files and folders with this text in their path for never made' -r
complete -c qx -n "__fish_qx_using_subcommand drill" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand drill" -l every -d 'Every case of the seed'
complete -c qx -n "__fish_qx_using_subcommand drill" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand drill" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand drill" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand drill" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand export" -s o -l output -d 'File to write (default: stdout)' -r -F
complete -c qx -n "__fish_qx_using_subcommand export" -l format -d 'Form of the rows (default: by extension, else NDJSON)' -r -f -a "table\t'Aligned columns, for people'
ndjson\t'One JSON object a row'
json\t'One JSON array of objects'
csv\t'Comma-separated values with a header'
tsv\t'Tab-separated values with a header'
arrow\t'Arrow IPC stream'
parquet\t'One Parquet file'"
complete -c qx -n "__fish_qx_using_subcommand export" -l as-of -d 'A Delta version instead of the present rows' -r
complete -c qx -n "__fish_qx_using_subcommand export" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand export" -l force -d 'Replace the target if it is already there'
complete -c qx -n "__fish_qx_using_subcommand export" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c qx -n "__fish_qx_using_subcommand export" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand export" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand export" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand flush" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c qx -n "__fish_qx_using_subcommand flush" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand flush" -l dry-run -d 'Say how many rows each table would bring, and bring none'
complete -c qx -n "__fish_qx_using_subcommand flush" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand flush" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand flush" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand flush" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand graph; and not __fish_seen_subcommand_from status compact export help" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand graph; and not __fish_seen_subcommand_from status compact export help" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand graph; and not __fish_seen_subcommand_from status compact export help" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand graph; and not __fish_seen_subcommand_from status compact export help" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand graph; and not __fish_seen_subcommand_from status compact export help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand graph; and not __fish_seen_subcommand_from status compact export help" -f -a "status" -d 'Show what stands in the deltas of graphs, and whether they are due for compaction'
complete -c qx -n "__fish_qx_using_subcommand graph; and not __fish_seen_subcommand_from status compact export help" -f -a "compact" -d 'Fold the deltas of graphs into new segments'
complete -c qx -n "__fish_qx_using_subcommand graph; and not __fish_seen_subcommand_from status compact export help" -f -a "export" -d 'Write the nodes and edges of a graph as NDJSON operations'
complete -c qx -n "__fish_qx_using_subcommand graph; and not __fish_seen_subcommand_from status compact export help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from status" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from status" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from compact" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from compact" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from compact" -l due -d 'Only graphs whose deltas are too many, too old, or delete too much'
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from compact" -l dry-run -d 'Say what each graph would fold, and fold nothing'
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from compact" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from compact" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from compact" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from compact" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from export" -s o -l output -d 'File to write to (default: stdout)' -r -F
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from export" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from export" -l force -d 'Replace the target if it is already there'
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from export" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from export" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show what stands in the deltas of graphs, and whether they are due for compaction'
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from help" -f -a "compact" -d 'Fold the deltas of graphs into new segments'
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write the nodes and edges of a graph as NDJSON operations'
complete -c qx -n "__fish_qx_using_subcommand graph; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c qx -n "__fish_qx_using_subcommand fsck" -l level -d 'How deep to look' -r -f -a "metadata\t'Documents, the log\'s headers, Delta logs, and what they say of one another'
presence\t'Also: every file is there, with its length, and every file that is there is named'
bytes\t'Also: every byte under its checksum'"
complete -c qx -n "__fish_qx_using_subcommand fsck" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand fsck" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand fsck" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand fsck" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand fsck" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand init" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand init" -l dry-run -d 'Check and report, but make nothing'
complete -c qx -n "__fish_qx_using_subcommand init" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand init" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand init" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand kv; and not __fish_seen_subcommand_from get put ls rm help" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand kv; and not __fish_seen_subcommand_from get put ls rm help" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand kv; and not __fish_seen_subcommand_from get put ls rm help" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand kv; and not __fish_seen_subcommand_from get put ls rm help" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand kv; and not __fish_seen_subcommand_from get put ls rm help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand kv; and not __fish_seen_subcommand_from get put ls rm help" -f -a "get" -d 'Print the value of a key'
complete -c qx -n "__fish_qx_using_subcommand kv; and not __fish_seen_subcommand_from get put ls rm help" -f -a "put" -d 'Set a key'
complete -c qx -n "__fish_qx_using_subcommand kv; and not __fish_seen_subcommand_from get put ls rm help" -f -a "ls" -d 'List keys: name, type, bytes, expiry'
complete -c qx -n "__fish_qx_using_subcommand kv; and not __fish_seen_subcommand_from get put ls rm help" -f -a "rm" -d 'Remove keys'
complete -c qx -n "__fish_qx_using_subcommand kv; and not __fish_seen_subcommand_from get put ls rm help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from get" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from get" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from get" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from get" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from put" -l type -d 'What the value is' -r -f -a "string\t''
int\t''
json\t''
bytes\t''
frame\t'An Arrow IPC stream'"
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from put" -l ttl -d 'The key goes away after this time' -r
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from put" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from put" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from put" -l reset-on-access -d 'Each access starts that time anew'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from put" -l create -d 'Make the store if it is not there'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from put" -l dry-run -d 'Check everything, and write nothing'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from put" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from put" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from put" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from put" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from ls" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from ls" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from ls" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from ls" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from rm" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from rm" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from rm" -l dry-run -d 'Check everything, and remove nothing'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from rm" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from rm" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from help" -f -a "get" -d 'Print the value of a key'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from help" -f -a "put" -d 'Set a key'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from help" -f -a "ls" -d 'List keys: name, type, bytes, expiry'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from help" -f -a "rm" -d 'Remove keys'
complete -c qx -n "__fish_qx_using_subcommand kv; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c qx -n "__fish_qx_using_subcommand maintain" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c qx -n "__fish_qx_using_subcommand maintain" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand maintain" -l due -d 'Only what is due by the options of tables and the settings'
complete -c qx -n "__fish_qx_using_subcommand maintain" -l dry-run -d 'Say what would be done, and do nothing'
complete -c qx -n "__fish_qx_using_subcommand maintain" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand maintain" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand maintain" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand maintain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand manifest; and not __fish_seen_subcommand_from show verify diff history rebuild help" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand manifest; and not __fish_seen_subcommand_from show verify diff history rebuild help" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand manifest; and not __fish_seen_subcommand_from show verify diff history rebuild help" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand manifest; and not __fish_seen_subcommand_from show verify diff history rebuild help" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand manifest; and not __fish_seen_subcommand_from show verify diff history rebuild help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand manifest; and not __fish_seen_subcommand_from show verify diff history rebuild help" -f -a "show" -d 'List what the manifests name, or print one of them'
complete -c qx -n "__fish_qx_using_subcommand manifest; and not __fish_seen_subcommand_from show verify diff history rebuild help" -f -a "verify" -d 'Prove the documents themselves: checksum, form and rules'
complete -c qx -n "__fish_qx_using_subcommand manifest; and not __fish_seen_subcommand_from show verify diff history rebuild help" -f -a "diff" -d 'Compare the newest generation with the one before it, or two manifest files'
complete -c qx -n "__fish_qx_using_subcommand manifest; and not __fish_seen_subcommand_from show verify diff history rebuild help" -f -a "history" -d 'List the generations that are kept'
complete -c qx -n "__fish_qx_using_subcommand manifest; and not __fish_seen_subcommand_from show verify diff history rebuild help" -f -a "rebuild" -d 'Make the manifest of a table anew from its files'
complete -c qx -n "__fish_qx_using_subcommand manifest; and not __fish_seen_subcommand_from show verify diff history rebuild help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from show" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from show" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from verify" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from verify" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from diff" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from diff" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from diff" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from diff" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from history" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from history" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from history" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from history" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from history" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from rebuild" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from rebuild" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from rebuild" -l dry-run -d 'Say what would be done, and change nothing'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from rebuild" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from rebuild" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from rebuild" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from rebuild" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from help" -f -a "show" -d 'List what the manifests name, or print one of them'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Prove the documents themselves: checksum, form and rules'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from help" -f -a "diff" -d 'Compare the newest generation with the one before it, or two manifest files'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from help" -f -a "history" -d 'List the generations that are kept'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from help" -f -a "rebuild" -d 'Make the manifest of a table anew from its files'
complete -c qx -n "__fish_qx_using_subcommand manifest; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c qx -n "__fish_qx_using_subcommand repair" -l finding -d 'Act on findings with this id only; repeatable' -r
complete -c qx -n "__fish_qx_using_subcommand repair" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c qx -n "__fish_qx_using_subcommand repair" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand repair" -l dry-run -d 'Say what would be done and what would be lost, and change nothing'
complete -c qx -n "__fish_qx_using_subcommand repair" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand repair" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand repair" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand repair" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand restore" -s o -l output -d 'New database folder' -r -F
complete -c qx -n "__fish_qx_using_subcommand restore" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand restore" -l dry-run -d 'Prove the backup, and make nothing'
complete -c qx -n "__fish_qx_using_subcommand restore" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand restore" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand restore" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand load" -l format -d 'Format of the files (default: by extension): csv, tsv, ndjson, json, parquet, arrow' -r
complete -c qx -n "__fish_qx_using_subcommand load" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c qx -n "__fish_qx_using_subcommand load" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand load" -l no-header -d 'The first line of CSV and TSV does not name the columns'
complete -c qx -n "__fish_qx_using_subcommand load" -l dry-run -d 'Check that the inputs and the table are there, and load nothing'
complete -c qx -n "__fish_qx_using_subcommand load" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand load" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand load" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand load" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand run" -l db -d 'Database folder (default: the specification\'s, relative to the working directory)' -r -F
complete -c qx -n "__fish_qx_using_subcommand run" -l input -d 'Read another file for an input; repeatable' -r
complete -c qx -n "__fish_qx_using_subcommand run" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c qx -n "__fish_qx_using_subcommand run" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand run" -l dry-run -d 'Say which steps would be built, and build nothing'
complete -c qx -n "__fish_qx_using_subcommand run" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand run" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand run" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand shell" -l history -d 'File that keeps what was typed (default: qx/history in the folder for state, XDG_STATE_HOME)' -r -F
complete -c qx -n "__fish_qx_using_subcommand shell" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c qx -n "__fish_qx_using_subcommand shell" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand shell" -l no-history -d 'Keep nothing of what was typed'
complete -c qx -n "__fish_qx_using_subcommand shell" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand shell" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand shell" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand shell" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand sql" -l db -d 'Database folder' -r -F
complete -c qx -n "__fish_qx_using_subcommand sql" -s c -l command -d 'Statements to run' -r
complete -c qx -n "__fish_qx_using_subcommand sql" -s f -l file -d 'File of statements to run; stdin when neither this nor -c is given' -r -F
complete -c qx -n "__fish_qx_using_subcommand sql" -l param -d 'Value of `$NAME` in the statements, or of `$1`; `null` for a null of the type. Repeat for more' -r
complete -c qx -n "__fish_qx_using_subcommand sql" -l format -d 'Form of the answer (default: a table on a terminal, NDJSON in a pipe; by extension with -o)' -r -f -a "table\t'Aligned columns, for people'
ndjson\t'One JSON object a row'
json\t'One JSON array of objects'
csv\t'Comma-separated values with a header'
tsv\t'Tab-separated values with a header'
arrow\t'Arrow IPC stream'
parquet\t'One Parquet file'"
complete -c qx -n "__fish_qx_using_subcommand sql" -s o -l output -d 'File to write the answer to; exactly one statement then gives rows' -r -F
complete -c qx -n "__fish_qx_using_subcommand sql" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c qx -n "__fish_qx_using_subcommand sql" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand sql" -l rollback -d 'Run everything in one transaction and roll it back; lets EXPLAIN ANALYZE run statements that write'
complete -c qx -n "__fish_qx_using_subcommand sql" -l force -d 'Replace the target if it is already there'
complete -c qx -n "__fish_qx_using_subcommand sql" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c qx -n "__fish_qx_using_subcommand sql" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand sql" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand sql" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand sql" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand spec; and not __fish_seen_subcommand_from check hash schema help" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand spec; and not __fish_seen_subcommand_from check hash schema help" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand spec; and not __fish_seen_subcommand_from check hash schema help" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand spec; and not __fish_seen_subcommand_from check hash schema help" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand spec; and not __fish_seen_subcommand_from check hash schema help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand spec; and not __fish_seen_subcommand_from check hash schema help" -f -a "check" -d 'Say whether a specification is sound'
complete -c qx -n "__fish_qx_using_subcommand spec; and not __fish_seen_subcommand_from check hash schema help" -f -a "hash" -d 'Print the hash of what a specification means'
complete -c qx -n "__fish_qx_using_subcommand spec; and not __fish_seen_subcommand_from check hash schema help" -f -a "schema" -d 'Print the JSON Schema of specification files'
complete -c qx -n "__fish_qx_using_subcommand spec; and not __fish_seen_subcommand_from check hash schema help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c qx -n "__fish_qx_using_subcommand spec; and __fish_seen_subcommand_from check" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand spec; and __fish_seen_subcommand_from check" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand spec; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand spec; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand spec; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand spec; and __fish_seen_subcommand_from hash" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand spec; and __fish_seen_subcommand_from hash" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand spec; and __fish_seen_subcommand_from hash" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand spec; and __fish_seen_subcommand_from hash" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand spec; and __fish_seen_subcommand_from hash" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand spec; and __fish_seen_subcommand_from schema" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand spec; and __fish_seen_subcommand_from schema" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand spec; and __fish_seen_subcommand_from schema" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand spec; and __fish_seen_subcommand_from schema" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand spec; and __fish_seen_subcommand_from schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand spec; and __fish_seen_subcommand_from help" -f -a "check" -d 'Say whether a specification is sound'
complete -c qx -n "__fish_qx_using_subcommand spec; and __fish_seen_subcommand_from help" -f -a "hash" -d 'Print the hash of what a specification means'
complete -c qx -n "__fish_qx_using_subcommand spec; and __fish_seen_subcommand_from help" -f -a "schema" -d 'Print the JSON Schema of specification files'
complete -c qx -n "__fish_qx_using_subcommand spec; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c qx -n "__fish_qx_using_subcommand upgrade" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c qx -n "__fish_qx_using_subcommand upgrade" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand upgrade" -l dry-run -d 'Say what would be rewritten, and rewrite nothing'
complete -c qx -n "__fish_qx_using_subcommand upgrade" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand upgrade" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand upgrade" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand upgrade" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand vector; and not __fish_seen_subcommand_from status sync help" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand vector; and not __fish_seen_subcommand_from status sync help" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand vector; and not __fish_seen_subcommand_from status sync help" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand vector; and not __fish_seen_subcommand_from status sync help" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand vector; and not __fish_seen_subcommand_from status sync help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand vector; and not __fish_seen_subcommand_from status sync help" -f -a "status" -d 'Show vector indexes: state, rows, what they lack'
complete -c qx -n "__fish_qx_using_subcommand vector; and not __fish_seen_subcommand_from status sync help" -f -a "sync" -d 'Bring vector indexes up to the last commit'
complete -c qx -n "__fish_qx_using_subcommand vector; and not __fish_seen_subcommand_from status sync help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c qx -n "__fish_qx_using_subcommand vector; and __fish_seen_subcommand_from status" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand vector; and __fish_seen_subcommand_from status" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand vector; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand vector; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand vector; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand vector; and __fish_seen_subcommand_from sync" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c qx -n "__fish_qx_using_subcommand vector; and __fish_seen_subcommand_from sync" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand vector; and __fish_seen_subcommand_from sync" -l dry-run -d 'Say what would be done, and do nothing'
complete -c qx -n "__fish_qx_using_subcommand vector; and __fish_seen_subcommand_from sync" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand vector; and __fish_seen_subcommand_from sync" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand vector; and __fish_seen_subcommand_from sync" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand vector; and __fish_seen_subcommand_from sync" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand vector; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show vector indexes: state, rows, what they lack'
complete -c qx -n "__fish_qx_using_subcommand vector; and __fish_seen_subcommand_from help" -f -a "sync" -d 'Bring vector indexes up to the last commit'
complete -c qx -n "__fish_qx_using_subcommand vector; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c qx -n "__fish_qx_using_subcommand dict" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand dict" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand dict" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand dict" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand log" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand log" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand log" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand log" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand vindex" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand vindex" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand vindex" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand vindex" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand frame" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand frame" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand frame" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand frame" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand explain" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand explain" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand explain" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand explain" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "backup" -d 'Copy a database, also while others write to it'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "compact" -d 'Write the Delta Lake files of tables anew: few large ones, under the present names and types'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "drill" -d 'Rehearse crashes behind every change that a database makes to its folder'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "export" -d 'Write a table to a file or to stdout'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "flush" -d 'Bring rows from the log to the Delta Lake tables'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "graph" -d 'Look at graphs, compact and export them'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "fsck" -d 'Prove a database folder, or say what is damaged and what helps'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "init" -d 'Make a folder an empty database'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "kv" -d 'Read and write keys of a store'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "maintain" -d 'Do the work that falls due: flush tables, remove what expired, snapshot stores, compact graphs, let go of the log'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "manifest" -d 'Show, verify, compare and rebuild manifests'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "repair" -d 'Repair what fsck finds, without destroying anything'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "restore" -d 'Make a database from a backup'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "load" -d 'Load files into a table: all of their rows, or none'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "run" -d 'Run a pipeline: tables, graph, vectors and documents from input files, then its questions'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "shell" -d 'Run SQL at a prompt'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "sql" -d 'Run SQL statements against a database'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "spec" -d 'Check, hash or describe specification files'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "upgrade" -d 'Bring a database to the newest version of its formats'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "vector" -d 'Look at vector indexes and bring them up'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "dict" -d 'Run dictctl: dictionary segments'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "log" -d 'Run deltalog: logs'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "vindex" -d 'Run vindex: files of vector indexes'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "frame" -d 'Run jsonframe: JSON as typed columns'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "explain" -d 'Run explain: plans, kept and compared'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from backup compact drill export flush graph fsck init kv maintain manifest repair restore load run shell sql spec upgrade vector dict log vindex frame explain help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c qx -n "__fish_qx_using_subcommand help; and __fish_seen_subcommand_from graph" -f -a "status" -d 'Show what stands in the deltas of graphs, and whether they are due for compaction'
complete -c qx -n "__fish_qx_using_subcommand help; and __fish_seen_subcommand_from graph" -f -a "compact" -d 'Fold the deltas of graphs into new segments'
complete -c qx -n "__fish_qx_using_subcommand help; and __fish_seen_subcommand_from graph" -f -a "export" -d 'Write the nodes and edges of a graph as NDJSON operations'
complete -c qx -n "__fish_qx_using_subcommand help; and __fish_seen_subcommand_from kv" -f -a "get" -d 'Print the value of a key'
complete -c qx -n "__fish_qx_using_subcommand help; and __fish_seen_subcommand_from kv" -f -a "put" -d 'Set a key'
complete -c qx -n "__fish_qx_using_subcommand help; and __fish_seen_subcommand_from kv" -f -a "ls" -d 'List keys: name, type, bytes, expiry'
complete -c qx -n "__fish_qx_using_subcommand help; and __fish_seen_subcommand_from kv" -f -a "rm" -d 'Remove keys'
complete -c qx -n "__fish_qx_using_subcommand help; and __fish_seen_subcommand_from manifest" -f -a "show" -d 'List what the manifests name, or print one of them'
complete -c qx -n "__fish_qx_using_subcommand help; and __fish_seen_subcommand_from manifest" -f -a "verify" -d 'Prove the documents themselves: checksum, form and rules'
complete -c qx -n "__fish_qx_using_subcommand help; and __fish_seen_subcommand_from manifest" -f -a "diff" -d 'Compare the newest generation with the one before it, or two manifest files'
complete -c qx -n "__fish_qx_using_subcommand help; and __fish_seen_subcommand_from manifest" -f -a "history" -d 'List the generations that are kept'
complete -c qx -n "__fish_qx_using_subcommand help; and __fish_seen_subcommand_from manifest" -f -a "rebuild" -d 'Make the manifest of a table anew from its files'
complete -c qx -n "__fish_qx_using_subcommand help; and __fish_seen_subcommand_from spec" -f -a "check" -d 'Say whether a specification is sound'
complete -c qx -n "__fish_qx_using_subcommand help; and __fish_seen_subcommand_from spec" -f -a "hash" -d 'Print the hash of what a specification means'
complete -c qx -n "__fish_qx_using_subcommand help; and __fish_seen_subcommand_from spec" -f -a "schema" -d 'Print the JSON Schema of specification files'
complete -c qx -n "__fish_qx_using_subcommand help; and __fish_seen_subcommand_from vector" -f -a "status" -d 'Show vector indexes: state, rows, what they lack'
complete -c qx -n "__fish_qx_using_subcommand help; and __fish_seen_subcommand_from vector" -f -a "sync" -d 'Bring vector indexes up to the last commit'
