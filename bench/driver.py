#!/usr/bin/env python3
"""Runs equibert, its peers and its floor in turns and prints one table: bench/run.sh calls it.

    driver.py BUILD [rounds=N] [threads=N] [peer=PYTHON] [text=FILE] [only=WORD]

The programs of one kind of work are all started first; then each does one round of it, then the
next one, back and forth, so that whatever else the machine does strikes them alike. The table holds
medians of seconds; a ratio is the median over rounds of ours / theirs, with its quartiles. "floor"
is the bare matrix products of the work and one AdamW pass (bench_machine.c). Needs nothing but
Python; what a peer needs is installed by whoever wants its lines: torch, transformers, onnxruntime
and onnxscript, tokenizers, flash-tokenizer. Lines of peers that are missing are left out."""
import gzip
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

WORDS = dict(word.split("=", 1) for word in sys.argv[2:])
BUILD, HERE = sys.argv[1], os.path.dirname(os.path.abspath(__file__))
PYTHON, THREADS = WORDS.get("peer", "python3"), WORDS.get("threads", "2")
CORPUS = os.path.join(HERE, "..", "..", "shared", "data", "corpus", "heldout.txt.gz")
# The best that settings can do for PyTorch: memory is kept between steps, in huge pages.
KEEP_MEMORY = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296:" \
              "glibc.malloc.trim_threshold=17179869184"
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
OURS = {"GOMP_SPINCOUNT": "10000"}  # as our programs set it for themselves

# What runs beside bench_step: command without the words of the work, environment.
OTHERS = {
    "PyTorch": ([PYTHON, os.path.join(HERE, "peer_torch.py")], {}),
    "PyTorch tuned": ([PYTHON, os.path.join(HERE, "peer_torch.py"), "tuned=1"],
                      {"GLIBC_TUNABLES": KEEP_MEMORY, **OURS}),
    "ONNX Runtime": ([PYTHON, os.path.join(HERE, "peer_onnx.py")], {}),
    "floor": ([f"{BUILD}/bench/bench_machine", "work=floor"], OURS),
    "one thread": ([f"{BUILD}/bench/bench_step"], ONE_THREAD),
    "tokenizers": ([PYTHON, os.path.join(HERE, "peer_tokenizers.py"), "which=tokenizers"], {}),
    "flash-tokenizer": ([PYTHON, os.path.join(HERE, "peer_tokenizers.py"), "which=flash"], {}),
}
MINI = "work=step layers=4 hidden=128 heads=4 feed_forward=512 vocab=8192"

# name, words, rounds, {what it is held against: (wanted ratio of time, of memory)}
ROWS = [
    ("step, 8 pairs x 16", "work=step", 11,
     {"PyTorch": (0.55, 0.85), "PyTorch tuned": (0.80, None), "floor": (1.10, None),
      "one thread": (1 / 1.7, None)}),
    ("step, 8 of pairs.jsonl", "work=step masked=1 lengths={lengths}", 11,
     {"PyTorch tuned": (0.65, None), "floor": (1.10, None)}),
    ("step, 32 pairs x 16", "work=step sentences=64", 5, {"PyTorch": (0.60, None)}),
    ("step, 8 pairs x 128", "work=step tokens=128", 3, {"PyTorch": (0.65, None)}),
    ("step, 32 pairs x 128", "work=step sentences=64 tokens=128", 1, {"PyTorch": (None, 0.40)}),
    ("step of weights/mini", MINI + " repeat=20", 15, {"PyTorch": (0.25, None)}),
    ("encoder, 1 x 12", "work=encode sentences=1 tokens=12", 31,
     {"ONNX Runtime": (1.00, None), "PyTorch": (0.35, None)}),
    ("encoder, 32 x 4 to 20", "work=encode sentences=32 lengths={ragged}", 9,
     {"ONNX Runtime": (0.70, None), "PyTorch": (None, None)}),
    ("fill a mask, 1 x 12", "work=fill sentences=1 tokens=12 masked=1", 31,
     {"PyTorch": (None, None)}),
]
PAUSE = 0.1  # seconds before a round: the idle threads of the program before spin on for a while
PROBE_LIMIT = 0.25  # seconds from start to answer


class Program:
    """A child that speaks the protocol of bench.h; ok is False if it did not become ready."""

    def __init__(self, command, environment):
        self.seconds, self.peak = [], None
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True,
                                      env={**os.environ, **environment})
        self.ok = self.child.stdout.readline().strip() == "ready"

    def round(self):
        if self.ok:
            time.sleep(PAUSE)
            self.child.stdin.write("\n")
            self.child.stdin.flush()
            self.seconds.append(float(self.child.stdout.readline()))

    def finish(self):
        rest = self.child.communicate()[0].split()
        self.peak = float(rest[1]) if self.ok and len(rest) == 2 else None

    def median(self):
        return statistics.median(self.seconds)


def take_turns(programs, rounds):
    """The order is reversed each round. The threads of whoever had the last turn spin for a while,
    which is not for the next one to pay."""
    for i in range(rounds):
        for program in programs if i % 2 == 0 else reversed(programs):
            time.sleep(0.05)
            program.round()
    for program in programs:
        program.finish()


def one_by_one(commands):
    """For work so large that two at once would not fit in memory."""
    programs = []
    for command, environment in commands:
        programs.append(Program(command, environment))
        take_turns(programs[-1:], 1)
    return programs


