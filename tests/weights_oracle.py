#!/usr/bin/env python3
"""Weights and tokenizer files against transformers: everything it saves is loaded here, everything
saved here is loaded there, and each number and each token id must be the same.

    python3 tests/weights_oracle.py [build/libequibert.so] [count of random models]

Needs torch, transformers, safetensors. Real vocabularies are used when ../shared/data/vocab is
there. Prints one line a case and the versions; exits with 1 when anything differs."""
import ctypes
import json
import os
import random
import shutil
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TQDM_DISABLE"] = "1"
import safetensors
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForPreTraining, AutoTokenizer, BertConfig, BertForMaskedLM
from transformers import BertForPreTraining, BertModel, BertTokenizer

transformers.logging.set_verbosity_error()
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VOCABS = os.path.join(ROOT, "..", "shared", "data", "vocab")
TEXTS = ["She is a doctor.", "H\u00e9llo W\u00d6RLD, na\u00efve caf\u00e9s!",
         "\u4e2d\u56fd caf\u00e9 \u6771\u4eac 123", "The [MASK] sat on the mat.", "",
         "unaffable 3.14 e-mail@x.org", "Stra\u00dfe \u0130stanbul"]


class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("message", ctypes.c_char * 1020)]


class Parameter(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("dims", ctypes.c_int32), ("rows", ctypes.c_int32),
                ("cols", ctypes.c_int32), ("data", ctypes.POINTER(ctypes.c_float)),
                ("gradient", ctypes.c_void_p)]


class Encoding(ctypes.Structure):
    _fields_ = [("count", ctypes.c_int32), ("ids", ctypes.POINTER(ctypes.c_int32)),
                ("types", ctypes.c_void_p), ("spans", ctypes.c_void_p),
                ("truncated", ctypes.c_int32), ("private", ctypes.c_void_p * 8)]


class Library:
    """The few functions of equibert.h that this comparison needs."""

    def __init__(self, path):
        self.c = ctypes.CDLL(path)
        self.c.eqb_model_parameter.restype = Parameter
        self.c.eqb_model_tokenizer.restype = ctypes.c_void_p

    def check(self, status, error):
        if status:
            raise RuntimeError(error.message.decode())

    def load(self, directory):
        model, error = ctypes.c_void_p(), Error()
        self.check(self.c.eqb_model_load(ctypes.byref(model), directory.encode(), None,
                                         ctypes.byref(error)), error)
        return model

    def save(self, model, directory):
        error = Error()
        self.check(self.c.eqb_model_save(model, directory.encode(), ctypes.byref(error)), error)

    def parameters(self, model):
        result = {}
        for i in range(self.c.eqb_model_parameter_count(model)):
            p = self.c.eqb_model_parameter(model, i)
            raw = ctypes.string_at(p.data, 4 * p.rows * p.cols)
            values = torch.frombuffer(bytearray(raw), dtype=torch.float32)
            result[p.name.decode()] = values.reshape([p.rows, p.cols][2 - p.dims:])
        return result

    def encode(self, model, text):
        tokenizer = ctypes.c_void_p(self.c.eqb_model_tokenizer(model))
        data, encoding, error = text.encode(), Encoding(), Error()
        length = ctypes.c_size_t(len(data))
        self.check(self.c.eqb_encode(tokenizer, data, length, None, ctypes.c_size_t(0), 512,
                                     ctypes.byref(encoding), ctypes.byref(error)), error)
        ids = [encoding.ids[i] for i in range(encoding.count)]
        self.c.eqb_encoding_free(ctypes.byref(encoding))
        return ids


def random_model(rng, kind, vocab_size):
    heads = rng.choice([1, 2, 3, 4])
    config = BertConfig(
        vocab_size=vocab_size + rng.choice([0, 0, 6]), hidden_size=heads * rng.choice([1, 4, 5]),
        num_hidden_layers=rng.choice([1, 2, 3]), num_attention_heads=heads,
        intermediate_size=rng.randint(1, 20), max_position_embeddings=rng.randint(3, 40),
        type_vocab_size=rng.choice([1, 2, 3]), hidden_dropout_prob=rng.choice([0, 0.1, 0.37]),
        hidden_act=rng.choice(["gelu", "gelu_new", "relu", "gelu_pytorch_tanh"]),
        layer_norm_eps=rng.choice([1e-12, 1e-5]), initializer_range=rng.choice([0.02, 0.013]))
    model = kind(config)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, 1)
    return model


def rewrite(directory, change):
    path = os.path.join(directory, "model.safetensors")
    save_file(change(load_file(path)), path, metadata={"format": "pt"})


def legacy_names(tensors):
    return {n.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
        "LayerNorm.bias", "LayerNorm.beta"): t for n, t in tensors.items()}


