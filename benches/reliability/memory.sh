#!/usr/bin/env bash
# Memory foretold against memory taken, and seconds per prompt, as a Markdown table: `memory.sh BINARY [CELLS..]`. A cell is a prompt; sizes are
# powers of ten, 1000 to 1000000. Needs python3 to read JSON.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
respondent=$(realpath "$1")
shift
sizes=${*:-1000 10000 100000}
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"

row() { # NAME ARGUMENTS..
    local name=$1
    shift
    "$respondent" plan "$@" --json --quiet >plan.json
    "$respondent" run "$@" --json --quiet --out out >run.json
    python3 - "$name" <<'PY'
import json, sys
plan, run = json.load(open("plan.json")), json.load(open("run.json"))
mib = lambda count: count / 2**20
expected, taken = plan["memory"]["peak_bytes"], run["peak_memory_bytes"]
stages = dict(run["manifest"]["stage_wall_seconds"])
prompts = plan["prompt_count"]
print(
    f"| {sys.argv[1]} | {prompts:,} | {plan['readout_count']:,} | {mib(expected):,.0f} | {mib(taken):,.0f} "
    f"| {100 * (expected / taken - 1):+.0f} % | {plan['memory']['peak_stage']} "
    f"| {1e3 * stages['prompts'] / prompts:.3f} | {1e3 * (stages['trie'] + stages['prefill']) / prompts:.3f} |"
)
PY
    rm -rf out
}

echo "| run | prompts | readouts | MiB expected | MiB taken | difference | peak in | ms a prompt: rendered, encoded | read |"
echo "| --- | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: |"
row "isear, one persona" isear --personas USA --languages en
row "isear" isear
row "isear --full" isear --full
row "isear --full --top 500" isear --full --top 500
row "isear --replicates 20000" isear --replicates 20000
row "social_emotions" social_emotions
for size in $sizes; do
    # Items are a root of the cells, so that branches are long and many.
    items=$(python3 -c "print(10 ** (($(printf %s "$size" | wc -c) - 1) // 2))")
    bash "$here/synthetic_study.sh" study $((size / items)) "$items"
    # Nothing that it writes is a response: shares are kept all the same.
    row "synthetic" ./study --low-mass 0 --unusable-mass 0
    rm -rf study
done