def ratio(ours, theirs):
    """Median and quartiles of ours / theirs, round by round."""
    ratios = [a / b for a, b in zip(ours.seconds, theirs.seconds)]
    if len(ratios) == 1:
        return f"{ratios[0]:.2f}"
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def show(name, ours, other, theirs, wanted, wanted_memory):
    memory = f"{ours.peak / theirs.peak:.2f}" if ours.peak and theirs.peak else "-"
    print(f"{name:24}{ours.median():9.4f}  {other:16}{theirs.median():9.4f}  "
          f"{ratio(ours, theirs):18}{'' if wanted is None else format(wanted, '.2f'):>6}"
          f"{ours.peak or 0:8.0f}{theirs.peak or 0:8.0f}{memory:>6}"
          f"{'' if wanted_memory is None else format(wanted_memory, '.2f'):>6}", flush=True)


def compare(name, ours, words, rounds, against, environment=None):
    commands = [(ours + words, {**OURS, **(environment or {})})]
    commands += [(OTHERS[other][0] + words, OTHERS[other][1]) for other in against]
    rounds = int(WORDS.get("rounds", rounds))
    if rounds == 1:
        programs = one_by_one(commands)
    else:
        programs = [Program(*command) for command in commands]
        take_turns(programs, rounds)
    if not programs[0].ok:
        sys.exit(f"{name}: {ours[0]} gave no figure")
    for (other, wanted), theirs in zip(against.items(), programs[1:]):
        if theirs.ok:
            show(name, programs[0], other, theirs, *wanted)


def lengths_of_pairs(count):
    """Tokens of the two sentences of pairs spread evenly over pairs.jsonl, "9,9,12,12"."""
    with open(os.path.join(HERE, "..", "pairs.jsonl"), encoding="utf-8") as lines:
        pairs = [json.loads(line) for line in lines if line.strip()]
    pairs = [p for p in pairs if p.get("kind", "pair") == "pair"]
    text = ""
    for p in pairs[::len(pairs) // count][:count]:
        for side in ("male", "female"):
            follows = p.get("next", p.get("next_" + side))
            text += re.sub(r"[{}]", "", p[side]) + ("\t" + follows if follows else "") + "\n"
    found = subprocess.run([f"{BUILD}/bench/bench_step", "work=lengths"], input=text, text=True,
                           capture_output=True, check=True)
    return found.stdout.strip()


def english(scratch):
    """Some megabytes of text: a file given, the held-out books, or what a script writes."""
    if "text" in WORDS:
        return WORDS["text"]
    path = os.path.join(scratch, "text")
    with open(path, "wb") as out:
        if os.path.exists(CORPUS):
            out.write(gzip.open(CORPUS).read())
        else:
            subprocess.run([sys.executable, os.path.join(HERE, "../weights/mini/everyday.py"),
                            "--documents", "20000"], stdout=out, check=True)
    return path


def tokenizer_row(scratch):
    words = ["text=" + english(scratch)]
    compare("tokenizer, one thread", [f"{BUILD}/bench/bench_tokenizer"], words, 7,
            {"tokenizers": (0.25, None), "flash-tokenizer": (1.00, None)}, ONE_THREAD)
    size = os.path.getsize(words[0][5:]) / 1e6
    print(f"{'':24}of {size:.1f} MB of English")


def probe_row(scratch):
    """Process start to answer, bert-base from disk, the file in the cache of the system."""
    if not os.access("./probe", os.X_OK):
        print("probe: not built")
        return
    model = os.path.join(scratch, "bert-base")
    subprocess.run([f"{BUILD}/bench/bench_step", "work=save", f"dir={model}"], check=True)
    seconds = []
    for _ in range(int(WORDS.get("rounds", 9)) + 1):
        began = time.perf_counter()
        subprocess.run(["./probe", "--model", model, "{he|she} works as a [MASK]."], check=True,
                       stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - began)
    print(f"{'./probe, start to answer':24}{statistics.median(seconds[1:]):9.4f}  "
          f"{'limit, seconds':16}{PROBE_LIMIT:9.4f}")


def versions():
    """What the peer's Python has, by name and version."""
    code = ("import importlib.metadata as m\n"
            "for n in ('torch', 'transformers', 'onnxruntime', 'tokenizers', 'flash-tokenizer'):\n"
            "    try: print(n, m.version(n), end='; ')\n"
            "    except m.PackageNotFoundError: print('no', n, end='; ')")
    try:
        found = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return "none"
    return found.stdout.strip("; ") or "none"


def main():
    os.environ["OMP_NUM_THREADS"] = THREADS
    only = WORDS.get("only", "")
    if not only:
        subprocess.run([f"{BUILD}/bench/bench_machine"], check=True)
    print(f"\nbert-base with random weights, {THREADS} threads. Peers ({PYTHON}): {versions()}\n")
    print(f"{'':24}{'ours, s':>9}  {'held against':16}{'its, s':>9}  {'ratio (quartiles)':18}"
          f"{'wanted':>6}{'ours,':>8}{'its MiB':>8}{'ratio':>6}{'want':>6}", flush=True)
    ragged = ",".join(str(4 + i * 7 % 17) for i in range(32))
    for name, words, rounds, against in ROWS:
        if only in name:
            words = words.format(lengths=lengths_of_pairs(8) if "{lengths}" in words else "",
                                 ragged=ragged).split()
            compare(name, [f"{BUILD}/bench/bench_step"], words, rounds, against)
    with tempfile.TemporaryDirectory() as scratch:
        if only in "tokenizer":
            tokenizer_row(scratch)
        if only in "probe":
            probe_row(scratch)


main()
