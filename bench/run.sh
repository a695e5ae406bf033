#!/bin/sh
# Called by make bench: bench/run.sh BUILD. With Python 3 a table of our figures beside PyTorch's,
# else our figures and the floor. From the command line of make: ROUNDS=5, THREADS=2, PEER=a python
# that has torch and transformers, ONLY=step (lines whose name holds it), TEXT=a file to tokenize.
build=$1
export OMP_NUM_THREADS="${THREADS:-2}"
if command -v python3 >/dev/null; then
    exec python3 bench/driver.py "$build" threads="$OMP_NUM_THREADS" peer="${PEER:-python3}" \
        ${ROUNDS:+rounds="$ROUNDS"} ${ONLY:+only="$ONLY"} ${TEXT:+text="$TEXT"}
fi
echo 'python3 is missing: our own figures only, seconds of each round'
"$build/bench/bench_machine"
show() {
    echo "$1"
    shift
    "$@" rounds="${ROUNDS:-5}"
}
show 'training step, 8 pairs x 16 tokens' "$build/bench/bench_step" work=step
show 'its floor' "$build/bench/bench_machine" work=floor
show 'encoder, 1 x 12 tokens' "$build/bench/bench_step" work=encode sentences=1 tokens=12
