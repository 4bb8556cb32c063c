# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_jsonframe_global_optspecs
    string join \n json q/quiet v/verbose color= generate= h/help V/version
end

function __fish_jsonframe_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_jsonframe_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_jsonframe_using_subcommand
    set -l cmd (__fish_jsonframe_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c jsonframe -n "__fish_jsonframe_needs_command" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c jsonframe -n "__fish_jsonframe_needs_command" -l generate -d 'Print a man page or a completion script and exit' -r -f -a "man\t''
bash\t''
zsh\t''
fish\t''"
complete -c jsonframe -n "__fish_jsonframe_needs_command" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c jsonframe -n "__fish_jsonframe_needs_command" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c jsonframe -n "__fish_jsonframe_needs_command" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c jsonframe -n "__fish_jsonframe_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c jsonframe -n "__fish_jsonframe_needs_command" -s V -l version -d 'Print version'
complete -c jsonframe -n "__fish_jsonframe_needs_command" -f -a "convert" -d 'Convert JSON to Parquet, Arrow, CSV or NDJSON'
complete -c jsonframe -n "__fish_jsonframe_needs_command" -f -a "count" -d 'Count records, those that hold, or those of each value'
complete -c jsonframe -n "__fish_jsonframe_needs_command" -f -a "schema" -d 'Print the schema of JSON, with counts per field'
complete -c jsonframe -n "__fish_jsonframe_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l root -d 'JSON pointer to what holds the records in each document: /data/items' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l dup-keys -d 'What becomes of a key that stands twice in one object; beside the fields that are asked for it is passed over' -r -f -a "error\t'The record is bad'
first\t'Its first value counts, and the others are reported'
last\t'Its last value counts, and the others are reported'"
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l bad-text -d 'What becomes of bytes that are not UTF-8 and of half surrogate pairs' -r -f -a "error\t'The record is bad'
replace\t'U+FFFD stands in its place, and is reported'"
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l max-record -d 'The longest record' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l type -d 'Give a field\'s type rather than find it; repeat for more. PATH is as `schema` prints it: a.b, a[].b, "odd.key". TYPE is bool, int64, uint64, float64, decimal(P,S), utf8, date, timestamp, time, uuid, json, list<T>, map<utf8, T>, struct<name: T, ...>, or a SQL type' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l map -d 'Make a map of the objects at PATH: keys are data, values have one type; repeat for more. Objects with very many keys, few in each, become maps by themselves' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l schema -d 'Take the columns from FILE instead of the sample: what `schema` prints, {"name": "type"}, or a SQL column list. What it lacks or what does not fit follows --drift' -r -F
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l select -d 'Only these fields, in this order: a,b.c' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l max-depth -d 'Levels of columns in columns; what is deeper stays JSON text' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l strings -d 'What strings are taken for' -r -f -a "text\t'Every string stays text'
dates\t'Dates and timestamps are found'
all\t'Times of day and UUIDs as well'"
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l where -d 'Only rows that hold: a=b, a.b>=5, !=, <, a (there is one), !a (there is none); repeat to ask for more at once' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l flatten -d 'Make the fields of structs columns of their own, their names joined by SEP. An object without a value is then the same as null, and is counted' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -s o -l output -d 'Write here; the extension gives the format (parquet, arrow, arrows, csv, ndjson, jsonl; csv.zst, ndjson.gz, ...); `-` is stdout' -r -F
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l format -d 'Write this format, whatever the extension' -r -f -a "parquet\t''
arrow\t'Arrow IPC file'
arrows\t'Arrow IPC stream'
csv\t''
ndjson\t''
table\t'The first rows, for people'"
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l compression -d 'Compress with none, snappy, zstd[:LEVEL] or gzip[:LEVEL]. Parquet is written with zstd:1 unless something else is said; CSV and NDJSON as plain text unless the extension says zst or gz; Arrow is never compressed' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l dictionaries -d 'Which columns of Parquet and Arrow are encoded by dictionaries. An Arrow file that is not written to a new file, or whose input is a pipe, has none' -r -f -a "auto\t'Columns whose first values repeat; text in Arrow then has a dictionary type'
none\t''"
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l sample -d 'How many records of each input fix the types, or `all`' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l drift -d 'What becomes of a later value that does not fit its column\'s type' -r -f -a "widen\t'The column\'s type becomes one that holds every value (the default, unless an input is a pipe)'
rescue\t'The value is kept as JSON in the column `_rescued` (the default for a pipe)'
null\t'The value becomes null, and is counted'
error\t'Stop at the first such value'"
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l rejects -d 'Put records that are not JSON here, as NDJSON with place and reason, and go on after their line. Inside an array only elements with a wrong number, word or string, or a key that stands twice, can be set aside' -r -F
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l max-rejects -d 'Stop when there are more bad records than this' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l threads -d 'Threads: with 2, one decodes while another one encodes and writes a file' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l sort-columns -d 'Columns and fields by name, not as first seen'
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l force -d 'Replace the target if it is already there'
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c jsonframe -n "__fish_jsonframe_using_subcommand convert" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c jsonframe -n "__fish_jsonframe_using_subcommand count" -l root -d 'JSON pointer to what holds the records in each document: /data/items' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand count" -l dup-keys -d 'What becomes of a key that stands twice in one object; beside the fields that are asked for it is passed over' -r -f -a "error\t'The record is bad'
first\t'Its first value counts, and the others are reported'
last\t'Its last value counts, and the others are reported'"
complete -c jsonframe -n "__fish_jsonframe_using_subcommand count" -l bad-text -d 'What becomes of bytes that are not UTF-8 and of half surrogate pairs' -r -f -a "error\t'The record is bad'
replace\t'U+FFFD stands in its place, and is reported'"
complete -c jsonframe -n "__fish_jsonframe_using_subcommand count" -l max-record -d 'The longest record' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand count" -l where -d 'Only records that hold: a=b, a.b>=5, !=, <, a (there is one), !a (there is none); repeat to ask for more at once' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand count" -l by -d 'Count each value of these fields on its own: a,b.c' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand count" -l sample -d 'How many records of each input fix the types, or `all`' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand count" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c jsonframe -n "__fish_jsonframe_using_subcommand count" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c jsonframe -n "__fish_jsonframe_using_subcommand count" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c jsonframe -n "__fish_jsonframe_using_subcommand count" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c jsonframe -n "__fish_jsonframe_using_subcommand count" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c jsonframe -n "__fish_jsonframe_using_subcommand schema" -l root -d 'JSON pointer to what holds the records in each document: /data/items' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand schema" -l dup-keys -d 'What becomes of a key that stands twice in one object; beside the fields that are asked for it is passed over' -r -f -a "error\t'The record is bad'
first\t'Its first value counts, and the others are reported'
last\t'Its last value counts, and the others are reported'"
complete -c jsonframe -n "__fish_jsonframe_using_subcommand schema" -l bad-text -d 'What becomes of bytes that are not UTF-8 and of half surrogate pairs' -r -f -a "error\t'The record is bad'
replace\t'U+FFFD stands in its place, and is reported'"
complete -c jsonframe -n "__fish_jsonframe_using_subcommand schema" -l max-record -d 'The longest record' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand schema" -l type -d 'Give a field\'s type rather than find it; repeat for more. PATH is as `schema` prints it: a.b, a[].b, "odd.key". TYPE is bool, int64, uint64, float64, decimal(P,S), utf8, date, timestamp, time, uuid, json, list<T>, map<utf8, T>, struct<name: T, ...>, or a SQL type' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand schema" -l map -d 'Make a map of the objects at PATH: keys are data, values have one type; repeat for more. Objects with very many keys, few in each, become maps by themselves' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand schema" -l schema -d 'Take the columns from FILE instead of the sample: what `schema` prints, {"name": "type"}, or a SQL column list. What it lacks or what does not fit follows --drift' -r -F
complete -c jsonframe -n "__fish_jsonframe_using_subcommand schema" -l select -d 'Only these fields, in this order: a,b.c' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand schema" -l max-depth -d 'Levels of columns in columns; what is deeper stays JSON text' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand schema" -l strings -d 'What strings are taken for' -r -f -a "text\t'Every string stays text'
dates\t'Dates and timestamps are found'
all\t'Times of day and UUIDs as well'"
complete -c jsonframe -n "__fish_jsonframe_using_subcommand schema" -l sample -d 'How many records of each input to look at, or `all`' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand schema" -l format -d 'Print it in this form' -r -f -a "table\t''
json\t''
sql\t'A CREATE TABLE statement'
json-schema\t'A JSON Schema (2020-12) of one record'"
complete -c jsonframe -n "__fish_jsonframe_using_subcommand schema" -l name -d 'The table\'s name in SQL (default: the first input\'s)' -r
complete -c jsonframe -n "__fish_jsonframe_using_subcommand schema" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c jsonframe -n "__fish_jsonframe_using_subcommand schema" -l sort-columns -d 'Columns and fields by name, not as first seen'
complete -c jsonframe -n "__fish_jsonframe_using_subcommand schema" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c jsonframe -n "__fish_jsonframe_using_subcommand schema" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c jsonframe -n "__fish_jsonframe_using_subcommand schema" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c jsonframe -n "__fish_jsonframe_using_subcommand schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c jsonframe -n "__fish_jsonframe_using_subcommand help; and not __fish_seen_subcommand_from convert count schema help" -f -a "convert" -d 'Convert JSON to Parquet, Arrow, CSV or NDJSON'
complete -c jsonframe -n "__fish_jsonframe_using_subcommand help; and not __fish_seen_subcommand_from convert count schema help" -f -a "count" -d 'Count records, those that hold, or those of each value'
complete -c jsonframe -n "__fish_jsonframe_using_subcommand help; and not __fish_seen_subcommand_from convert count schema help" -f -a "schema" -d 'Print the schema of JSON, with counts per field'
complete -c jsonframe -n "__fish_jsonframe_using_subcommand help; and not __fish_seen_subcommand_from convert count schema help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
