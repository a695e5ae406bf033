#!/usr/bin/env python3
"""Compares our tokenizer with Hugging Face's `tokenizers`, token by token and byte by byte.

    pip install tokenizers
    make lib && python3 tests/tokenizer_oracle.py [--lines N] [--library PATH] [--seed S]

Ids and spans are compared, for each of the three vocabularies in ../shared/data/vocab and one that
has every character as a token (so that no word is unknown), on N lines in all (default 1,000,000):
corpus text, random Unicode of all planes, mixtures of scripts, marks in wrong orders, broken UTF-8,
edge cases; and on every character by itself, for each of the normalizer's switches. Then the speed
of one thread on 10 MB of English. Prints the number of lines and of differences; exit status 1 if
there are any.
"""
import argparse
import ctypes
import glob
import gzip
import itertools
import os
import random
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
import tokenizers  # noqa: E402  (after the environment)
from tokenizers import models, normalizers, pre_tokenizers  # noqa: E402

SHARED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "shared", "data")
VOCABULARIES = [("bert-base-uncased", True), ("bert-base-cased", False),
                ("bert-base-multilingual-cased", False), ("every character", True)]
SCALARS = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


class Options(ctypes.Structure):
    _fields_ = [("lowercase", ctypes.c_bool), ("strip_accents", ctypes.c_int),
                ("split_chinese", ctypes.c_bool), ("max_word_chars", ctypes.c_int32),
                ("allocator", ctypes.c_void_p)]


class Encoding(ctypes.Structure):
    _fields_ = [("count", ctypes.c_int32), ("ids", ctypes.POINTER(ctypes.c_int32)),
                ("types", ctypes.POINTER(ctypes.c_int32)),
                ("spans", ctypes.POINTER(ctypes.c_size_t)), ("truncated", ctypes.c_int32),
                ("capacity", ctypes.c_int32), ("allocator", ctypes.c_void_p),
                ("scratch", ctypes.c_void_p)]


class Ours:
    """Our tokenizer, of the lines of a vocab.txt"""
    def __init__(self, library, lines, lowercase, strip_accents=-1, split_chinese=True):
        self.lib = ctypes.CDLL(library)
        self.encoding, self.handle = Encoding(), ctypes.c_void_p()
        self.tokenize = self.lib.eqb_tokenize
        self.tokenize.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t,
                                  ctypes.c_void_p, ctypes.c_void_p]
        self.at = ctypes.addressof(self.encoding)
        options = Options(lowercase, strip_accents, split_chinese, 100, None)
        status = self.lib.eqb_tokenizer_new(ctypes.byref(self.handle), lines,
                                            ctypes.c_size_t(len(lines)), ctypes.byref(options),
                                            None)
        assert status == 0, f"eqb_tokenizer_new: status {status}"

    def __del__(self):
        self.lib.eqb_encoding_free(ctypes.byref(self.encoding))
        self.lib.eqb_tokenizer_free(self.handle)

    def __call__(self, data):
        """ids, and begins and ends in turn, of a text in bytes"""
        status = self.tokenize(self.handle, data, len(data), self.at, None)
        assert status == 0, f"status {status} for {data!r}"
        n = self.encoding.count
        return self.encoding.ids[:n], self.encoding.spans[:2 * n]


def oracle(model, lowercase, strip_accents=None, split_chinese=True):
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=split_chinese, strip_accents=strip_accents,
        lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def vocabulary(name):
    """The bytes of a vocab.txt, and the oracle's model of it"""
    if name == "every character":
        every = [chr(c) for c in SCALARS if not chr(c).isspace()]
        tokens = SPECIAL + every + ["##" + ch for ch in every]
        return ("\n".join(tokens).encode(),
                models.WordPiece({token: i for i, token in enumerate(tokens)}, unk_token="[UNK]",
                                 max_input_chars_per_word=100))
    path = os.path.join(SHARED, "vocab", name + ".vocab.txt")
    with open(path, "rb") as file:
        return file.read(), models.WordPiece.from_file(path, unk_token="[UNK]",
                                                       max_input_chars_per_word=100)


# ------------------------------------------------------------------------------------------ texts

def corpus():
    for path in sorted(glob.glob(os.path.join(SHARED, "corpus", "*.txt.gz"))):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                if line.strip():
                    yield line.rstrip("\n")


def scalar(rng, low, high):
    while True:
        code = rng.randrange(low, high)
        if not 0xD800 <= code < 0xE000:
            return chr(code)


