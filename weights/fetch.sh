#!/usr/bin/env bash
# Downloads a model of the Hugging Face hub into the hub's local cache, where the programs and
# transformers find it by name:
#
#     weights/fetch.sh google-bert/bert-base-uncased [REVISION]
#
# Interrupted, it goes on where it stopped; each file is checked against the hub's checksum before
# it gets its name; refs/REVISION is written last, so that half a model is never found.
# Heeds HF_ENDPOINT, HF_TOKEN (or the token file of `hf auth login`), HF_HOME, HF_HUB_CACHE,
# XDG_CACHE_HOME. Exit status: 0 done, 1 usage, 2 the hub refuses, 3 damaged, 4 network or disk.
set -euo pipefail

usage() {
    echo "usage: weights/fetch.sh OWNER/NAME [REVISION]    (make model MODEL=OWNER/NAME)" >&2
    exit 1
}
fail() {
    echo "fetch: $2" >&2
    exit "$1"
}

case $# in
1 | 2) ;;
*) usage ;;
esac
model=$1 revision=${2:-main}
case $model/$revision in
*[!A-Za-z0-9._/-]* | *..* | *--* | */*/*/*/*) usage ;;
esac
for tool in curl awk; do
    command -v $tool >/dev/null || fail 4 "needs $tool"
done

endpoint=${HF_ENDPOINT:-https://huggingface.co}
endpoint=${endpoint%/}
hub_home=${HF_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/huggingface}
cache=${HF_HUB_CACHE:-$hub_home/hub}
repo=$cache/models--${model//\//--}
token=${HF_TOKEN:-}
[ -n "$token" ] || [ ! -r "$hub_home/token" ] || token=$(tr -d '\r\n' <"$hub_home/token")

mkdir -p "$repo/blobs" "$repo/refs" "$repo/snapshots" || fail 4 "cannot write to $repo"
lock=$repo/.fetching
mkdir "$lock" 2>/dev/null || fail 4 "another download of $model is running (else: rmdir $lock)"
trap 'rm -rf "$lock"' EXIT
trap 'exit 130' INT TERM

# curl with the token, which does not appear in the list of processes.
hub() {
    if [ -n "$token" ]; then
        curl -q -sS --connect-timeout 20 -K <(printf 'header = "Authorization: Bearer %s"\n' \
            "$token") "$@"
    else
        curl -q -sS --connect-timeout 20 "$@"
    fi
}

header() { # NAME: its value in the last answer
    awk -v name="$1:" '
        tolower($1) == name { sub(/^[^:]*:[ \t]*/, ""); sub(/[ \t\r]+$/, ""); value = $0 }
        END { print value }' "$lock/headers"
}

