#!/usr/bin/env bash
# The rules of the house that no compiler checks: a line for each violation, exit status 1 if any.
# Runs after `make`; EQUIBERT_BUILD names the folder with the objects (default: build).
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."
build=${EQUIBERT_BUILD:-build}
public=(engine/equibert.h trainer/equibert_train.h)
rooms=(base autograd tokenizer engine losses weights trainer)

# Rooms whose headers a room may include, besides the public ones.
allowed() {
    case $1 in
    base) echo base ;;
    autograd) echo base autograd ;;
    tokenizer) echo base tokenizer ;;
    engine) echo base autograd tokenizer engine ;;
    losses) echo base autograd engine losses ;;
    weights) echo base autograd tokenizer engine weights ;;
    trainer) echo "${rooms[@]}" ;;
    programs) echo programs ;;
    examples) ;;
    esac
}

# The only room that may use a foreign library.
owner() {
    case $1 in
    cblas.h) echo autograd ;;
    cjson/*) echo weights ;;
    esac
}

# "file:line:quote or <:what" of every #include in a folder
includes() {
    local files
    mapfile -t files < <(find "$1" -name '*.[ch]' -o -name '*.def' | sort)
    [ ${#files[@]} -eq 0 ] || awk '
        match($0, /^[ \t]*#[ \t]*include[ \t]*["<]/) {
            split(substr($0, RLENGTH + 1), rest, /[">]/)
            print FILENAME ":" FNR ":" substr($0, RLENGTH, 1) ":" rest[1]
        }' "${files[@]}"
}

check_includes() {
    local room may file line kind what
    for room in "${rooms[@]}" programs examples; do
        may=" $(allowed "$room") "
        while IFS=: read -r file line kind what; do
            if [ "$kind" = '<' ]; then
                [[ $(owner "$what") =~ ^($room)?$ ]] ||
                    echo "$file:$line: <$what> is for $(owner "$what") alone"
            elif [[ $what != */* || ! -f $what ]]; then
                echo "$file:$line: \"$what\" is no path from the root of the tree"
            elif [[ " ${public[*]} " != *" $what "* && $may != *" ${what%%/*} "* ]]; then
                echo "$file:$line: $room may not include \"$what\""
            fi
        done < <(includes "$room")
    done
}

check_file_names() {
    find "${rooms[@]}" programs examples bench tests -type f \
        \( -name '*.[ch]' -o -name '*.def' -o -name '*.py' -o -name '*.sh' \) | sort |
        awk -F/ '$NF in seen { print $0 ": the name of " seen[$NF] " again" } { seen[$NF] = $0 }'
}

check_unfinished() {
    grep -nE '\b(TODO|FIXME|XXX)\b' -r "${rooms[@]}" programs examples bench tests Makefile \
        --include='*.[ch]' --include='*.def' --include='*.py' --include='*.sh' --include=Makefile |
        grep -v '^tests/architecture\.sh:' || true
}

# What the compiled rooms call and define; the compiler may have made puts of printf.
check_objects() {
    local room object
    local banned='exit|_exit|_Exit|quick_exit|abort|printf|vprintf|puts|putchar|putc|perror'
    banned+='|__printf_chk|__vprintf_chk|stdout|stderr|rand|srand|setlocale'
    banned+='|openblas_set_num_threads|omp_set_num_threads'
    for room in "${rooms[@]}"; do
        for object in "$build/$room"/*.o; do
            [ -f "$object" ] || echo "$build/$room: not built"
            # gemm.c sets the calling thread's own setting back before it returns.
            nm -P "$object" | awk -v object="$object" -v banned="^($banned)\$" '
                object ~ /\/autograd\/gemm\.o$/ && $1 == "omp_set_num_threads" { next }
                { sub(/@.*/, "", $1) }
                $1 ~ /^__odr_asan\./ { next } # marks of the sanitizer
                $2 == "U" && $1 ~ banned { print object ": uses " $1 }
                $2 ~ /[TDBRC]/ && $1 !~ /^eqbi?_/ { print object ": no eqb_ or eqbi_: " $1 }'
        done
    done
}

check_exports() {
    nm -DP "$build/libequibert.so" | awk '
        $2 !~ /[Uvw]/ && $1 !~ /^(eqb_|__odr_asan\.eqb_)/ { print "libequibert.so exports " $1 }
        $1 == "eqb_version" { read = 1 }
        END { if (!read) print "libequibert.so exports no eqb_version" }'
}

check_public_headers() {
    local header standard
    local options=(-Wall -Wextra -Wpedantic -Werror -I. -fsyntax-only)
    for header in "${public[@]}"; do
        for standard in c99 c11; do
            "${CC:-cc}" "-std=$standard" "${options[@]}" -x c - <<<"#include \"$header\"" ||
                echo "$header: does not compile alone as $standard"
        done
        "${CXX:-g++}" -std=c++11 "${options[@]}" -x c++ - <<<"#include \"$header\"" ||
            echo "$header: does not compile alone as C++11"
    done
}

violations=$(
    check_includes
    check_file_names
    check_unfinished
    check_objects
    check_exports
    check_public_headers
) || violations+=$'\n'"a check did not run to its end"
[ -z "$violations" ] || {
    printf '%s\n' "$violations"
    exit 1
}