# Where something happens: Latin, marks, Greek to Arabic, Indic, Thai to Hangul jamo, punctuation,
# symbols, CJK, Hangul, compatibility forms, the astral scripts, ideographs of plane 2, tags.
RANGES = [(0, 0x180), (0x300, 0x370), (0x370, 0x700), (0x700, 0x1000), (0x1000, 0x1E00),
          (0x1E00, 0x2070), (0x2070, 0x2E80), (0x2E80, 0x3400), (0x4E00, 0x9FFF), (0xA000, 0xAC00),
          (0xAC00, 0xD7B0), (0xF900, 0x10000), (0x10000, 0x12000), (0x1D000, 0x1D400),
          (0x1E000, 0x1FB00), (0x20000, 0x30000), (0x2B700, 0x2BA00), (0xE0000, 0xE0200)]
MARKS = [chr(c) for c in (0x300, 0x301, 0x316, 0x323, 0x327, 0x334, 0x345, 0x302A, 0x302E, 0x302F,
                          0x344, 0xF71, 0xF72, 0xF73, 0xF75, 0x1D165, 0x1D16E, 0x16FF0, 0x1DFA,
                          0x8D4, 0x93C, 0x94D, 0xE38, 0x5B0, 0x64B, 0x3099, 0x20D0, 0x1E8D0)]
MARKED = [chr(c) for c in (0xE9, 0x1E69, 0x1FED, 0x2260, 0x1D160, 0x1D15E, 0x958, 0xAC01, 0x30AC,
                           0x130, 0x212A, 0x1E9E, 0xF900, 0x2F800, 0x61, 0x41, 0x3A3)]
EDGES = ["", " ", "[MASK]", "the[MASK]sat", "[mask]", "[[MASK]]", "[MASK", "[CLS][SEP]",
         "[UNK] [PAD]",
         "a" * 99, "a" * 100, "a" * 101, "\u00e9" * 100, "\u00e9" * 101, "a" * 200 + "\u00e9",
         "\u0301", "\u0301a", "a\u0301", "a\u200bb", "a\x0bb", "a\0b", "\ufffd", "\u0130", "\u1e9e",
         "\u4e00\u4e01", "a\u4e00b", "\U0002b8ff", "\U0002b920", "\uff21\uff22", "##ing", "# #",
         "a#b",
         "\u03a3\u03a3", "\u00a0", "\u2028", "\x85", "1,000.5", "don't", "\u20ac100", "20\u00b0C",
         "\ud55c\uad6d\uc5b4", "\u30da\u3067", "\U0001f600ok", "\U0001f468\u200d\U0001f469"]