# Asks for the properties of a file at a revision. Sets status, answered (the commit), etag, size. A
# redirection within the hub (a renamed model) is followed; one to elsewhere (large files) is not, as
# the answer that redirects has the checksum.
ask() {
    local url=$endpoint/$model/resolve/$1/$2 location tries=0
    while :; do
        hub -I -H 'Accept-Encoding: identity' -D "$lock/headers" -o /dev/null "$url" ||
            fail 4 "cannot reach $endpoint"
        status=$(awk '/^HTTP\// { s = $2 } END { print s }' "$lock/headers")
        location=$(header location)
        case $status:$location in
        30?:/*) url=$endpoint$location ;;
        *) break ;;
        esac
        [ $((tries += 1)) -le 5 ] || fail 2 "$url: too many redirections"
    done
    answered=$(header x-repo-commit)
    etag=$(header x-linked-etag)
    size=$(header x-linked-size)
    [ -n "$etag" ] || etag=$(header etag)
    [ -n "$size" ] || size=$(header content-length)
    etag=${etag#W/}
    etag=${etag//\"/}
}

refuse() { # FILE: says why the hub did not give it
    case $status in
    401 | 403) fail 2 "$model: the hub says $status: no such model, or private or gated; see \
$endpoint/$model and set HF_TOKEN" ;;
    404) fail 2 "$model: the hub has no $1 of revision $revision" ;;
    *) fail 4 "$model: the hub answers $status for $1" ;;
    esac
}

sum() { # 1 or 256, of stdin
    if command -v "sha$1sum" >/dev/null; then "sha$1sum"; else shasum -a "$1"; fi | cut -d' ' -f1
}

# Whether a file is what its etag says: sha256 of a large file, git's name for a small one.
is_right() {
    local bytes
    bytes=$(($(wc -c <"$1")))
    case ${#etag} in
    64) [ "$(sum 256 <"$1")" = "$etag" ] ;;
    40) [ "$({ printf 'blob %d\0' "$bytes"; cat "$1"; } | sum 1)" = "$etag" ] ;;
    *) [ "$bytes" = "$size" ] ;;
    esac
}

# Downloads what is missing of blobs/$etag.
get() {
    local part=$repo/blobs/$etag.incomplete try code=0 http=
    for try in 1 2 3 4 5; do
        [ ! -f "$part" ] || [ -z "$size" ] || [ "$(($(wc -c <"$part")))" -lt "$size" ] || break
        [ "$try" = 1 ] || sleep "${FETCH_PAUSE:-2}"
        code=0
        http=$(hub -fL -C - --speed-limit 1 --speed-time 60 -o "$part" -w '%{http_code}' \
            "$endpoint/$model/resolve/$commit/$1") || code=$?
        case $code:$http in
        0:*) break ;;
        22:416 | 33:* | 36:*) rm -f "$part" ;; # cannot go on in the middle: from the start
        23:*) fail 4 "cannot write $part" ;;
        esac
    done
    if [ ! -f "$part" ] || { [ -n "$size" ] && [ "$(($(wc -c <"$part")))" -lt "$size" ]; }; then
        fail 4 "$1: the download broke off (curl: $code, HTTP: ${http:-none}); run again to go on"
    fi
    if ! is_right "$part"; then
        rm -f "$part"
        fail 3 "$1: its checksum is wrong, removed; run again"
    fi
    mv "$part" "$repo/blobs/$etag" || fail 4 "cannot write $repo/blobs/$etag"
}

# Brings one file into the snapshot; false when the hub has none of this name.
fetch() {
    ask "$commit" "$1"
    [ "$status" != 404 ] || return 1
    case $status in
    200 | 30[1278]) ;;
    *) refuse "$1" ;;
    esac
    case $etag in
    '' | *[!A-Za-z0-9._-]* | .*) fail 2 "$model: the hub gives no checksum for $1" ;;
    esac
    if [ -f "$repo/blobs/$etag" ]; then
        echo "  $1: is here"
    else
        echo "  $1: ${size:-?} bytes"
        get "$1"
    fi
    ln -sf "../../blobs/$etag" "$repo/snapshots/$commit/$1" ||
        fail 4 "cannot write $repo/snapshots/$commit/$1"
}

# The files that an index lists, one a line.
shards() {
    grep -o '"[A-Za-z0-9._-]*\.'"$2"'"' "$repo/snapshots/$commit/$1" | tr -d '"' | sort -u
}

fetch_weights() {
    local stem ending shard
    for stem in model:safetensors pytorch_model:bin; do
        ending=${stem#*:}
        stem=${stem%:*}
        fetch "$stem.$ending" && return
        fetch "$stem.$ending.index.json" || continue
        for shard in $(shards "$stem.$ending.index.json" "$ending"); do
            fetch "$shard" || fail 2 "$model: its index lists $shard, which the hub does not have"
        done
        return
    done
    fail 2 "$model: the hub has neither model.safetensors nor pytorch_model.bin"
}

ask "$revision" config.json
case $status in
200 | 30[1278]) ;;
*) refuse config.json ;;
esac
commit=$answered
case $commit in
'' | *[!A-Za-z0-9]*) fail 2 "$endpoint: names no commit, so it is no hub" ;;
esac
echo "$model at $commit -> $repo"
mkdir -p "$repo/snapshots/$commit"
fetch config.json
for file in tokenizer_config.json tokenizer.json vocab.txt special_tokens_map.json \
    added_tokens.json; do
    fetch "$file" || true
done
fetch_weights
if [ "$revision" != "$commit" ]; then
    mkdir -p "$(dirname "$repo/refs/$revision")"
    printf %s "$commit" >"$lock/ref"
    mv "$lock/ref" "$repo/refs/$revision"
fi
echo "done: --model $model"
