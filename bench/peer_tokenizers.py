"""The work of bench_tokenizer in two other tokenizers, with the same words and the same protocol.

    peer_tokenizers.py which=tokenizers text=FILE [vocab=FILE]   Hugging Face's, the Rust library's
                                                fastest call (encode_batch_fast), one thread
    peer_tokenizers.py which=flash text=FILE [vocab=FILE]        flash-tokenizer, C++, not exact

Installs nothing: exit code 77 and a line on stderr where the package is missing."""
import os
import resource
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
WORDS = dict(word.split("=", 1) for word in sys.argv[1:])


def worker(which, vocab, lines):
    if which == "flash":
        from flash_tokenizer import BertTokenizerFlash
        flash = BertTokenizerFlash(vocab, do_lower_case=True)
        return lambda: [flash(line, padding="longest", max_length=-1) for line in lines]
    from tokenizers import BertWordPieceTokenizer
    fast = BertWordPieceTokenizer(vocab, lowercase=True)._tokenizer
    return lambda: fast.encode_batch_fast(lines, add_special_tokens=False)


def main():
    with open(WORDS["text"], encoding="utf-8") as text:
        lines = text.read().split("\n")
    try:
        work = worker(WORDS["which"], WORDS.get("vocab", "weights/mini/vocab.txt"), lines)
    except ImportError as missing:
        sys.exit(print(f"peer_tokenizers: {missing}", file=sys.stderr) or 77)
    work()
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        work()
        print(f"{time.perf_counter() - began:.6f}", flush=True)
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")


main()