def random_text(rng, words):
    """One line of one of a dozen kinds."""
    kind = rng.randrange(12)
    if kind == 0:
        return "".join(scalar(rng, 0, 0x110000) for _ in range(rng.randrange(40)))
    if kind == 1:
        return "".join(scalar(rng, *rng.choice(RANGES)) for _ in range(rng.randrange(40)))
    if kind == 2:
        low, high = rng.choice(RANGES)
        return "".join(rng.choice(" a") if rng.random() < 0.2 else scalar(rng, low, high)
                       for _ in range(rng.randrange(40)))
    if kind == 3:
        return "".join(rng.choice(rng.choice((MARKS, MARKED, MARKED, " .x")))
                       for _ in range(rng.randrange(30)))
    if kind == 4:
        base = rng.choice(MARKED + MARKS)
        return "x" + base + "".join(rng.choice(MARKS) for _ in range(rng.randrange(12))) + "y"
    if kind == 5:
        glue = rng.choice((" ", "", "\u0301"))
        return glue.join(rng.choice(EDGES) for _ in range(rng.randrange(5)))
    if kind == 6:
        return "".join(chr(rng.randrange(128)) for _ in range(rng.randrange(60)))
    if kind == 7:
        return rng.randbytes(rng.randrange(60)).decode("utf-8", "replace")
    line = rng.choice(words)
    if kind == 8:
        return line.upper()
    if kind == 9:
        return line.translate({32: None}) if rng.random() < 0.1 else line.title()
    chars = list(line)
    for _ in range(1 + len(chars) // 20):
        at = rng.randrange(len(chars) + 1)
        chars[at:at] = rng.choice((rng.choice(MARKS), scalar(rng, *rng.choice(RANGES)),
                                   rng.choice(SPECIAL), rng.choice(EDGES)))
    return "".join(chars)


def texts(count, seed):
    """Half corpus, half made up; the edge cases first."""
    rng, lines, source = random.Random(seed), [], corpus()
    yield from EDGES
    for _ in range((count - len(EDGES)) // 2):
        line = next(source, None)
        if line is None:
            source = corpus()
            line = next(source)
        if len(lines) < 20000:
            lines.append(line[:300])
        # Paragraphs are long; most lines of users are not.
        yield line if rng.random() < 0.05 else line[:300]
        yield random_text(rng, lines)


def every_character():
    """Between letters, after a space, and after a mark that it may change places with"""
    for code in SCALARS:
        yield f"a{chr(code)}b {chr(code)} x\u302e{chr(code)}"


# -------------------------------------------------------------------------------------- comparing

def byte_offsets(text):
    """Where each character, and the end, stand in UTF-8."""
    at, offsets = 0, [0]
    for ch in text:
        at += 1 if ch < "\x80" else 2 if ch < "\u0800" else 3 if ch < "\U00010000" else 4
        offsets.append(at)
    return offsets


def expected(encoding, text):
    spans = [bound for span in encoding.offsets for bound in span]
    if not text.isascii():
        offsets = byte_offsets(text)
        spans = [offsets[bound] for bound in spans]
    return encoding.ids, spans


def compare(name, ours, theirs, lines):
    """Number of lines on which the two differ, and of all; shows the first ten."""
    differences, done, lines = 0, 0, iter(lines)
    while batch := list(itertools.islice(lines, 10000)):
        for text, encoding in zip(batch, theirs.encode_batch(batch, add_special_tokens=False)):
            got, want = ours(text.encode()), expected(encoding, text)
            done += 1
            if got[0] != want[0] or got[1] != want[1]:
                differences += 1
                if differences <= 10:
                    print(f"{name}: {text!r}\n  ours   {got}\n  theirs {want}\n  {encoding.tokens}")
    print(f"{name}: {done} lines, {differences} differences", flush=True)
    return differences, done


def compare_broken(name, ours, theirs, count, seed):
    """Raw bytes: our ids must be those of the text with U+FFFD for each ill-formed part."""
    rng, differences = random.Random(seed), 0
    for _ in range(count):
        data = bytearray(random_text(rng, ["The quick brown fox"]).encode())
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(data) + 1)
            data[at:at + rng.randrange(2)] = bytes([rng.randrange(128, 256)])
        want = theirs.encode(data.decode("utf-8", "replace"), add_special_tokens=False).ids
        got = ours(bytes(data))[0]
        if got != want:
            differences += 1
            if differences <= 10:
                print(f"{name}: {bytes(data)!r}\n  ours   {got}\n  theirs {want}")
    print(f"{name}, ill-formed UTF-8: {count} lines, {differences} differences", flush=True)
    return differences, count


def speed(ours, theirs):
    """Megabytes a second of both on the same 10 MB of English, line by line, best of 3."""
    lines, size = [], 0
    for line in corpus():
        lines.append(line)
        size += len(line.encode())
        if size > 10e6:
            break
    data = [line.encode() for line in lines]
    encoding, tokenize, handle, at = ours.encoding, ours.tokenize, ours.handle, ours.at

    def run_ours():
        for line in data:
            tokenize(handle, line, len(line), at, None)

    def run_theirs():
        for first in range(0, len(lines), 1000):
            theirs.encode_batch_fast(lines[first:first + 1000], add_special_tokens=False)

    rates = []
    for run in (run_ours, run_theirs):
        best = min(timed(run) for _ in range(3))
        rates.append(size / best / 1e6)
    assert encoding.count >= 0
    print(f"speed on {size / 1e6:.1f} MB of English, one thread: ours {rates[0]:.1f} MB/s, "
          f"tokenizers {tokenizers.__version__} {rates[1]:.1f} MB/s, "
          f"ratio {rates[0] / rates[1]:.1f}")


def timed(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=1000000, help="in all (default 1000000)")
    parser.add_argument("--library", default="build/libequibert.so")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    library = os.path.abspath(arguments.library)
    total = differences = 0
    share = arguments.lines // len(VOCABULARIES) + 1
    for name, lowercase in VOCABULARIES:
        lines, model = vocabulary(name)
        ours, theirs = Ours(library, lines, lowercase), oracle(model, lowercase)
        checks = [compare(name, ours, theirs, texts(share, arguments.seed)),
                  compare_broken(name, ours, theirs, share // 10, arguments.seed)]
        if name == "bert-base-uncased":
            speed(ours, theirs)
        for switches in itertools.product((False, True), repeat=3):
            lower, accents, chinese = switches
            told = name + ", lowercase=%d strip_accents=%d split_chinese=%d" % switches
            ours = Ours(library, lines, lower, int(accents), chinese)
            theirs = oracle(model, lower, accents, chinese)
            checks.append(compare(told, ours, theirs, texts(share // 20, arguments.seed)))
            if name == "every character" and chinese:
                checks.append(compare(told + ", each", ours, theirs, every_character()))
        differences += sum(check[0] for check in checks)
        total += sum(check[1] for check in checks)
    print(f"{total} lines, {differences} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
