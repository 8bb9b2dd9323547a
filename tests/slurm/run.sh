#!/usr/bin/env bash
# A study on a Slurm cluster of one node, this one: an array of shards for two models, a task requeued in the middle, one killed, and the
# merged results held against runs in one piece. `run.sh BINARY`; needs root, slurm-wlm and munge. Sends nothing beyond the loopback address.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
respondent=$(realpath "$1")
repository=$(realpath "$here/../..")
place=$(mktemp -d)
trap 'bash "$here/cluster.sh" stop "$place/cluster"; rm -rf "$place"' EXIT
bash "$here/cluster.sh" start "$place/cluster"
export SLURM_CONF="$place/cluster/slurm.conf"
cd "$place"

# The same model under another name is another row.
cp -r "$repository/models/control" second
study=(--full --languages en --token-budget 64 --certify 3 --replicates 100)
comment='two "words" of \ a # user'
"$respondent" slurm isear --model control,./second --shards 3 --cpus 1 --mem 200 --sbatch="--comment=$comment" --out job -- "${study[@]}"
bash job/submit.sh
[ "$(scontrol show job | grep -cF "Comment=$comment")" -ge 2 ] || { echo "sbatch reads other words than were written" >&2; exit 1; }

has_begun() { for _ in $(seq 300); do [ "$(stat -c %s "$1/journal" 2>/dev/null || echo 0)" -gt 20000 ] && return; sleep 0.1; done; echo "$1 did not begin" >&2; return 1; }
is_quiet() {
    for _ in $(seq 600); do
        squeue -h | grep -q . || return 0
        # A requeued task would wait for two minutes.
        for waiting in $(squeue -h -r -t PD -o '%i %r' | awk '$2 == "BeginTime" { print $1 }'); do
            scontrol update JobId="$waiting" StartTime=now || true
        done
        sleep 0.2
    done
    squeue
    tail -n 3 job/logs/*
    return 1
}
task() { squeue -h -r -t R -o '%i' | grep "_$1\$"; }

has_begun job/control/shard-1
first=$(task 1)
scontrol requeue "$first"
has_begun job/control/shard-2
pkill -9 -f -- '--shard 2/3 --out .*/control/shard-2' || { echo "nothing to kill" >&2; exit 1; }
is_quiet
[ ! -e job/control/run ] || { echo "merged without a shard" >&2; exit 1; }

bash job/submit.sh
is_quiet
for model in control ./second; do
    "$respondent" run isear --model "$model" "${study[@]}" --quiet --out whole >/dev/null
    name=$(basename "$model")
    for table in cells prompts tokens comparisons; do cmp "whole/$table.parquet" "job/$name/run/$table.parquet"; done
    rm -r whole
done
grep -h resumed_readout_count job/control/shard-[12]/shard.json | grep -vq ': 0,' || { echo "nothing was resumed" >&2; exit 1; }
"$respondent" compare job/control/run job/second/run >/dev/null
echo "Slurm: 2 models × 3 shards, one requeued, one killed; merged to the byte"
