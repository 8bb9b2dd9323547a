#!/usr/bin/env bash
# A study of PERSONAS × ITEMS prompts that says nothing about anybody, each with little of its own: `synthetic_study.sh DIR PERSONAS ITEMS`.
set -euo pipefail
dir=$1 personas=$2 items=$3
mkdir "$dir"
{
    printf 'schema_version = 1\nid = "synthetic"\ntitle = "Synthetic"\ncitation = "none"\nlanguages = ["en"]\n'
    printf 'formats = ["bare"]\noption_orders = ["forward"]\ntemperatures = [1.0]\nfacets = []\n\n[elicitation_formats.bare]\nkey = "number"\nshow_options = false\n\n[default_subset]\nlanguages = ["en"]\n'
    printf 'personas = ['
    for ((i = 0; i < personas; i++)); do printf '"p%d", ' "$i"; done
    printf ']\n\n'
    printf '[[scales]]\nid = "four"\noptions = [1, 2, 3, 4]\n' |
        sed 's/\[1, 2, 3, 4\]/[{ code = "1", value = 1 }, { code = "2", value = 2 }, { code = "3", value = 3 }, { code = "4", value = 4 }]/'
    for ((i = 0; i < items; i++)); do printf '\n[[variables]]\nid = "v%d"\nscale = "four"\n' "$i"; done
    for ((i = 0; i < personas; i++)); do printf '\n[[personas]]\nid = "p%d"\npopulation_group = "nobody"\n' "$i"; done
} >"$dir/study.toml"
{
    printf 'language = "en"\nsystem_text = "{persona}"\n\n[variables]\n'
    for ((i = 0; i < items; i++)); do printf 'v%d = "%d?"\n' "$i" "$i"; done
    printf '\n[labels]\nfour = ["none", "some", "much", "all"]\n\n[formats.bare]\ninstruction = "1-4"\nanswer_prefix = ":"\n\n[personas]\n'
    for ((i = 0; i < personas; i++)); do printf 'p%d = "You are person %d."\n' "$i" "$i"; done
} >"$dir/en.toml"
