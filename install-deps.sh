#!/bin/sh
# Installs what equibert is built with: a C compiler (and a C++ one, which the tests show the public
# headers to), make, pkg-config, OpenBLAS (with OpenMP),
# cJSON, and Check for the tests. Run by `make deps`.
set -eu

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        echo "install-deps.sh: run as root, or install sudo: $*" >&2
        exit 1
    fi
}

if command -v apt-get >/dev/null 2>&1; then # Debian, Ubuntu
    as_root apt-get update
    as_root apt-get install -y --no-install-recommends \
        gcc g++ libc6-dev make pkg-config libopenblas-openmp-dev libcjson-dev check
elif command -v dnf >/dev/null 2>&1; then # Fedora
    as_root dnf install -y gcc gcc-c++ make pkgconf-pkg-config openblas-devel cjson-devel check-devel
elif command -v brew >/dev/null 2>&1; then # macOS; brew refuses to run as root
    brew install llvm libomp pkg-config openblas cjson check
    echo "Apple's compiler has no OpenMP, and brew keeps OpenBLAS off the default paths; build with"
    echo "  export PKG_CONFIG_PATH=$(brew --prefix openblas)/lib/pkgconfig"
    echo "  make CC=$(brew --prefix llvm)/bin/clang CPPFLAGS=-I$(brew --prefix libomp)/include" \
        "LDFLAGS=-L$(brew --prefix libomp)/lib"
else
    echo "install-deps.sh: no apt-get, dnf or brew here. Install a C compiler, make," >&2
    echo "pkg-config and the development packages of OpenBLAS (OpenMP build), cJSON and Check." >&2
    exit 1
fi
