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
complete -c explain -n "__fish_explain_needs_command" -f -a "plan" -d 'Print the plan of a statement: what it reads and does, then the stages of planning'
complete -c explain -n "__fish_explain_needs_command" -f -a "capture" -d 'Keep the plan of a statement as a bundle: stages, digests, rules, settings, relations'
complete -c explain -n "__fish_explain_needs_command" -f -a "diff" -d 'Compare two plans: what changed, and what followed from it'
complete -c explain -n "__fish_explain_needs_command" -f -a "baseline" -d 'Keep the plans of a folder of queries, and say when one changes'
complete -c explain -n "__fish_explain_needs_command" -f -a "rules" -d 'List the rules of the planner in the order in which they run'
complete -c explain -n "__fish_explain_needs_command" -f -a "functions" -d 'List every function with signature, volatility and the hooks that were seen at work'
complete -c explain -n "__fish_explain_needs_command" -f -a "schema" -d 'Print the JSON Schema of a plan bundle'
complete -c explain -n "__fish_explain_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c explain -n "__fish_explain_using_subcommand plan" -l db -d 'Database folder' -r -F
complete -c explain -n "__fish_explain_using_subcommand plan" -l format -d 'Form of the answer' -r -f -a "text\t'Words and operators'
json\t'The plan bundle'
tree\t'A tree with all attributes'
pgjson\t'For the plan viewers of PostgreSQL'
dot\t'For Graphviz'
mermaid\t'A flow chart for documents and issues'
html\t'A page that stands alone'
svg\t'A picture'"
complete -c explain -n "__fish_explain_using_subcommand plan" -l stage -d 'Show this stage alone' -r -f -a "all\t''
logical\t'As written (P0)'
optimized\t'After the optimizer (P1)'
physical\t'What would be run (P2)'"
complete -c explain -n "__fish_explain_using_subcommand plan" -l param -d 'Value of a placeholder; positions from 1 without gaps, `null` for a null of the type' -r
complete -c explain -n "__fish_explain_using_subcommand plan" -l eq -d 'Rows whose column equals a value, on top of the statement; the value never passes through SQL' -r
complete -c explain -n "__fish_explain_using_subcommand plan" -l overlay -d 'File of changes to the rules and settings (TOML, or JSON by its extension)' -r -F
complete -c explain -n "__fish_explain_using_subcommand plan" -l set -d 'A setting for this plan; repeat for more' -r
complete -c explain -n "__fish_explain_using_subcommand plan" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c explain -n "__fish_explain_using_subcommand plan" -l analyze -d 'Run the statement and measure each operator; refused for one that changes something'
complete -c explain -n "__fish_explain_using_subcommand plan" -l redact -d 'Take literals and names out, so that the plan can be shown to a stranger'
complete -c explain -n "__fish_explain_using_subcommand plan" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c explain -n "__fish_explain_using_subcommand plan" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c explain -n "__fish_explain_using_subcommand plan" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c explain -n "__fish_explain_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c explain -n "__fish_explain_using_subcommand capture" -l db -d 'Database folder' -r -F
complete -c explain -n "__fish_explain_using_subcommand capture" -s o -l output -d 'File to write; stdout when it is not given' -r -F
complete -c explain -n "__fish_explain_using_subcommand capture" -l param -d 'Value of a placeholder; positions from 1 without gaps, `null` for a null of the type' -r
complete -c explain -n "__fish_explain_using_subcommand capture" -l eq -d 'Rows whose column equals a value, on top of the statement; the value never passes through SQL' -r
complete -c explain -n "__fish_explain_using_subcommand capture" -l overlay -d 'File of changes to the rules and settings (TOML, or JSON by its extension)' -r -F
complete -c explain -n "__fish_explain_using_subcommand capture" -l set -d 'A setting for this plan; repeat for more' -r
complete -c explain -n "__fish_explain_using_subcommand capture" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c explain -n "__fish_explain_using_subcommand capture" -l deltas -d 'Record what each rule did'
complete -c explain -n "__fish_explain_using_subcommand capture" -l analyze -d 'Run the statement and measure each operator; refused for one that changes something'
complete -c explain -n "__fish_explain_using_subcommand capture" -l redact -d 'Take literals and names out, so that the plan can be shown to a stranger'
complete -c explain -n "__fish_explain_using_subcommand capture" -l force -d 'Replace the target if it is already there'
complete -c explain -n "__fish_explain_using_subcommand capture" -l dry-run -d 'Do everything but write: same checks, same report'
complete -c explain -n "__fish_explain_using_subcommand capture" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c explain -n "__fish_explain_using_subcommand capture" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c explain -n "__fish_explain_using_subcommand capture" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c explain -n "__fish_explain_using_subcommand capture" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c explain -n "__fish_explain_using_subcommand diff" -l sql -d 'The statement, for a side that is a database folder' -r
complete -c explain -n "__fish_explain_using_subcommand diff" -l sql-b -d 'Another statement for the second side' -r
complete -c explain -n "__fish_explain_using_subcommand diff" -l set-b -d 'A setting for the second side alone' -r
complete -c explain -n "__fish_explain_using_subcommand diff" -l overlay-b -d 'An overlay for the second side alone' -r -F
complete -c explain -n "__fish_explain_using_subcommand diff" -l form -d 'Form of the answer' -r -f -a "words\t'In words'
side\t'One stage of both, side by side'
json\t''
html\t'A page that stands alone'"
complete -c explain -n "__fish_explain_using_subcommand diff" -l stage -d 'Stage to show side by side' -r -f -a "P0\t''
P1\t''
P2\t''"
complete -c explain -n "__fish_explain_using_subcommand diff" -l ignore -d 'Leave these kinds of change out; comma-separated or repeated' -r
complete -c explain -n "__fish_explain_using_subcommand diff" -l fail-on -d 'Exit with 1 for these kinds of change only' -r
complete -c explain -n "__fish_explain_using_subcommand diff" -l param -d 'Value of a placeholder; positions from 1 without gaps, `null` for a null of the type' -r
complete -c explain -n "__fish_explain_using_subcommand diff" -l eq -d 'Rows whose column equals a value, on top of the statement; the value never passes through SQL' -r
complete -c explain -n "__fish_explain_using_subcommand diff" -l overlay -d 'File of changes to the rules and settings (TOML, or JSON by its extension)' -r -F
complete -c explain -n "__fish_explain_using_subcommand diff" -l set -d 'A setting for this plan; repeat for more' -r
complete -c explain -n "__fish_explain_using_subcommand diff" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c explain -n "__fish_explain_using_subcommand diff" -l analyze -d 'Run the statement and measure each operator; refused for one that changes something'
complete -c explain -n "__fish_explain_using_subcommand diff" -l redact -d 'Take literals and names out, so that the plan can be shown to a stranger'
complete -c explain -n "__fish_explain_using_subcommand diff" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c explain -n "__fish_explain_using_subcommand diff" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c explain -n "__fish_explain_using_subcommand diff" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c explain -n "__fish_explain_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c explain -n "__fish_explain_using_subcommand baseline; and not __fish_seen_subcommand_from add check approve list help" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c explain -n "__fish_explain_using_subcommand baseline; and not __fish_seen_subcommand_from add check approve list help" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c explain -n "__fish_explain_using_subcommand baseline; and not __fish_seen_subcommand_from add check approve list help" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c explain -n "__fish_explain_using_subcommand baseline; and not __fish_seen_subcommand_from add check approve list help" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c explain -n "__fish_explain_using_subcommand baseline; and not __fish_seen_subcommand_from add check approve list help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c explain -n "__fish_explain_using_subcommand baseline; and not __fish_seen_subcommand_from add check approve list help" -f -a "add" -d 'Keep the plans of queries that have none yet'
complete -c explain -n "__fish_explain_using_subcommand baseline; and not __fish_seen_subcommand_from add check approve list help" -f -a "check" -d 'Plan every query and compare; exit 1 when any plan is not the approved one, or the file of one is damaged'
complete -c explain -n "__fish_explain_using_subcommand baseline; and not __fish_seen_subcommand_from add check approve list help" -f -a "approve" -d 'Decide about plans that wait: they become the approved ones, or with --reject are told by name from then on'
complete -c explain -n "__fish_explain_using_subcommand baseline; and not __fish_seen_subcommand_from add check approve list help" -f -a "list" -d 'List the queries and which plans are kept of them; exit 1 when a plan\'s file is damaged'
complete -c explain -n "__fish_explain_using_subcommand baseline; and not __fish_seen_subcommand_from add check approve list help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from add" -l store -d 'Folder of the plans (default: `plans` in the folder of the queries)' -r -F
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from add" -l db -d 'Database folder' -r -F
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from add" -l overlay -d 'File of changes to the rules and settings (TOML, or JSON by its extension)' -r -F
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from add" -l set -d 'A setting for this plan; repeat for more' -r
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from add" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from add" -l approve -d 'Approve them at once'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from add" -l dry-run -d 'Say what would be kept, and keep nothing'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from add" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from check" -l store -d 'Folder of the plans (default: `plans` in the folder of the queries)' -r -F
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from check" -l db -d 'Database folder' -r -F
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from check" -l ignore -d 'Leave these kinds of change out; comma-separated or repeated (`explain diff --help` lists them)' -r
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from check" -l fail-on -d 'Fail for these kinds of change only' -r
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from check" -l overlay -d 'File of changes to the rules and settings (TOML, or JSON by its extension)' -r -F
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from check" -l set -d 'A setting for this plan; repeat for more' -r
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from check" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from check" -l keep -d 'Keep the plans that differ, for `approve` to decide about'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from check" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from approve" -l store -d 'Folder of the plans (default: `plans` in the folder of the queries)' -r -F
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from approve" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from approve" -l all -d 'Every plan that waits'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from approve" -l reject -d 'They are not wanted'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from approve" -l dry-run -d 'Say what would be decided, and change nothing'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from approve" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from approve" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from approve" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from approve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from list" -l store -d 'Folder of the plans (default: `plans` in the folder of the queries)' -r -F
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from list" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from list" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from help" -f -a "add" -d 'Keep the plans of queries that have none yet'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from help" -f -a "check" -d 'Plan every query and compare; exit 1 when any plan is not the approved one, or the file of one is damaged'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from help" -f -a "approve" -d 'Decide about plans that wait: they become the approved ones, or with --reject are told by name from then on'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the queries and which plans are kept of them; exit 1 when a plan\'s file is damaged'
complete -c explain -n "__fish_explain_using_subcommand baseline; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c explain -n "__fish_explain_using_subcommand rules" -l db -d 'Database folder' -r -F
complete -c explain -n "__fish_explain_using_subcommand rules" -l overlay -d 'File of changes to the rules and settings (TOML, or JSON by its extension)' -r -F
complete -c explain -n "__fish_explain_using_subcommand rules" -l set -d 'A setting for this plan; repeat for more' -r
complete -c explain -n "__fish_explain_using_subcommand rules" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c explain -n "__fish_explain_using_subcommand rules" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c explain -n "__fish_explain_using_subcommand rules" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c explain -n "__fish_explain_using_subcommand rules" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c explain -n "__fish_explain_using_subcommand rules" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c explain -n "__fish_explain_using_subcommand functions" -l db -d 'Database folder' -r -F
complete -c explain -n "__fish_explain_using_subcommand functions" -l kind -d 'Functions of one kind' -r -f -a "scalar\t''
higher-order\t''
aggregate\t''
window\t''
table\t''"
complete -c explain -n "__fish_explain_using_subcommand functions" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c explain -n "__fish_explain_using_subcommand functions" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c explain -n "__fish_explain_using_subcommand functions" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c explain -n "__fish_explain_using_subcommand functions" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c explain -n "__fish_explain_using_subcommand functions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c explain -n "__fish_explain_using_subcommand schema" -l color -d 'When to use colour' -r -f -a "auto\t'When the output is a terminal and NO_COLOR is not set'
always\t''
never\t''"
complete -c explain -n "__fish_explain_using_subcommand schema" -l json -d 'Answer in JSON: one document, or NDJSON ended by a summary record; errors become JSON on stderr'
complete -c explain -n "__fish_explain_using_subcommand schema" -s q -l quiet -d 'Say nothing on stderr but errors'
complete -c explain -n "__fish_explain_using_subcommand schema" -s v -l verbose -d 'Log more on stderr; repeat for more still (QX_LOG sets filters by target)'
complete -c explain -n "__fish_explain_using_subcommand schema" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c explain -n "__fish_explain_using_subcommand help; and not __fish_seen_subcommand_from plan capture diff baseline rules functions schema help" -f -a "plan" -d 'Print the plan of a statement: what it reads and does, then the stages of planning'
complete -c explain -n "__fish_explain_using_subcommand help; and not __fish_seen_subcommand_from plan capture diff baseline rules functions schema help" -f -a "capture" -d 'Keep the plan of a statement as a bundle: stages, digests, rules, settings, relations'
complete -c explain -n "__fish_explain_using_subcommand help; and not __fish_seen_subcommand_from plan capture diff baseline rules functions schema help" -f -a "diff" -d 'Compare two plans: what changed, and what followed from it'
complete -c explain -n "__fish_explain_using_subcommand help; and not __fish_seen_subcommand_from plan capture diff baseline rules functions schema help" -f -a "baseline" -d 'Keep the plans of a folder of queries, and say when one changes'
complete -c explain -n "__fish_explain_using_subcommand help; and not __fish_seen_subcommand_from plan capture diff baseline rules functions schema help" -f -a "rules" -d 'List the rules of the planner in the order in which they run'
complete -c explain -n "__fish_explain_using_subcommand help; and not __fish_seen_subcommand_from plan capture diff baseline rules functions schema help" -f -a "functions" -d 'List every function with signature, volatility and the hooks that were seen at work'
complete -c explain -n "__fish_explain_using_subcommand help; and not __fish_seen_subcommand_from plan capture diff baseline rules functions schema help" -f -a "schema" -d 'Print the JSON Schema of a plan bundle'
complete -c explain -n "__fish_explain_using_subcommand help; and not __fish_seen_subcommand_from plan capture diff baseline rules functions schema help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c explain -n "__fish_explain_using_subcommand help; and __fish_seen_subcommand_from baseline" -f -a "add" -d 'Keep the plans of queries that have none yet'
complete -c explain -n "__fish_explain_using_subcommand help; and __fish_seen_subcommand_from baseline" -f -a "check" -d 'Plan every query and compare; exit 1 when any plan is not the approved one, or the file of one is damaged'
complete -c explain -n "__fish_explain_using_subcommand help; and __fish_seen_subcommand_from baseline" -f -a "approve" -d 'Decide about plans that wait: they become the approved ones, or with --reject are told by name from then on'
complete -c explain -n "__fish_explain_using_subcommand help; and __fish_seen_subcommand_from baseline" -f -a "list" -d 'List the queries and which plans are kept of them; exit 1 when a plan\'s file is damaged'
