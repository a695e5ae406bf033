#!/usr/bin/env bash
# Runs fuzz targets, as many at a time as there are processors, each for so many seconds, from the
# kept corpus:
#
#     tests/fuzz/fuzz.sh FOLDER_OF_THE_TARGETS SECONDS TARGET...
#
# New inputs go to FOLDER/found/TARGET; an input that crashes, hangs or takes too much memory stays
# in FOLDER, what was said about it in FOLDER/TARGET.log, and the run ends with a status that is not
# 0. To keep what was found, in as few inputs as do:
#
#     FOLDER/TARGET -merge=1 tests/fuzz/corpus/TARGET FOLDER/found/TARGET
set -euo pipefail
export folder=$1 seconds=$2
shift 2

fuzz_one() {
    local target=$1 log="$folder/$1.log" status=0
    mkdir -p "$folder/found/$target"
    OMP_NUM_THREADS=1 "$folder/$target" -max_total_time="$seconds" -max_len=4096 -timeout=10 \
        -rss_limit_mb=2048 -malloc_limit_mb=256 -print_final_stats=1 -verbosity=0 \
        -artifact_prefix="$folder/" "$folder/found/$target" "tests/fuzz/corpus/$target" \
        >"$log" 2>&1 || status=$?
    grep -E 'number_of_executed|new_units|peak_rss|ERROR|SUMMARY|Test unit' "$log" |
        sed "s/^/$target  /"
    [ "$status" = 0 ] || echo "$target  status $status, see $log"
    return "$status"
}
export -f fuzz_one
printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} bash -c 'fuzz_one {}'
