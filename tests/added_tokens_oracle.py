#!/usr/bin/env python3
"""Added tokens against transformers: directories with random added tokens, listed in every place
where they are found, must give the same ids and the same offsets there and here; and again after
the tokenizer was saved from here.

    python3 tests/added_tokens_oracle.py [build/libequibert.so] [count of tokenizers]

Needs transformers. Prints a line a difference and a summary; exits with 1 when anything differs."""
import ctypes
import json
import os
import random
import shutil
import sys
import tempfile

from weights_oracle import ROOT, Encoding, Error, Library
import transformers
from transformers import AutoTokenizer, BertConfig, BertModel

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = ["a", "b", "c", "##a", "##b", "##c", "ab", "##ab", "\u00e9", "E", "new", "##new", "-", "1",
          "[", "]", ".", "\u4e2d", "\u56fd", "n", "##n", "##e", "##w"]
ADDED = ["[NEW]", "[NEWER]", "newword", "NewWord", "a-1", "ab", "abc", "\u00c9t\u00e9", "<x>",
         "\u4e2d\u56fd", "new word", "caf\u00e9", "##new", "[new]", "x", "\u0130b", "[MASK]", "a",
         "1.", "\u56fd"]
TEXT = ["a", "b", "c", " ", "  ", "[NEW]", "[new]", "[NEWER]", "newword", "NEWWORD", "NewWord",
        "new", "-", "1", ".", "\u00c9", "\u00e9", "e\u0301", "t", "\u4e2d", "\u56fd", "<x>", "<X>",
        "\t", "\n", "caf", "[MASK]", "[mask]", "[", "]", "x", "X", "\u200b", "\u0301", "\u0130",
        "i\u0307", "\ufffd", "abc", "ABC", " new word ", "w", "\u3000", "\u00df"]


class Span(ctypes.Structure):
    _fields_ = [("begin", ctypes.c_size_t), ("end", ctypes.c_size_t)]


def flags(rng, content, special=None):
    special = rng.random() < 0.3 if special is None else special
    return {"content": content, "lstrip": False, "rstrip": False, "single_word": False,
            "normalized": rng.random() < 0.5, "special": special}


def tokenizer_json(vocab, added, lowercase):
    own = [{"id": i, **flags(random, t, True), "normalized": False} for i, t in enumerate(SPECIAL)]
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": own + added,
            "normalizer": {"type": "BertNormalizer", "clean_text": True, "strip_accents": None,
                           "handle_chinese_chars": True, "lowercase": lowercase},
            "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": None,
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "max_input_chars_per_word": 100,
                      "continuing_subword_prefix": "##",
                      "vocab": {t: i for i, t in enumerate(vocab)}}}


def write(directory, name, content):
    with open(os.path.join(directory, name), "w", encoding="utf-8") as f:
        f.write(content if isinstance(content, str) else json.dumps(content))


def make_directory(rng, directory):
    """Returns where the added tokens were listed."""
    shutil.rmtree(directory, ignore_errors=True)
    os.mkdir(directory)
    vocab = SPECIAL + rng.sample(PIECES, rng.randint(5, len(PIECES)))
    tokens = []
    for token in rng.sample(ADDED, rng.randint(1, 5)):
        # Of two tokens that the normalizer makes equal, which one is found is anybody's guess.
        if token not in SPECIAL and token.lower() not in [t.lower() for t in tokens]:
            tokens.append(token)
    numbered = {t: vocab.index(t) if t in vocab else None for t in tokens}
    following = len(vocab)
    for t in tokens:
        if numbered[t] is None:
            numbered[t], following = following, following + 1
    place = rng.choice(["decoder", "map", "json", "special", "extra", "json alone"])
    config = {"tokenizer_class": "BertTokenizer", "do_lower_case": rng.random() < 0.6}
    if rng.random() < 0.3:
        config["strip_accents"] = rng.random() < 0.5
    if place == "decoder":
        config["added_tokens_decoder"] = {str(i): flags(rng, t) for t, i in numbered.items()}
    if place == "map":
        write(directory, "added_tokens.json", numbered)
    if place in ("json", "json alone"):
        ordered = sorted(numbered.items(), key=lambda item: item[1])
        added = [{"id": i, **flags(rng, t)} for t, i in ordered]
        write(directory, "tokenizer.json", tokenizer_json(vocab, added, config["do_lower_case"]))
    if place == "special":
        write(directory, "special_tokens_map.json", {"additional_special_tokens": tokens})
    if place == "extra":
        kind = "extra" if rng.random() < 0.5 else "additional"
        config[kind + "_special_tokens"] = tokens
    if place == "json alone" and rng.random() < 0.5:
        config = {"tokenizer_class": "PreTrainedTokenizerFast"}
    if place != "json alone":
        write(directory, "vocab.txt", "\n".join(vocab) + "\n")
    write(directory, "tokenizer_config.json", config)
    BertConfig(vocab_size=following + 9, hidden_size=2, num_hidden_layers=0, num_attention_heads=1,
               intermediate_size=2).save_pretrained(directory)
    return f"{place} {numbered} {config.get('do_lower_case')}"


def our_tokens(library, tokenizer, text):
    data, encoding, error = text.encode(), Encoding(), Error()
    library.check(library.c.eqb_tokenize(tokenizer, data, ctypes.c_size_t(len(data)),
                                         ctypes.byref(encoding), ctypes.byref(error)), error)
    spans = ctypes.cast(encoding.spans, ctypes.POINTER(Span))
    result = [(encoding.ids[i], len(data[:spans[i].begin].decode()),
               len(data[:spans[i].end].decode())) for i in range(encoding.count)]
    library.c.eqb_encoding_free(ctypes.byref(encoding))
    return result


def their_tokens(tokenizer, text):
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    return [(i, *span) for i, span in zip(encoded["input_ids"], encoded["offset_mapping"])]


def compare(library, rng, directory, saved):
    theirs, problems = AutoTokenizer.from_pretrained(directory), []
    model, error = library.load(directory), Error()
    tokenizer = ctypes.c_void_p(library.c.eqb_model_tokenizer(model))
    library.save(model, saved)
    again = AutoTokenizer.from_pretrained(saved)
    for _ in range(60):
        text = "".join(rng.choice(TEXT) for _ in range(rng.randint(1, 9)))
        expected, found = their_tokens(theirs, text), our_tokens(library, tokenizer, text)
        if expected != found:
            problems.append(f"{text!r}: expected {expected}, found {found}")
        if [t[0] for t in their_tokens(again, text)] != [t[0] for t in expected]:
            problems.append(f"{text!r}: saved from here, {their_tokens(again, text)}")
    if library.c.eqb_tokenizer_size(tokenizer) != len(theirs):
        problems.append(f"{library.c.eqb_tokenizer_size(tokenizer)} tokens, not {len(theirs)}")
    library.c.eqb_model_free(model)
    return problems


def main():
    library = Library(sys.argv[1] if len(sys.argv) > 1 else
                      os.path.join(ROOT, "build", "libequibert.so"))
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    failures = 0
    with tempfile.TemporaryDirectory() as work:
        directory, saved = os.path.join(work, "source"), os.path.join(work, "saved")
        for seed in range(count):
            rng = random.Random(seed)
            what = make_directory(rng, directory)
            BertModel(BertConfig.from_pretrained(directory)).save_pretrained(directory)
            problems = compare(library, rng, directory, saved)
            failures += bool(problems)
            if problems:
                print(f"FAIL {seed} {what}")
            for line in problems[:3]:
                print("       ", line)
    print(f"{count - failures} of {count} tokenizers agree; transformers "
          f"{transformers.__version__}")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
