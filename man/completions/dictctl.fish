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
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "build" -d 'Build a segment from pairs (NDJSON, JSON, TSV, CSV, plain lines, Parquet, Arrow, other segments)'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "append" -d 'Write new pairs and removals over an old segment, into a new one'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "merge" -d 'Merge segments into one; of a key or id that several have, the last segment\'s is kept'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "get" -d 'Look up the ids of keys'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "has" -d 'Say whether keys are there'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "id" -d 'Look up the labels and keys of ids'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "prefix" -d 'Print the pairs whose keys begin with a prefix, sorted'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "range" -d 'Print the pairs whose keys lie in a range, sorted'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "dump" -d 'Print every pair, sorted by label and key'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "to-json" -d 'Write a segment in the JSON form'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "from-json" -d 'Make a segment of the JSON form (or NDJSON)'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "diff" -d 'Compare two dictionaries, pair by pair'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "stat" -d 'Print counts, id range, sizes and sections'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "inspect" -d 'Print every field of header, section table and META, with its offset, bytes and value'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "explain" -d 'Show the sections, bytes and cache lines that the lookup of a key touches'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "verify" -d 'Prove a segment, or say what is damaged and where'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "salvage" -d 'Save every pair of a damaged segment whose page is whole, and list what was lost'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "bench" -d 'Measure open, lookups and scan of a segment'
complete -c dictctl -n "__fish_dictctl_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -l input -d 'Form of every input, instead of telling it by content' -r -f -a "ndjson\t'One JSON object a line: {"label":..,"key":..,"id":..}; label and id may be missing; {"op":"del",..} removes'
json\t'One document: {"entries":[{"label":..,"key":..,"id":..}]}'
tsv\t'key, key<TAB>id or label<TAB>key<TAB>id, the same on every line, an empty id for the next free one; no escapes'
csv\t'As TSV, quoted as RFC 4180 says; a first row that names its columns (label, key, id) may order them'
lines\t'One key a line, ids assigned'
seg\t'A dictionary segment'
parquet\t'Columns of a Parquet file'
arrow\t'Columns of an Arrow IPC file or stream'"
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -l label -d 'Label of pairs that name none (default: the empty label)' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -l key-column -d 'Column of CSV, Parquet or Arrow that holds the keys (default: key, or the only one)' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -l label-column -d 'Column that holds the labels (default: label, if it is there)' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -l id-column -d 'Column that holds the ids (default: id, if it is there)' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -s o -l output -d 'Segment to write; `-` is stdout' -r -F
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -l memory -d 'Memory to use, roughly; what does not fit is sorted on disk' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -l temp-dir -d 'Folder for what does not fit in memory (default: that of the output)' -r -F
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -l layout -d 'What the segment is made for' -r -f -a "compact\t'A hash finds keys in one step'
small\t'No hash, larger blocks, each key coded against the one before it: about 45% smaller, keys found by halving'
fast\t'Keys stand whole behind a hash: the fastest, and two to three times as large as compact'"
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -l compress -d 'Compress the keys' -r -f -a "zstd\t'Key blocks in chunks of 32 KiB: for archives, each lookup unpacks one'
none\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -l force -d 'Replace the target if it is already there'
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand build" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand append" -l delete -d 'File with pairs or plain keys to remove; `-` is stdin' -r -F
complete -c dictctl -n "__fish_dictctl_using_subcommand append" -l input -d 'Form of every input but the old segment, instead of telling it by content' -r -f -a "ndjson\t'One JSON object a line: {"label":..,"key":..,"id":..}; label and id may be missing; {"op":"del",..} removes'
json\t'One document: {"entries":[{"label":..,"key":..,"id":..}]}'
tsv\t'key, key<TAB>id or label<TAB>key<TAB>id, the same on every line, an empty id for the next free one; no escapes'
csv\t'As TSV, quoted as RFC 4180 says; a first row that names its columns (label, key, id) may order them'
lines\t'One key a line, ids assigned'
seg\t'A dictionary segment'
parquet\t'Columns of a Parquet file'
arrow\t'Columns of an Arrow IPC file or stream'"
complete -c dictctl -n "__fish_dictctl_using_subcommand append" -l label -d 'Label of pairs that name none (default: the empty label)' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand append" -l key-column -d 'Column of CSV, Parquet or Arrow that holds the keys (default: key, or the only one)' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand append" -l label-column -d 'Column that holds the labels (default: label, if it is there)' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand append" -l id-column -d 'Column that holds the ids (default: id, if it is there)' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand append" -s o -l output -d 'Segment to write; `-` is stdout' -r -F
complete -c dictctl -n "__fish_dictctl_using_subcommand append" -l memory -d 'Memory to use, roughly; what does not fit is sorted on disk' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand append" -l temp-dir -d 'Folder for what does not fit in memory (default: that of the output)' -r -F
complete -c dictctl -n "__fish_dictctl_using_subcommand append" -l layout -d 'What the segment is made for' -r -f -a "compact\t'A hash finds keys in one step'
small\t'No hash, larger blocks, each key coded against the one before it: about 45% smaller, keys found by halving'
fast\t'Keys stand whole behind a hash: the fastest, and two to three times as large as compact'"
complete -c dictctl -n "__fish_dictctl_using_subcommand append" -l compress -d 'Compress the keys' -r -f -a "zstd\t'Key blocks in chunks of 32 KiB: for archives, each lookup unpacks one'
none\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand append" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand append" -l force -d 'Replace the target if it is already there'
complete -c dictctl -n "__fish_dictctl_using_subcommand append" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c dictctl -n "__fish_dictctl_using_subcommand append" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand append" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand append" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand append" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand merge" -s o -l output -d 'Segment to write; `-` is stdout' -r -F
complete -c dictctl -n "__fish_dictctl_using_subcommand merge" -l memory -d 'Memory to use, roughly; what does not fit is sorted on disk' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand merge" -l temp-dir -d 'Folder for what does not fit in memory (default: that of the output)' -r -F
complete -c dictctl -n "__fish_dictctl_using_subcommand merge" -l layout -d 'What the segment is made for' -r -f -a "compact\t'A hash finds keys in one step'
small\t'No hash, larger blocks, each key coded against the one before it: about 45% smaller, keys found by halving'
fast\t'Keys stand whole behind a hash: the fastest, and two to three times as large as compact'"
complete -c dictctl -n "__fish_dictctl_using_subcommand merge" -l compress -d 'Compress the keys' -r -f -a "zstd\t'Key blocks in chunks of 32 KiB: for archives, each lookup unpacks one'
none\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand merge" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand merge" -l force -d 'Replace the target if it is already there'
complete -c dictctl -n "__fish_dictctl_using_subcommand merge" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c dictctl -n "__fish_dictctl_using_subcommand merge" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand merge" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand merge" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand merge" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand get" -l label -d 'Look under this label only' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand get" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand get" -l checked -d 'Verify the checksum of every page that is touched'
complete -c dictctl -n "__fish_dictctl_using_subcommand get" -s 0 -l null -d 'Questions on stdin end in NUL rather than a newline, and so do the answers'
complete -c dictctl -n "__fish_dictctl_using_subcommand get" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand get" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand get" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand has" -l label -d 'Look under this label only' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand has" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand has" -l checked -d 'Verify the checksum of every page that is touched'
complete -c dictctl -n "__fish_dictctl_using_subcommand has" -s 0 -l null -d 'Questions on stdin end in NUL rather than a newline, and so do the answers'
complete -c dictctl -n "__fish_dictctl_using_subcommand has" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand has" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand has" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand has" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand id" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand id" -l checked -d 'Verify the checksum of every page that is touched'
complete -c dictctl -n "__fish_dictctl_using_subcommand id" -s 0 -l null -d 'Questions on stdin end in NUL rather than a newline, and so do the answers'
complete -c dictctl -n "__fish_dictctl_using_subcommand id" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand id" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand id" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand id" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand prefix" -l label -d 'Look under this label only' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand prefix" -l limit -d 'Print at most this many pairs' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand prefix" -l format -d 'Form of the output' -r -f -a "ndjson\t'{"label":..,"key":..,"id":..}, one a line; key_b64 and label_b64 where the bytes are not UTF-8'
tsv\t'label<TAB>key<TAB>id'
json\t'{"entries":[..]}'"
complete -c dictctl -n "__fish_dictctl_using_subcommand prefix" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand prefix" -l checked -d 'Verify the checksum of every page that is read'
complete -c dictctl -n "__fish_dictctl_using_subcommand prefix" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand prefix" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand prefix" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand prefix" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand range" -l label -d 'Look under this label only' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand range" -l limit -d 'Print at most this many pairs' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand range" -l format -d 'Form of the output' -r -f -a "ndjson\t'{"label":..,"key":..,"id":..}, one a line; key_b64 and label_b64 where the bytes are not UTF-8'
tsv\t'label<TAB>key<TAB>id'
json\t'{"entries":[..]}'"
complete -c dictctl -n "__fish_dictctl_using_subcommand range" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand range" -l inclusive -d 'Include TO itself'
complete -c dictctl -n "__fish_dictctl_using_subcommand range" -l checked -d 'Verify the checksum of every page that is read'
complete -c dictctl -n "__fish_dictctl_using_subcommand range" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand range" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand range" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand range" -s h -l help -d 'Print help (see more with \'--help\')'
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
complete -c dictctl -n "__fish_dictctl_using_subcommand to-json" -s o -l output -d 'File to write (default: stdout)' -r -F
complete -c dictctl -n "__fish_dictctl_using_subcommand to-json" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand to-json" -l force -d 'Replace the target if it is already there'
complete -c dictctl -n "__fish_dictctl_using_subcommand to-json" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c dictctl -n "__fish_dictctl_using_subcommand to-json" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand to-json" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand to-json" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand to-json" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand from-json" -s o -l output -d 'Segment to write; `-` is stdout' -r -F
complete -c dictctl -n "__fish_dictctl_using_subcommand from-json" -l memory -d 'Memory to use, roughly; what does not fit is sorted on disk' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand from-json" -l temp-dir -d 'Folder for what does not fit in memory (default: that of the output)' -r -F
complete -c dictctl -n "__fish_dictctl_using_subcommand from-json" -l layout -d 'What the segment is made for' -r -f -a "compact\t'A hash finds keys in one step'
small\t'No hash, larger blocks, each key coded against the one before it: about 45% smaller, keys found by halving'
fast\t'Keys stand whole behind a hash: the fastest, and two to three times as large as compact'"
complete -c dictctl -n "__fish_dictctl_using_subcommand from-json" -l compress -d 'Compress the keys' -r -f -a "zstd\t'Key blocks in chunks of 32 KiB: for archives, each lookup unpacks one'
none\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand from-json" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand from-json" -l force -d 'Replace the target if it is already there'
complete -c dictctl -n "__fish_dictctl_using_subcommand from-json" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c dictctl -n "__fish_dictctl_using_subcommand from-json" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand from-json" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand from-json" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand from-json" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand diff" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand diff" -l stat -d 'Print only how many there are'
complete -c dictctl -n "__fish_dictctl_using_subcommand diff" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand diff" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand diff" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand stat" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand stat" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand stat" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand stat" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand stat" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand inspect" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand inspect" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand inspect" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand inspect" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand explain" -l label -d 'Look under this label only' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand explain" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand explain" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand explain" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand explain" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand verify" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand verify" -l quick -d 'Checksums only'
complete -c dictctl -n "__fish_dictctl_using_subcommand verify" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand verify" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand verify" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand salvage" -l label -d 'Keep pairs whose label cannot be told under this one; \'\' is the empty label' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand salvage" -s o -l output -d 'Segment to write; `-` is stdout' -r -F
complete -c dictctl -n "__fish_dictctl_using_subcommand salvage" -l memory -d 'Memory to use, roughly; what does not fit is sorted on disk' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand salvage" -l temp-dir -d 'Folder for what does not fit in memory (default: that of the output)' -r -F
complete -c dictctl -n "__fish_dictctl_using_subcommand salvage" -l layout -d 'What the segment is made for' -r -f -a "compact\t'A hash finds keys in one step'
small\t'No hash, larger blocks, each key coded against the one before it: about 45% smaller, keys found by halving'
fast\t'Keys stand whole behind a hash: the fastest, and two to three times as large as compact'"
complete -c dictctl -n "__fish_dictctl_using_subcommand salvage" -l compress -d 'Compress the keys' -r -f -a "zstd\t'Key blocks in chunks of 32 KiB: for archives, each lookup unpacks one'
none\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand salvage" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand salvage" -l unproven -d 'Keep what no checksum proves, as long as none speaks against it and it is coded as a writer would, in order'
complete -c dictctl -n "__fish_dictctl_using_subcommand salvage" -l force -d 'Replace the target if it is already there'
complete -c dictctl -n "__fish_dictctl_using_subcommand salvage" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c dictctl -n "__fish_dictctl_using_subcommand salvage" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand salvage" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand salvage" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand salvage" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand bench" -l lookups -d 'Lookups of each kind' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand bench" -l reference -d 'Memory of the chase' -r
complete -c dictctl -n "__fish_dictctl_using_subcommand bench" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c dictctl -n "__fish_dictctl_using_subcommand bench" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c dictctl -n "__fish_dictctl_using_subcommand bench" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c dictctl -n "__fish_dictctl_using_subcommand bench" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c dictctl -n "__fish_dictctl_using_subcommand bench" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build append merge get has id prefix range dump to-json from-json diff stat inspect explain verify salvage bench help" -f -a "build" -d 'Build a segment from pairs (NDJSON, JSON, TSV, CSV, plain lines, Parquet, Arrow, other segments)'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build append merge get has id prefix range dump to-json from-json diff stat inspect explain verify salvage bench help" -f -a "append" -d 'Write new pairs and removals over an old segment, into a new one'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build append merge get has id prefix range dump to-json from-json diff stat inspect explain verify salvage bench help" -f -a "merge" -d 'Merge segments into one; of a key or id that several have, the last segment\'s is kept'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build append merge get has id prefix range dump to-json from-json diff stat inspect explain verify salvage bench help" -f -a "get" -d 'Look up the ids of keys'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build append merge get has id prefix range dump to-json from-json diff stat inspect explain verify salvage bench help" -f -a "has" -d 'Say whether keys are there'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build append merge get has id prefix range dump to-json from-json diff stat inspect explain verify salvage bench help" -f -a "id" -d 'Look up the labels and keys of ids'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build append merge get has id prefix range dump to-json from-json diff stat inspect explain verify salvage bench help" -f -a "prefix" -d 'Print the pairs whose keys begin with a prefix, sorted'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build append merge get has id prefix range dump to-json from-json diff stat inspect explain verify salvage bench help" -f -a "range" -d 'Print the pairs whose keys lie in a range, sorted'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build append merge get has id prefix range dump to-json from-json diff stat inspect explain verify salvage bench help" -f -a "dump" -d 'Print every pair, sorted by label and key'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build append merge get has id prefix range dump to-json from-json diff stat inspect explain verify salvage bench help" -f -a "to-json" -d 'Write a segment in the JSON form'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build append merge get has id prefix range dump to-json from-json diff stat inspect explain verify salvage bench help" -f -a "from-json" -d 'Make a segment of the JSON form (or NDJSON)'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build append merge get has id prefix range dump to-json from-json diff stat inspect explain verify salvage bench help" -f -a "diff" -d 'Compare two dictionaries, pair by pair'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build append merge get has id prefix range dump to-json from-json diff stat inspect explain verify salvage bench help" -f -a "stat" -d 'Print counts, id range, sizes and sections'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build append merge get has id prefix range dump to-json from-json diff stat inspect explain verify salvage bench help" -f -a "inspect" -d 'Print every field of header, section table and META, with its offset, bytes and value'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build append merge get has id prefix range dump to-json from-json diff stat inspect explain verify salvage bench help" -f -a "explain" -d 'Show the sections, bytes and cache lines that the lookup of a key touches'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build append merge get has id prefix range dump to-json from-json diff stat inspect explain verify salvage bench help" -f -a "verify" -d 'Prove a segment, or say what is damaged and where'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build append merge get has id prefix range dump to-json from-json diff stat inspect explain verify salvage bench help" -f -a "salvage" -d 'Save every pair of a damaged segment whose page is whole, and list what was lost'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build append merge get has id prefix range dump to-json from-json diff stat inspect explain verify salvage bench help" -f -a "bench" -d 'Measure open, lookups and scan of a segment'
complete -c dictctl -n "__fish_dictctl_using_subcommand help; and not __fish_seen_subcommand_from build append merge get has id prefix range dump to-json from-json diff stat inspect explain verify salvage bench help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
