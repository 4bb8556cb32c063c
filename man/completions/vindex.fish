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
complete -c vindex -n "__fish_vindex_needs_command" -f -a "build" -d 'Build an index from vectors (npy, fvecs, fbin, NDJSON)'
complete -c vindex -n "__fish_vindex_needs_command" -f -a "search" -d 'Print the rows nearest to a query, nearest first'
complete -c vindex -n "__fish_vindex_needs_command" -f -a "verify" -d 'Prove an index, or say what is damaged and where'
complete -c vindex -n "__fish_vindex_needs_command" -f -a "stat" -d 'Print what an index holds and how it was built'
complete -c vindex -n "__fish_vindex_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c vindex -n "__fish_vindex_using_subcommand build" -s o -l output -d 'Index to write; `-` is stdout' -r -F
complete -c vindex -n "__fish_vindex_using_subcommand build" -l metric -d 'l2 (smaller is nearer), ip or cosine (larger is nearer)' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l input -d 'Form of the input, instead of telling it by name and content' -r -f -a "npy\t'A matrix of <f2, <f4 or <f8, in C order'
fvecs\t'Before each vector its dimension'
fbin\t'Number and dimension, then the vectors'
ndjson\t'An array of numbers a line, or an object a line (see --column)'"
complete -c vindex -n "__fish_vindex_using_subcommand build" -l column -d 'NDJSON: field that holds the vector (default: every line is an array)' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l id-column -d 'NDJSON: field that holds the row id: 64-bit integers are kept as they are, text is hashed with xxh3-64 (default: the position in the input)' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l dim -d 'Dimension that vectors must have (default: that of the first)' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l dim-policy -d 'error or skip: what to do with vectors that cannot be indexed' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l element -d 'f32, f16 or bf16: how components are stored' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l engine -d 'hnsw (a search graph) or flat (every search scans the vectors)' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l m -d 'Neighbours that a row chooses in the graph' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l ef-build -d 'Rows kept in mind while a row looks for its neighbours: more make a better graph, slower' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l ef-search -d 'Default of searches in this index that name no --ef' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l seed -d 'Decides the order in which rows are linked' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l threads -d 'Threads to use (default: as many as there are cores)' -r
complete -c vindex -n "__fish_vindex_using_subcommand build" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c vindex -n "__fish_vindex_using_subcommand build" -l force -d 'Replace the target if it is already there'
complete -c vindex -n "__fish_vindex_using_subcommand build" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c vindex -n "__fish_vindex_using_subcommand build" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c vindex -n "__fish_vindex_using_subcommand build" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c vindex -n "__fish_vindex_using_subcommand build" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c vindex -n "__fish_vindex_using_subcommand build" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vindex -n "__fish_vindex_using_subcommand search" -l query -d 'A vector (\'[1,2]\', \'1,2\', \'1 2\', \'(1 2)\'), a file of vectors (npy, fvecs, fbin, NDJSON; `@FILE` when its name looks like a vector), or `-` for vectors on stdin, one a line' -r
complete -c vindex -n "__fish_vindex_using_subcommand search" -s k -l k -d 'Rows to answer' -r
complete -c vindex -n "__fish_vindex_using_subcommand search" -l ef -d 'Rows kept in mind during the walk: more find more, slower (default: what the index was built with)' -r
complete -c vindex -n "__fish_vindex_using_subcommand search" -l column -d 'NDJSON queries: field that holds the vector' -r
complete -c vindex -n "__fish_vindex_using_subcommand search" -l format -d 'Form of the answers (default: table on a terminal, NDJSON elsewhere)' -r -f -a "table\t''
ndjson\t''
tsv\t'query, rank, row id, score'"
complete -c vindex -n "__fish_vindex_using_subcommand search" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c vindex -n "__fish_vindex_using_subcommand search" -l exact -d 'Scan every vector'
complete -c vindex -n "__fish_vindex_using_subcommand search" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c vindex -n "__fish_vindex_using_subcommand search" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c vindex -n "__fish_vindex_using_subcommand search" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c vindex -n "__fish_vindex_using_subcommand search" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vindex -n "__fish_vindex_using_subcommand verify" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c vindex -n "__fish_vindex_using_subcommand verify" -l quick -d 'Checksums only'
complete -c vindex -n "__fish_vindex_using_subcommand verify" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c vindex -n "__fish_vindex_using_subcommand verify" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c vindex -n "__fish_vindex_using_subcommand verify" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c vindex -n "__fish_vindex_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vindex -n "__fish_vindex_using_subcommand stat" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c vindex -n "__fish_vindex_using_subcommand stat" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c vindex -n "__fish_vindex_using_subcommand stat" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c vindex -n "__fish_vindex_using_subcommand stat" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c vindex -n "__fish_vindex_using_subcommand stat" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c vindex -n "__fish_vindex_using_subcommand help; and not __fish_seen_subcommand_from build search verify stat help" -f -a "build" -d 'Build an index from vectors (npy, fvecs, fbin, NDJSON)'
complete -c vindex -n "__fish_vindex_using_subcommand help; and not __fish_seen_subcommand_from build search verify stat help" -f -a "search" -d 'Print the rows nearest to a query, nearest first'
complete -c vindex -n "__fish_vindex_using_subcommand help; and not __fish_seen_subcommand_from build search verify stat help" -f -a "verify" -d 'Prove an index, or say what is damaged and where'
complete -c vindex -n "__fish_vindex_using_subcommand help; and not __fish_seen_subcommand_from build search verify stat help" -f -a "stat" -d 'Print what an index holds and how it was built'
complete -c vindex -n "__fish_vindex_using_subcommand help; and not __fish_seen_subcommand_from build search verify stat help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
