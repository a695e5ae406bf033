#!/usr/bin/env python3
"""Runs equibert, PyTorch and the floor in turns and prints one table: bench/run.sh calls it.

    driver.py BUILD [rounds=N] [threads=N] [peer=PYTHON]

The programs of one row are all started first; then each does one round of the work, then the next
one, back and forth, so that whatever else the machine does strikes them alike. The table holds
medians of seconds; a ratio is the median over rounds of ours / theirs, with its quartiles. The
floor is the bare matrix products of the work and one AdamW pass (bench_machine.c). Needs nothing
but Python; without PyTorch its columns stay empty."""
import os
import statistics
import subprocess
import sys
import tempfile
import time

WORDS = dict(word.split("=", 1) for word in sys.argv[2:])
BUILD, HERE = sys.argv[1], os.path.dirname(os.path.abspath(__file__))
PYTHON = WORDS.get("peer", "python3")
PEER = [PYTHON, os.path.join(HERE, "peer_torch.py")]
# The best that settings can do for PyTorch: memory is kept between steps, in huge pages.
KEEP_MEMORY = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296:" \
              "glibc.malloc.trim_threshold=17179869184"

# work, words, rounds, wanted ratio to PyTorch, wanted peak in MiB, has a floor
ROWS = [
    ("training step, 8 pairs x 16 tokens", "work=step", 11, 1.0, 2355, True),
    ("  PyTorch tuned by an expert", "work=step tuned=1", 11, 1.0, 2355, False),
    ("training step, 8 pairs x 8 to 24 tokens", "work=step ragged=1", 7, 1.0, None, True),
    ("encoder, 1 x 12 tokens", "work=encode sentences=1 tokens=12", 31, 1.0, None, False),
    ("encoder, 32 x 6 to 18 tokens", "work=encode sentences=32 tokens=12 ragged=1", 11, 1.0, None,
     False),
    ("fill one mask, 1 x 12 tokens", "work=fill sentences=1 tokens=12 masked=1", 31, 1.0, None,
     False),
]
PROBE_LIMIT = 0.5  # seconds from start to answer


class Program:
    """A child that speaks the protocol of bench.h; ok is False if it did not become ready. Without
    a command, a peer that is not there."""

    def __init__(self, command, tuned=False):
        environment = dict(os.environ)
        if tuned:
            environment["GLIBC_TUNABLES"] = KEEP_MEMORY
        self.seconds, self.peak, self.child, self.ok = [], None, None, False
        if command:
            self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                          text=True, env=environment)
            self.ok = self.child.stdout.readline().strip() == "ready"

    def round(self):
        if self.ok:
            self.child.stdin.write("\n")
            self.child.stdin.flush()
            self.seconds.append(float(self.child.stdout.readline()))

    def finish(self):
        if self.child:
            rest = self.child.communicate()[0].split()
            self.peak = float(rest[1]) if self.ok and len(rest) == 2 else None

    def median(self):
        return statistics.median(self.seconds) if self.seconds else None


def ratio_to(ours, theirs):
    """Median and quartiles of ours / theirs, round by round; None without a peer."""
    if not theirs.seconds:
        return None
    ratios = [a / b for a, b in zip(ours.seconds, theirs.seconds)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return middle, low, high


def text(value, form):
    return "-" if value is None else format(value, form)


def measure(words, rounds, has_floor):
    """Takes turns; the order is reversed each round. Returns ours, peer, floor."""
    programs = [Program([f"{BUILD}/bench/bench_step", *words])]
    programs.append(Program([*PEER, *words] if PEER else None, tuned="tuned=1" in words))
    if has_floor:
        programs.append(Program([f"{BUILD}/bench/bench_machine", "work=floor", *words[1:]]))
    for i in range(rounds):
        for program in programs if i % 2 == 0 else reversed(programs):
            program.round()
    for program in programs:
        program.finish()
    return programs if has_floor else [*programs, None]


def row(name, words, rounds, wanted, wanted_peak, has_floor):
    ours, peer, floor = measure(words.split(), max(2, int(WORDS.get("rounds", rounds))),
                                has_floor)
    if not ours.seconds:
        sys.exit(f"{name}: bench_step gave no figure")
    ratio = ratio_to(ours, peer)
    bound = ratio_to(ours, floor) if floor else None
    spread = f"{ratio[0]:.2f} ({ratio[1]:.2f}-{ratio[2]:.2f})" if ratio else "-"
    print(f"{name:41}{ours.median():8.3f}{text(peer.median(), '.3f'):>9}{spread:>18}{wanted:7.2f}"
          f"{text(floor.median() if floor else None, '.3f'):>9}"
          f"{text(bound and bound[0], '.2f'):>6}{text(ours.peak, '.0f'):>8}"
          f"{text(peer.peak, '.0f'):>7}{text(wanted_peak, '.0f'):>8}", flush=True)


def probe_row():
    """Process start to answer, bert-base from disk, the file in the cache of the system."""
    program = "./probe"
    if not os.access(program, os.X_OK):
        print("probe: not built")
        return
    with tempfile.TemporaryDirectory() as scratch:
        model = os.path.join(scratch, "bert-base")
        subprocess.run([f"{BUILD}/bench/bench_step", "work=save", f"dir={model}"], check=True)
        seconds = []
        for _ in range(int(WORDS.get("rounds", 9)) + 1):
            began = time.perf_counter()
            subprocess.run([program, "--model", model, "{he|she} works as a [MASK]."], check=True,
                           stdout=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - began)
    print(f"{'./probe, start to answer':41}{statistics.median(seconds[1:]):8.3f}"
          f"{PROBE_LIMIT:34.2f} s")


def peer_versions():
    """One line about the peer, or None when it is not there."""
    code = ("import torch, transformers; "
            "print(torch.__version__, '+ transformers', transformers.__version__)")
    try:
        found = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return found.stdout.strip() if found.returncode == 0 else None


def main():
    os.environ["OMP_NUM_THREADS"] = WORDS.get("threads", "2")
    subprocess.run([f"{BUILD}/bench/bench_machine"], check=True)
    versions = peer_versions()
    if not versions:
        PEER.clear()
    print(f"\nbert-base, random weights, {os.environ['OMP_NUM_THREADS']} threads; seconds, MiB")
    print(f"PyTorch {versions}\n" if versions else
          f"{PYTHON} has no torch and transformers: our figures and the floor only "
          "(make bench PEER=python)\n")
    print(f"{'':41}{'ours':>8}{'PyTorch':>9}{'ratio (quartiles)':>18}{'wanted':>7}{'floor':>9}"
          f"{'ratio':>6}{'memory':>8}{'theirs':>7}{'wanted':>8}", flush=True)
    for arguments in ROWS:
        if PEER or "tuned=1" not in arguments[1]:
            row(*arguments)
    probe_row()


main()
