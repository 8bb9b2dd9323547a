#!/usr/bin/env bash
# Whether a 64-bit ARM CPU comes to the bytes of this one: the kernels' own tests and whole runs, built for it and emulated. `arm.sh BINARY`, where BINARY
# is this machine's, built from the same tree. Needs `rustup target add aarch64-unknown-linux-gnu`, and of Debian gcc-aarch64-linux-gnu,
# g++-aarch64-linux-gnu and qemu-user.
set -euo pipefail
respondent=$(realpath "$1")
cd "$(dirname "$0")/../.."
target=aarch64-unknown-linux-gnu
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64
export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu

cargo build --release --locked --target $target
cargo test --release --locked --target $target --lib -- engine::kernels
emulated=$(realpath "${CARGO_TARGET_DIR:-target}/$target/release/respondent")

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
study=(run isear --personas USA --languages en --certify 0 --quiet)
for dtype in f32 bf16; do
    for kernel in auto portable; do
        run=$kernel-$dtype
        "$respondent" "${study[@]}" --dtype $dtype --kernel $kernel --out "here-$run" >/dev/null
        qemu-aarch64 "$emulated" "${study[@]}" --dtype $dtype --kernel $kernel --out "there-$run" >/dev/null
        for table in cells prompts tokens comparisons; do
            cmp "here-$run/$table.parquet" "there-$run/$table.parquet"
        done
        sed -n 's/^ *"kernel": "\(.*\)",$/the same bytes: \1/p' {here,there}-"$run"/manifest.json
    done
done
# Whoever checks a run may have another CPU.
"$respondent" "${study[@]}" --out here >/dev/null
qemu-aarch64 "$emulated" verify here --model control --cells 200 --quiet