def save_tokenizer(rng, directory, vocab_path):
    """One of the forms in which tokenizers are found; vocab.txt or tokenizer.json or both."""
    form = rng.choice(["vocab.txt alone", "vocab.txt", "tokenizer.json", "both", "old"])
    switches = {"do_lower_case": rng.choice([True, False]),
                "strip_accents": rng.choice([None, True, False]),
                "tokenize_chinese_chars": rng.choice([True, False])}
    if form in ("tokenizer.json", "both"):
        tokens = open(vocab_path, encoding="utf-8").read().split("\n")[:-1]
        BertTokenizer(vocab={t: i for i, t in enumerate(tokens)},
                      **switches).save_pretrained(directory)
    if form != "tokenizer.json":
        shutil.copyfile(vocab_path, os.path.join(directory, "vocab.txt"))
    if form in ("vocab.txt", "old"):
        if form == "old":
            switches = {"do_lower_case": False, "model_max_length": 512}
        with open(os.path.join(directory, "tokenizer_config.json"), "w") as f:
            json.dump(switches, f)
    return form


def make_vocab(directory):
    path = os.path.join(directory, "small.txt")
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + list("abcdefghijklmnopqrstuvwxyz")
    tokens += ["##" + t for t in "abcdefghijklmnopqrstuvwxyz"] + list(".,!123") + ["She", "is", "A"]
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(tokens) + "\n")
    return path


def compare(name, expected, found, problems):
    if expected.shape != found.shape or not torch.equal(expected.float(), found):
        problems.append(name)


def run_case(library, rng, work, vocabs):
    """One random model through both directions; returns a description and what differed."""
    kind = rng.choice([BertForPreTraining, BertForPreTraining, BertForMaskedLM, BertModel])
    dtype = rng.choice([torch.float32, torch.float32, torch.float16, torch.bfloat16, torch.float64])
    vocab_path = rng.choice(vocabs)
    source, target = os.path.join(work, "source"), os.path.join(work, "target")
    for directory in (source, target):
        shutil.rmtree(directory, ignore_errors=True)
    size = sum(1 for _ in open(vocab_path, encoding="utf-8", newline="\n"))
    model = random_model(rng, kind, size).to(dtype)
    model.save_pretrained(source)
    form = save_tokenizer(rng, source, vocab_path)
    legacy = rng.random() < 0.3
    if legacy:
        rewrite(source, legacy_names)
    problems = []

    ours = library.load(source)
    mine = library.parameters(ours)
    for name, tensor in model.state_dict().items():
        name = name if name.startswith(("bert.", "cls.")) else "bert." + name
        if name in mine:
            compare("loading " + name, tensor, mine[name], problems)
        elif not name.startswith("cls.predictions.decoder.") and "_ids" not in name:
            problems.append("no " + name)
    library.save(ours, target)
    theirs, info = AutoModelForPreTraining.from_pretrained(target, output_loading_info=True)
    problems += [f"{k}: {v}" for k, v in info.items() if v]
    state = theirs.state_dict()
    for name, tensor in mine.items():
        compare("saving " + name, state[name], tensor, problems)
    for key in ("hidden_act", "layer_norm_eps", "hidden_dropout_prob", "initializer_range",
                "type_vocab_size", "pad_token_id"):
        a, b = getattr(model.config, key), getattr(theirs.config, key)
        if {a, b} != {"gelu_new", "gelu_pytorch_tanh"} and a != b:
            problems.append(f"config {key}: {a} became {b}")
    path = os.path.join(target, "model.safetensors")
    with open(path, "rb") as f:
        before = f.read()
    save_file(load_file(path), path, metadata={"format": "pt"})
    with open(path, "rb") as f:
        if f.read() != before:
            problems.append("the reference writer makes another file of the same tensors")

    first, second = AutoTokenizer.from_pretrained(source), AutoTokenizer.from_pretrained(target)
    for text in TEXTS:
        ids = [first(text)["input_ids"], second(text)["input_ids"], library.encode(ours, text)]
        if ids[0] != ids[1] or ids[0] != ids[2]:
            problems.append(f"ids of {text!r}: {ids}")
    library.c.eqb_model_free(ours)
    names = " gamma/beta" if legacy else ""
    return f"{kind.__name__} {str(dtype)[6:]}{names}, {form}, {size} tokens", problems


def main():
    library = Library(sys.argv[1] if len(sys.argv) > 1 else
                      os.path.join(ROOT, "build", "libequibert.so"))
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    failures = 0
    with tempfile.TemporaryDirectory() as work:
        vocabs = [make_vocab(work)] * 3
        if os.path.isdir(VOCABS):
            vocabs += [os.path.join(VOCABS, n) for n in sorted(os.listdir(VOCABS))]
        for seed in range(count):
            torch.manual_seed(seed)
            what, problems = run_case(library, random.Random(seed), work, vocabs)
            failures += bool(problems)
            print(f"{'FAIL' if problems else 'ok  '} {seed:3} {what}")
            for line in problems[:10]:
                print("       ", line)
    print(f"{count - failures} of {count} cases agree; torch {torch.__version__}, transformers "
          f"{transformers.__version__}, safetensors {safetensors.__version__}")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
