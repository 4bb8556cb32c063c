# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_vindex_global_optspecs
    string join \n json q/quiet v/verbose color= generate= h/help V/version
end

function __fish_vindex_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_vindex_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_vindex_using_subcommand
    set -l cmd (__fish_vindex_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c vindex -n "__fish_vindex_needs_command" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c vindex -n "__fish_vindex_needs_command" -l generate -d 'Print a man page or a completion script and exit' -r -f -a "man\t''
bash\t''
zsh\t''
fish\t''"
complete -c vindex -n "__fish_vindex_needs_command" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c vindex -n "__fish_vindex_needs_command" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c vindex -n "__fish_vindex_needs_command" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c vindex -n "__fish_vindex_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vindex -n "__fish_vindex_needs_command" -s V -l version -d 'Print version'
complete -c vindex -n "__fish_vindex_needs_command" -f -a "build" -d 'Build an index from vectors (npy, fvecs, bvecs, ivecs, fbin, NDJSON, CSV, Parquet, Arrow, another index)'
complete -c vindex -n "__fish_vindex_needs_command" -f -a "search" -d 'Print the rows nearest to a query, nearest first'
complete -c vindex -n "__fish_vindex_needs_command" -f -a "recall" -d 'Compare searches with exact answers: recall, queries per second of one thread, distances computed'
complete -c vindex -n "__fish_vindex_needs_command" -f -a "tune" -d 'Find the least ef that finds enough, and make it the default of searches'
complete -c vindex -n "__fish_vindex_needs_command" -f -a "stat" -d 'Print what an index holds and how it was built'
complete -c vindex -n "__fish_vindex_needs_command" -f -a "inspect" -d 'Print the structure of a file, whole or damaged, or everything about one row'
complete -c vindex -n "__fish_vindex_needs_command" -f -a "verify" -d 'Prove an index, or say what is damaged and where'
complete -c vindex -n "__fish_vindex_needs_command" -f -a "repair" -d 'Write a new file from what is whole in a damaged one, and say what was lost'
complete -c vindex -n "__fish_vindex_needs_command" -f -a "add" -d 'Add rows to an index, or replace rows by their id'
complete -c vindex -n "__fish_vindex_needs_command" -f -a "delete" -d 'Delete rows by their id'
complete -c vindex -n "__fish_vindex_needs_command" -f -a "compact" -d 'Fold what was added and deleted into one file'
complete -c vindex -n "__fish_vindex_needs_command" -f -a "merge" -d 'Build one file from the rows of several indexes'
complete -c vindex -n "__fish_vindex_needs_command" -f -a "convert" -d 'Convert a clarium index, or an index into another form'
complete -c vindex -n "__fish_vindex_needs_command" -f -a "dump" -d 'Print the rows of an index that can be answered: ids and vectors'
complete -c vindex -n "__fish_vindex_needs_command" -f -a "bench" -d 'Measure opening, searching, scanning and verifying an index'
complete -c vindex -n "__fish_vindex_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c vindex -n "__fish_vindex_using_subcommand build" -s o -l output -d 'Index to write; `-` is stdout' -r -F
complete -c vindex -n "__fish_vindex_using_subcommand build" -l metric -d 'l2 (smaller is nearer), ip or cosine (larger is nearer)' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l input -d 'Form of the input, instead of telling it by name and content' -r -f -a "npy\t'A matrix of floats or integers, as NumPy saves it'
fvecs\t'Before each vector its dimension; components are f32'
ivecs\t'As fvecs, components are i32'
bvecs\t'As fvecs, components are bytes'
fbin\t'Number and dimension, then the vectors'
ndjson\t'An array of numbers a line, or an object a line (see --column)'
csv\t'Text such as "[1,2]" in one column (see --column), or a column for each component'
tsv\t'As csv, separated by tabs'
parquet\t'A column of lists (see --column)'
arrow\t'Arrow IPC, file or stream; a column of lists (see --column)'
vdata\t'An index: the vectors and row ids that it holds'"
complete -c vindex -n "__fish_vindex_using_subcommand build" -l column -d 'Field or column that holds the vector (default: `vector` as `dump` writes it, else NDJSON lines are arrays, CSV columns are components, Parquet and Arrow have one column of lists)' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l id-column -d 'Field or column that holds the row id: 64-bit integers are kept as they are, text is hashed with xxh3-64 (default: `id` beside the `vector` of what `dump` writes, else the position in the input)' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l dim -d 'Dimension that vectors must have (default: that of the first)' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l dim-policy -d 'error or skip: what to do with vectors that cannot be indexed' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l element -d 'f32, f16 or bf16: how components are stored' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l codes -d '8bit (beside the vectors), none (no graph either) or only (compact: codes stand for the vectors)' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l engine -d 'hnsw (a search graph) or flat (every search scans); hnsw_rs where that library is built in (default: hnsw, flat with --codes none)' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l m -d 'Neighbours that a row chooses in the graph' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l ef-build -d 'Rows kept in mind while a row looks for its neighbours: more make a better graph, slower' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l ef-search -d 'Default of searches in this index that name no --ef' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l seed -d 'Decides the order in which rows are linked' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l threads -d 'Threads to use (default: as many as there are cores)' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l memory -d 'Memory that the build may use, such as 2GiB: vectors that do not fit are read from the input again. What text, Parquet, Arrow and stdin are decoded into is not counted; other files are read where they lie' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c vindex -n "__fish_vindex_using_subcommand build" -l recode -d 'Let rows of compact indexes be coded anew where their codes do not fit the others: each moves a little'
complete -c vindex -n "__fish_vindex_using_subcommand build" -l force -d 'Replace the target if it is already there'
complete -c vindex -n "__fish_vindex_using_subcommand build" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c vindex -n "__fish_vindex_using_subcommand build" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c vindex -n "__fish_vindex_using_subcommand build" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c vindex -n "__fish_vindex_using_subcommand build" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c vindex -n "__fish_vindex_using_subcommand build" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vindex -n "__fish_vindex_using_subcommand search" -l query -d 'A vector (\'[1,2]\', \'1,2\', \'1 2\', \'(1 2)\'), a file of vectors (any form that `build` reads; `@FILE` when its name looks like a vector), or `-` for vectors on stdin, one a line' -r
complete -c vindex -n "__fish_vindex_using_subcommand search" -s k -l k -d 'Rows to answer' -r
complete -c vindex -n "__fish_vindex_using_subcommand search" -l ef -d 'Rows kept in mind during the walk: more find more, slower (default: what the index says)' -r
complete -c vindex -n "__fish_vindex_using_subcommand search" -l recall-target -d 'Find the least --ef that finds this share of the exact answers, on a hundred rows of the index, and use it' -r
complete -c vindex -n "__fish_vindex_using_subcommand search" -l filter -d 'Rows that may be answered: row ids (`7,8,-9`), `@FILE` of row ids one a line, `bitmap:FILE` (bit n, lowest first, is row n in the order of the index), or `column:FILE:NAME` (rows of an NDJSON, CSV, Parquet or Arrow file whose field NAME is true; see --filter-id). A leading `!` turns it around' -r
complete -c vindex -n "__fish_vindex_using_subcommand search" -l filter-id -d 'For column:FILE:NAME, the field that holds the row id or key (default: the position in the file)' -r
complete -c vindex -n "__fish_vindex_using_subcommand search" -l column -d 'Queries in columns: the field that holds the vector' -r
complete -c vindex -n "__fish_vindex_using_subcommand search" -l format -d 'Form of the answers (default: table on a terminal, NDJSON elsewhere)' -r -f -a "table\t''
ndjson\t''
tsv\t'query, rank, row id, score'"
complete -c vindex -n "__fish_vindex_using_subcommand search" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c vindex -n "__fish_vindex_using_subcommand search" -l exact -d 'Answer exactly'
complete -c vindex -n "__fish_vindex_using_subcommand search" -l unchecked -d 'Do not hold what is read against its checksums: faster by a few milliseconds, and damage may go unnoticed'
complete -c vindex -n "__fish_vindex_using_subcommand search" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c vindex -n "__fish_vindex_using_subcommand search" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c vindex -n "__fish_vindex_using_subcommand search" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c vindex -n "__fish_vindex_using_subcommand search" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vindex -n "__fish_vindex_using_subcommand recall" -l queries -d 'Queries, as `vindex search --query` takes them (default: rows of the index)' -r
complete -c vindex -n "__fish_vindex_using_subcommand recall" -l column -d 'Queries in columns: the field that holds the vector' -r
complete -c vindex -n "__fish_vindex_using_subcommand recall" -l sample -d 'Rows of the index to take as queries' -r
complete -c vindex -n "__fish_vindex_using_subcommand recall" -s k -l k -d 'Rows of an answer' -r
complete -c vindex -n "__fish_vindex_using_subcommand recall" -l ef -d 'Rows kept in mind during the walk; several, separated by commas' -r
complete -c vindex -n "__fish_vindex_using_subcommand recall" -l min -d 'Recall that the best of them must reach' -r
complete -c vindex -n "__fish_vindex_using_subcommand recall" -l svg -d 'Plot of recall over queries per second to write' -r -F
complete -c vindex -n "__fish_vindex_using_subcommand recall" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c vindex -n "__fish_vindex_using_subcommand recall" -l force -d 'Replace the target if it is already there'
complete -c vindex -n "__fish_vindex_using_subcommand recall" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c vindex -n "__fish_vindex_using_subcommand recall" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c vindex -n "__fish_vindex_using_subcommand recall" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c vindex -n "__fish_vindex_using_subcommand recall" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c vindex -n "__fish_vindex_using_subcommand recall" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vindex -n "__fish_vindex_using_subcommand tune" -l recall-target -d 'Share of the exact answers that a search must find' -r
complete -c vindex -n "__fish_vindex_using_subcommand tune" -l queries -d 'Queries, as `vindex search --query` takes them (default: rows of the index)' -r
complete -c vindex -n "__fish_vindex_using_subcommand tune" -l column -d 'Queries in columns: the field that holds the vector' -r
complete -c vindex -n "__fish_vindex_using_subcommand tune" -l sample -d 'Rows of the index to take as queries' -r
complete -c vindex -n "__fish_vindex_using_subcommand tune" -s k -l k -d 'Rows of an answer' -r
complete -c vindex -n "__fish_vindex_using_subcommand tune" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c vindex -n "__fish_vindex_using_subcommand tune" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c vindex -n "__fish_vindex_using_subcommand tune" -l dry-run -d 'Do everything but store it'
complete -c vindex -n "__fish_vindex_using_subcommand tune" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c vindex -n "__fish_vindex_using_subcommand tune" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c vindex -n "__fish_vindex_using_subcommand tune" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c vindex -n "__fish_vindex_using_subcommand tune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vindex -n "__fish_vindex_using_subcommand stat" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c vindex -n "__fish_vindex_using_subcommand stat" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c vindex -n "__fish_vindex_using_subcommand stat" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c vindex -n "__fish_vindex_using_subcommand stat" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c vindex -n "__fish_vindex_using_subcommand stat" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vindex -n "__fish_vindex_using_subcommand inspect" -l row -d 'Row by its number in the file' -r
complete -c vindex -n "__fish_vindex_using_subcommand inspect" -l id -d 'Row by its id' -r
complete -c vindex -n "__fish_vindex_using_subcommand inspect" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c vindex -n "__fish_vindex_using_subcommand inspect" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c vindex -n "__fish_vindex_using_subcommand inspect" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c vindex -n "__fish_vindex_using_subcommand inspect" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c vindex -n "__fish_vindex_using_subcommand inspect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vindex -n "__fish_vindex_using_subcommand verify" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c vindex -n "__fish_vindex_using_subcommand verify" -l quick -d 'Checksums only'
complete -c vindex -n "__fish_vindex_using_subcommand verify" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c vindex -n "__fish_vindex_using_subcommand verify" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c vindex -n "__fish_vindex_using_subcommand verify" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c vindex -n "__fish_vindex_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vindex -n "__fish_vindex_using_subcommand repair" -s o -l output -d 'File to write' -r -F
complete -c vindex -n "__fish_vindex_using_subcommand repair" -l dim -d 'Dimension, where META is damaged and there are no codes to tell it (default: as the definition beside it says)' -r
complete -c vindex -n "__fish_vindex_using_subcommand repair" -l metric -d 'Metric, likewise: l2, ip or cosine' -r
complete -c vindex -n "__fish_vindex_using_subcommand repair" -l threads -d 'Threads to use (default: as many as there are cores)' -r
complete -c vindex -n "__fish_vindex_using_subcommand repair" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c vindex -n "__fish_vindex_using_subcommand repair" -l without-deny -d 'Go on without deny lists that are damaged or gone: the rows that they hid come back, except where a later file has a newer form of the row; the report counts their ids'
complete -c vindex -n "__fish_vindex_using_subcommand repair" -l force -d 'Replace the target if it is already there'
complete -c vindex -n "__fish_vindex_using_subcommand repair" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c vindex -n "__fish_vindex_using_subcommand repair" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c vindex -n "__fish_vindex_using_subcommand repair" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c vindex -n "__fish_vindex_using_subcommand repair" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c vindex -n "__fish_vindex_using_subcommand repair" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vindex -n "__fish_vindex_using_subcommand add" -l input -d 'Form of the input, instead of telling it by name and content' -r -f -a "npy\t'A matrix of floats or integers, as NumPy saves it'
fvecs\t'Before each vector its dimension; components are f32'
ivecs\t'As fvecs, components are i32'
bvecs\t'As fvecs, components are bytes'
fbin\t'Number and dimension, then the vectors'
ndjson\t'An array of numbers a line, or an object a line (see --column)'
csv\t'Text such as "[1,2]" in one column (see --column), or a column for each component'
tsv\t'As csv, separated by tabs'
parquet\t'A column of lists (see --column)'
arrow\t'Arrow IPC, file or stream; a column of lists (see --column)'
vdata\t'An index: the vectors and row ids that it holds'"
complete -c vindex -n "__fish_vindex_using_subcommand add" -l column -d 'Field or column that holds the vector (default: `vector` as `dump` writes it, else NDJSON lines are arrays, CSV columns are components, Parquet and Arrow have one column of lists)' -r
complete -c vindex -n "__fish_vindex_using_subcommand add" -l id-column -d 'Field or column that holds the row id: 64-bit integers are kept as they are, text is hashed with xxh3-64 (default: `id` beside the `vector` of what `dump` writes, else the position in the input)' -r
complete -c vindex -n "__fish_vindex_using_subcommand add" -l dim-policy -d 'error or skip: what to do with vectors that cannot be indexed' -r
complete -c vindex -n "__fish_vindex_using_subcommand add" -l on-conflict -d 'What to do with a row whose id is in the index' -r -f -a "replace\t'Take its place'
skip\t'Leave the added row out'
error\t'Refuse the addition'"
complete -c vindex -n "__fish_vindex_using_subcommand add" -l threads -d 'Threads to use (default: as many as there are cores)' -r
complete -c vindex -n "__fish_vindex_using_subcommand add" -l memory -d 'Memory that the build may use, such as 2GiB: vectors that do not fit are read from the input again. What text, Parquet, Arrow and stdin are decoded into is not counted; other files are read where they lie' -r
complete -c vindex -n "__fish_vindex_using_subcommand add" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c vindex -n "__fish_vindex_using_subcommand add" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c vindex -n "__fish_vindex_using_subcommand add" -l recode -d 'Let rows of compact indexes be coded anew where their codes do not fit the others: each moves a little'
complete -c vindex -n "__fish_vindex_using_subcommand add" -l dry-run -d 'Read and check everything, change nothing'
complete -c vindex -n "__fish_vindex_using_subcommand add" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c vindex -n "__fish_vindex_using_subcommand add" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c vindex -n "__fish_vindex_using_subcommand add" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c vindex -n "__fish_vindex_using_subcommand add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vindex -n "__fish_vindex_using_subcommand delete" -l id -d 'Row ids, as `vindex search` prints them: numbers, several after each other or separated by commas (`--id=-7,8` where a list begins with a negative one)' -r
complete -c vindex -n "__fish_vindex_using_subcommand delete" -l key -d 'Keys of an index whose row ids are hashes of them' -r
complete -c vindex -n "__fish_vindex_using_subcommand delete" -l ids -d 'File of row ids, one a line; `-` is stdin' -r -F
complete -c vindex -n "__fish_vindex_using_subcommand delete" -l keys -d 'File of keys, one a line; `-` is stdin' -r -F
complete -c vindex -n "__fish_vindex_using_subcommand delete" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c vindex -n "__fish_vindex_using_subcommand delete" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c vindex -n "__fish_vindex_using_subcommand delete" -l dry-run -d 'Say what would go, change nothing'
complete -c vindex -n "__fish_vindex_using_subcommand delete" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c vindex -n "__fish_vindex_using_subcommand delete" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c vindex -n "__fish_vindex_using_subcommand delete" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c vindex -n "__fish_vindex_using_subcommand delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vindex -n "__fish_vindex_using_subcommand compact" -l threads -d 'Threads to use (default: as many as there are cores)' -r
complete -c vindex -n "__fish_vindex_using_subcommand compact" -l memory -d 'Memory that the build may use, such as 2GiB: vectors that do not fit are read from the input again. What text, Parquet, Arrow and stdin are decoded into is not counted; other files are read where they lie' -r
complete -c vindex -n "__fish_vindex_using_subcommand compact" -l wait -d 'Wait this long for a lock that another process holds (default: not at all, exit 75)' -r
complete -c vindex -n "__fish_vindex_using_subcommand compact" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c vindex -n "__fish_vindex_using_subcommand compact" -l recode -d 'Let rows of compact indexes be coded anew where their codes do not fit the others: each moves a little'
complete -c vindex -n "__fish_vindex_using_subcommand compact" -l dry-run -d 'Say what would be folded, change nothing'
complete -c vindex -n "__fish_vindex_using_subcommand compact" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c vindex -n "__fish_vindex_using_subcommand compact" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c vindex -n "__fish_vindex_using_subcommand compact" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c vindex -n "__fish_vindex_using_subcommand compact" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vindex -n "__fish_vindex_using_subcommand merge" -s o -l output -d 'File to write' -r -F
complete -c vindex -n "__fish_vindex_using_subcommand merge" -l threads -d 'Threads to use (default: as many as there are cores)' -r
complete -c vindex -n "__fish_vindex_using_subcommand merge" -l memory -d 'Memory that the build may use, such as 2GiB: vectors that do not fit are read from the input again. What text, Parquet, Arrow and stdin are decoded into is not counted; other files are read where they lie' -r
complete -c vindex -n "__fish_vindex_using_subcommand merge" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c vindex -n "__fish_vindex_using_subcommand merge" -l recode -d 'Let rows of compact indexes be coded anew where their codes do not fit the others: each moves a little'
complete -c vindex -n "__fish_vindex_using_subcommand merge" -l force -d 'Replace the target if it is already there'
complete -c vindex -n "__fish_vindex_using_subcommand merge" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c vindex -n "__fish_vindex_using_subcommand merge" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c vindex -n "__fish_vindex_using_subcommand merge" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c vindex -n "__fish_vindex_using_subcommand merge" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c vindex -n "__fish_vindex_using_subcommand merge" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vindex -n "__fish_vindex_using_subcommand convert" -s o -l output -d 'File to write' -r -F
complete -c vindex -n "__fish_vindex_using_subcommand convert" -l metric -d 'Metric (default: that of the input)' -r
complete -c vindex -n "__fish_vindex_using_subcommand convert" -l element -d 'f32, f16 or bf16 (default: that of the input)' -r
complete -c vindex -n "__fish_vindex_using_subcommand convert" -l codes -d '8bit, none or only (default: as the input has)' -r
complete -c vindex -n "__fish_vindex_using_subcommand convert" -l engine -d 'hnsw or flat (default: that of the input)' -r
complete -c vindex -n "__fish_vindex_using_subcommand convert" -l dim-policy -d 'error or skip: what to do with vectors that cannot be indexed' -r
complete -c vindex -n "__fish_vindex_using_subcommand convert" -l threads -d 'Threads to use (default: as many as there are cores)' -r
complete -c vindex -n "__fish_vindex_using_subcommand convert" -l memory -d 'Memory that the build may use, such as 2GiB: vectors that do not fit are read from the input again. What text, Parquet, Arrow and stdin are decoded into is not counted; other files are read where they lie' -r
complete -c vindex -n "__fish_vindex_using_subcommand convert" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c vindex -n "__fish_vindex_using_subcommand convert" -l recode -d 'Let rows of compact indexes be coded anew where their codes do not fit the others: each moves a little'
complete -c vindex -n "__fish_vindex_using_subcommand convert" -l force -d 'Replace the target if it is already there'
complete -c vindex -n "__fish_vindex_using_subcommand convert" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c vindex -n "__fish_vindex_using_subcommand convert" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c vindex -n "__fish_vindex_using_subcommand convert" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c vindex -n "__fish_vindex_using_subcommand convert" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c vindex -n "__fish_vindex_using_subcommand convert" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vindex -n "__fish_vindex_using_subcommand dump" -l format -d 'Form of the output' -r -f -a "ndjson\t'An object a line: id, vector'
csv\t'Id and vector in two columns'
npy\t'A matrix of <f4, in the order of the index; without ids'
fvecs\t'Before each vector its dimension; without ids'
ids\t'Row ids alone, one a line'"
complete -c vindex -n "__fish_vindex_using_subcommand dump" -s o -l output -d 'File to write (default: stdout)' -r -F
complete -c vindex -n "__fish_vindex_using_subcommand dump" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c vindex -n "__fish_vindex_using_subcommand dump" -l force -d 'Replace the target if it is already there'
complete -c vindex -n "__fish_vindex_using_subcommand dump" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c vindex -n "__fish_vindex_using_subcommand dump" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c vindex -n "__fish_vindex_using_subcommand dump" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c vindex -n "__fish_vindex_using_subcommand dump" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c vindex -n "__fish_vindex_using_subcommand dump" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vindex -n "__fish_vindex_using_subcommand bench" -l queries -d 'Queries, as `vindex search --query` takes them (default: rows of the index)' -r
complete -c vindex -n "__fish_vindex_using_subcommand bench" -l column -d 'Queries in columns: the field that holds the vector' -r
complete -c vindex -n "__fish_vindex_using_subcommand bench" -l sample -d 'Rows of the index to take as queries' -r
complete -c vindex -n "__fish_vindex_using_subcommand bench" -s k -l k -d 'Rows of an answer' -r
complete -c vindex -n "__fish_vindex_using_subcommand bench" -l ef -d 'Rows kept in mind during the walk (default: what the index says)' -r
complete -c vindex -n "__fish_vindex_using_subcommand bench" -l filter -d 'Rows that may be answered: row ids (`7,8,-9`), `@FILE` of row ids one a line, `bitmap:FILE` (bit n, lowest first, is row n in the order of the index), or `column:FILE:NAME` (rows of an NDJSON, CSV, Parquet or Arrow file whose field NAME is true; see --filter-id). A leading `!` turns it around' -r
complete -c vindex -n "__fish_vindex_using_subcommand bench" -l filter-id -d 'For column:FILE:NAME, the field that holds the row id or key (default: the position in the file)' -r
complete -c vindex -n "__fish_vindex_using_subcommand bench" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c vindex -n "__fish_vindex_using_subcommand bench" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c vindex -n "__fish_vindex_using_subcommand bench" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c vindex -n "__fish_vindex_using_subcommand bench" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c vindex -n "__fish_vindex_using_subcommand bench" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vindex -n "__fish_vindex_using_subcommand help; and not __fish_seen_subcommand_from build search recall tune stat inspect verify repair add delete compact merge convert dump bench help" -f -a "build" -d 'Build an index from vectors (npy, fvecs, bvecs, ivecs, fbin, NDJSON, CSV, Parquet, Arrow, another index)'
complete -c vindex -n "__fish_vindex_using_subcommand help; and not __fish_seen_subcommand_from build search recall tune stat inspect verify repair add delete compact merge convert dump bench help" -f -a "search" -d 'Print the rows nearest to a query, nearest first'
complete -c vindex -n "__fish_vindex_using_subcommand help; and not __fish_seen_subcommand_from build search recall tune stat inspect verify repair add delete compact merge convert dump bench help" -f -a "recall" -d 'Compare searches with exact answers: recall, queries per second of one thread, distances computed'
complete -c vindex -n "__fish_vindex_using_subcommand help; and not __fish_seen_subcommand_from build search recall tune stat inspect verify repair add delete compact merge convert dump bench help" -f -a "tune" -d 'Find the least ef that finds enough, and make it the default of searches'
complete -c vindex -n "__fish_vindex_using_subcommand help; and not __fish_seen_subcommand_from build search recall tune stat inspect verify repair add delete compact merge convert dump bench help" -f -a "stat" -d 'Print what an index holds and how it was built'
complete -c vindex -n "__fish_vindex_using_subcommand help; and not __fish_seen_subcommand_from build search recall tune stat inspect verify repair add delete compact merge convert dump bench help" -f -a "inspect" -d 'Print the structure of a file, whole or damaged, or everything about one row'
complete -c vindex -n "__fish_vindex_using_subcommand help; and not __fish_seen_subcommand_from build search recall tune stat inspect verify repair add delete compact merge convert dump bench help" -f -a "verify" -d 'Prove an index, or say what is damaged and where'
complete -c vindex -n "__fish_vindex_using_subcommand help; and not __fish_seen_subcommand_from build search recall tune stat inspect verify repair add delete compact merge convert dump bench help" -f -a "repair" -d 'Write a new file from what is whole in a damaged one, and say what was lost'
complete -c vindex -n "__fish_vindex_using_subcommand help; and not __fish_seen_subcommand_from build search recall tune stat inspect verify repair add delete compact merge convert dump bench help" -f -a "add" -d 'Add rows to an index, or replace rows by their id'
complete -c vindex -n "__fish_vindex_using_subcommand help; and not __fish_seen_subcommand_from build search recall tune stat inspect verify repair add delete compact merge convert dump bench help" -f -a "delete" -d 'Delete rows by their id'
complete -c vindex -n "__fish_vindex_using_subcommand help; and not __fish_seen_subcommand_from build search recall tune stat inspect verify repair add delete compact merge convert dump bench help" -f -a "compact" -d 'Fold what was added and deleted into one file'
complete -c vindex -n "__fish_vindex_using_subcommand help; and not __fish_seen_subcommand_from build search recall tune stat inspect verify repair add delete compact merge convert dump bench help" -f -a "merge" -d 'Build one file from the rows of several indexes'
complete -c vindex -n "__fish_vindex_using_subcommand help; and not __fish_seen_subcommand_from build search recall tune stat inspect verify repair add delete compact merge convert dump bench help" -f -a "convert" -d 'Convert a clarium index, or an index into another form'
complete -c vindex -n "__fish_vindex_using_subcommand help; and not __fish_seen_subcommand_from build search recall tune stat inspect verify repair add delete compact merge convert dump bench help" -f -a "dump" -d 'Print the rows of an index that can be answered: ids and vectors'
complete -c vindex -n "__fish_vindex_using_subcommand help; and not __fish_seen_subcommand_from build search recall tune stat inspect verify repair add delete compact merge convert dump bench help" -f -a "bench" -d 'Measure opening, searching, scanning and verifying an index'
complete -c vindex -n "__fish_vindex_using_subcommand help; and not __fish_seen_subcommand_from build search recall tune stat inspect verify repair add delete compact merge convert dump bench help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
