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
complete -c qx -n "__fish_qx_needs_command" -f -a "flush" -d 'Bring rows from the log to the Delta Lake tables'
complete -c qx -n "__fish_qx_needs_command" -f -a "init" -d 'Make a folder an empty database'
complete -c qx -n "__fish_qx_needs_command" -f -a "run" -d 'Run a pipeline: tables, graph, vectors and documents from input files, then its questions'
complete -c qx -n "__fish_qx_needs_command" -f -a "sql" -d 'Run SQL statements against a database'
complete -c qx -n "__fish_qx_needs_command" -f -a "spec" -d 'Check, hash or describe specification files'
complete -c qx -n "__fish_qx_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c qx -n "__fish_qx_using_subcommand flush" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c qx -n "__fish_qx_using_subcommand flush" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand flush" -l dry-run -d 'Say how many rows each table would bring, and bring none'
complete -c qx -n "__fish_qx_using_subcommand flush" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand flush" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand flush" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand flush" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c qx -n "__fish_qx_using_subcommand init" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c qx -n "__fish_qx_using_subcommand init" -l dry-run -d 'Check and report, but make nothing'
complete -c qx -n "__fish_qx_using_subcommand init" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c qx -n "__fish_qx_using_subcommand init" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c qx -n "__fish_qx_using_subcommand init" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c qx -n "__fish_qx_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
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
complete -c qx -n "__fish_qx_using_subcommand sql" -l db -d 'Database folder' -r -F
complete -c qx -n "__fish_qx_using_subcommand sql" -s c -l command -d 'Statements to run' -r
complete -c qx -n "__fish_qx_using_subcommand sql" -s f -l file -d 'File of statements to run; stdin when neither this nor -c is given' -r -F
complete -c qx -n "__fish_qx_using_subcommand sql" -l format -d 'Form of the answer (default: a table on a terminal, NDJSON in a pipe; by extension with -o)' -r -f -a "table\t'Aligned columns, for people'
ndjson\t'One JSON object a row'
json\t'One JSON array of objects'
csv\t'Comma-separated values with a header'
tsv\t'Tab-separated values with a header'"
complete -c qx -n "__fish_qx_using_subcommand sql" -s o -l output -d 'File to write the answer to; exactly one statement then gives rows' -r -F
complete -c qx -n "__fish_qx_using_subcommand sql" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c qx -n "__fish_qx_using_subcommand sql" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
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
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from flush init run sql spec help" -f -a "flush" -d 'Bring rows from the log to the Delta Lake tables'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from flush init run sql spec help" -f -a "init" -d 'Make a folder an empty database'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from flush init run sql spec help" -f -a "run" -d 'Run a pipeline: tables, graph, vectors and documents from input files, then its questions'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from flush init run sql spec help" -f -a "sql" -d 'Run SQL statements against a database'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from flush init run sql spec help" -f -a "spec" -d 'Check, hash or describe specification files'
complete -c qx -n "__fish_qx_using_subcommand help; and not __fish_seen_subcommand_from flush init run sql spec help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c qx -n "__fish_qx_using_subcommand help; and __fish_seen_subcommand_from spec" -f -a "check" -d 'Say whether a specification is sound'
complete -c qx -n "__fish_qx_using_subcommand help; and __fish_seen_subcommand_from spec" -f -a "hash" -d 'Print the hash of what a specification means'
complete -c qx -n "__fish_qx_using_subcommand help; and __fish_seen_subcommand_from spec" -f -a "schema" -d 'Print the JSON Schema of specification files'
