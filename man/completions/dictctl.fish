# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_dictctl_global_optspecs
    string join \n json q/quiet v/verbose color= generate= h/help V/version
end

function __fish_dictctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_dictctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_dictctl_using_subcommand
    set -l cmd (__fish_dictctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c dictctl -n "__fish_dictctl_needs_command" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_needs_command" -l generate -d 'Print a man page or a completion script and exit' -r -f -a "man\t''
bash\t''
zsh\t''
fish\t''"
complete -c dictctl -n "__fish_dictctl_needs_command" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_needs_command" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_needs_command" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_needs_command" -s V -l version -d 'Print version'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "build" -d 'Build a segment from pairs (NDJSON, JSON, TSV, plain lines, other segments)'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "get" -d 'Look up the ids of keys'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "id" -d 'Look up the labels and keys of ids'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "dump" -d 'Print every pair, sorted by label and key'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "verify" -d 'Prove a segment, or say what is damaged and where'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "stat" -d 'Print counts, id range, sizes and sections'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -s o -l output -d 'Segment to write; `-` is stdout' -r -F
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -l input -d 'Form of every input, instead of telling it by content' -r -f -a "ndjson\t'One JSON object a line: {"label":..,"key":..,"id":..}; label and id may be missing'
json\t'One document: {"entries":[{"label":..,"key":..,"id":..}]}'
tsv\t'key, key<TAB>id or label<TAB>key<TAB>id, the same on every line, an empty id for the next free one; no escapes'
lines\t'One key a line, ids assigned'
seg\t'A dictionary segment'"
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -l label -d 'Label of pairs that name none (default: the empty label)' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -l force -d 'Replace the target if it is already there'
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand get" -l label -d 'Look under this label only' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand get" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand get" -l checked -d 'Verify the checksum of every page that is touched'
complete -c dictctl -n "__fish_dictctl_using_subcommand get" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand get" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand get" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand id" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand id" -l checked -d 'Verify the checksum of every page that is touched'
complete -c dictctl -n "__fish_dictctl_using_subcommand id" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand id" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand id" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand id" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand dump" -l format -d 'Form of the output' -r -f -a "ndjson\t'{"label":..,"key":..,"id":..}, one a line; key_b64 and label_b64 where the bytes are not UTF-8'
tsv\t'label<TAB>key<TAB>id'
json\t'{"entries":[..]}'"
complete -c dictctl -n "__fish_dictctl_using_subcommand dump" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand dump" -l checked -d 'Verify the checksum of every page that is read'
complete -c dictctl -n "__fish_dictctl_using_subcommand dump" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand dump" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand dump" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand dump" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand verify" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand verify" -l quick -d 'Checksums only'
complete -c dictctl -n "__fish_dictctl_using_subcommand verify" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand verify" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand verify" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand stat" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand stat" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand stat" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand stat" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand stat" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build get id dump verify stat help" -f -a "build" -d 'Build a segment from pairs (NDJSON, JSON, TSV, plain lines, other segments)'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build get id dump verify stat help" -f -a "get" -d 'Look up the ids of keys'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build get id dump verify stat help" -f -a "id" -d 'Look up the labels and keys of ids'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build get id dump verify stat help" -f -a "dump" -d 'Print every pair, sorted by label and key'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build get id dump verify stat help" -f -a "verify" -d 'Prove a segment, or say what is damaged and where'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build get id dump verify stat help" -f -a "stat" -d 'Print counts, id range, sizes and sections'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build get id dump verify stat help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
