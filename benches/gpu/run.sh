#!/usr/bin/env bash
# The GPU checks in one command, under eight minutes: log-probs of the tiny models against the CPU's, then throughput of known
# shapes, and of the same shapes in transformers.
#
#   benches/gpu/run.sh BINARY OUT_FOLDER [PYTHON]
#
# BINARY is `respondent` built with `--features cuda`; PYTHON, if given, has torch with CUDA, transformers and numpy. Each step
# leaves a JSON file in OUT_FOLDER; one that fails leaves its message in NAME.error, the rest goes on, and the exit code is 1.
set -uo pipefail
cd "$(dirname "$0")/../.."
if [ $# -lt 2 ]; then
    sed -n '2,8s/^# \{0,1\}//p' "$0"
    exit 2
fi
binary=$1 out=$2 python=${3:-}
mkdir -p "$out"
failed=0

# step NAME COMMAND...: stdout to NAME.json
step() {
    local name=$1
    shift
    local start=$SECONDS
    if timeout 150 "$@" > "$out/$name.json" 2> "$out/$name.error"; then
        rm "$out/$name.error"
        echo "ok      $name ($((SECONDS - start)) s)"
    else
        rm -f "$out/$name.json"
        echo "FAILED  $name: $(tail -n 1 "$out/$name.error")"
        failed=1
    fi
}

# Each is held against candle's operations in f32 on the CPU: more than 1e-4 nats apart in f32 is a failure.
for model in tests/goldens/models/*/; do
    for dtype in f32 bf16; do
        step "parity-$(basename "$model")-$dtype" "$binary" bench --model "$model" --workload survey --repeat 1 \
            --device cuda:0 --dtype "$dtype" --verify --json --quiet
    done
done

for shape in qwen2.5-0.5b llama-3.2-1b llama-3.1-8b; do
    for budget in 2048 8192; do
        step "bench-$shape-bf16-$budget" "$binary" bench --shape "$shape" --workload survey --repeat 3 \
            --device cuda:0 --dtype bf16 --token-budget "$budget" --json --quiet
    done
    if [ -n "$python" ]; then
        step "transformers-$shape-bf16" "$python" benches/gpu/transformers_gpu.py "$shape"
    fi
done
exit $failed
