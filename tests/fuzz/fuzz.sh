#!/usr/bin/env bash
# Runs fuzz targets one after another, each for so many seconds, from the kept corpus:
#
#     tests/fuzz/fuzz.sh FOLDER_OF_THE_TARGETS SECONDS TARGET...
#
# New inputs go to FOLDER/found/TARGET; an input that crashes, hangs or takes too much memory stays
# in FOLDER and ends the run with status 1. To keep what was found, in as few inputs as do:
#
#     FOLDER/TARGET -merge=1 tests/fuzz/corpus/TARGET FOLDER/found/TARGET
set -euo pipefail
folder=$1 seconds=$2
shift 2
for target in "$@"; do
    mkdir -p "$folder/found/$target"
    echo "== $target"
    "$folder/$target" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
        -malloc_limit_mb=256 -print_final_stats=1 -verbosity=0 -artifact_prefix="$folder/" \
        "$folder/found/$target" "tests/fuzz/corpus/$target" 2>&1 |
        grep -E 'number_of_executed|new_units|peak_rss|ERROR|SUMMARY|Test unit'
done
