#!/usr/bin/env bash
# Coverage-guided fuzzing of every reader with a stable compiler: `fuzz/run.sh SECONDS [READER..]`, so many seconds for each. What it finds interesting is
# kept in fuzz/found/READER; `fuzz/run.sh --merge [READER..]` makes fuzz/corpus/READER of it, which is committed: few and small ones that come far.
# A crash is left as fuzz/found/crash-READER-*. Needs a C++ compiler, for libFuzzer.
set -euo pipefail
cd "$(dirname "$0")"
seconds=$1
shift
cargo build --release --manifest-path ../Cargo.toml
export RESPONDENT=$PWD/../target/release/respondent

target=$(rustc -vV | sed -n 's/^host: //p')
# What cargo-fuzz asks of the compiler, without the sanitizers that need a nightly one.
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
RUSTFLAGS="$coverage --cfg fuzzing -Cdebug-assertions=on -Coverflow-checks=on" \
    cargo build --release --target "$target" --target-dir target
built=target/$target/release

mkdir -p found
for reader in ${*:-$("$built/reader" -runs=0 2>found/log)}; do
    mkdir -p "found/$reader" "found/seeds/$reader" "corpus/$reader"
    RESPONDENT_READER=$reader RESPONDENT_SEEDS=found/seeds/$reader "$built/reader" -runs=0 >found/log 2>&1
    [ "$seconds" = --merge ] && cp -n "corpus/$reader/"* "found/$reader/" 2>/dev/null || true
    folders=("found/$reader" "corpus/$reader" "found/seeds/$reader")
    limits=(-rss_limit_mb=4096 -timeout=60 -verbosity=0 -print_final_stats=0 "-artifact_prefix=found/crash-$reader-")
    if [ "$seconds" = --merge ]; then
        rm -rf found/merged "corpus/$reader"
        mkdir -p found/merged "corpus/$reader"
        RESPONDENT_READER=$reader "$built/reader" "${limits[@]}" -merge=1 found/merged "found/$reader" "found/seeds/$reader" >found/log 2>&1
        # Of those that 64 KiB hold, smallest first, 40 of all sizes.
        find found/merged -type f -size +0 -printf '%s %f\n' | sort -n | awk '{ total += $1 } total <= 65536 { print $2 }' >found/names
        awk -v step="$(($(wc -l <found/names) / 40 + 1))" 'NR % step == 0' found/names |
            while read -r name; do mv "found/merged/$name" "corpus/$reader/"; done
        printf '%-12s %5d files\n' "$reader" "$(find "corpus/$reader" -type f | wc -l)"
    else
        begin=$(date +%s)
        if ! RESPONDENT_READER=$reader "$built/reader" "${limits[@]}" -print_final_stats=1 -max_total_time="$seconds" "${folders[@]}" >found/log 2>&1; then
            tail -n 20 found/log >&2
            echo "$reader went wrong: fuzz/found/crash-$reader-*" >&2
            exit 1
        fi
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' found/log)
        slowest=$(sed -n 's/^stat::slowest_unit_time_sec: *//p' found/log)
        printf '%-12s %10d files in %4d s, the slowest took %s s\n' "$reader" "$runs" "$(($(date +%s) - begin))" "$slowest"
    fi
done
