#!/usr/bin/env python3
"""Every format and spelling of weights against transformers: a random model is saved in all the
ways in which BERTs are found, loaded here, and must give the same parameters and the same logits.

    python3 tests/formats_oracle.py [build/libequibert.so] [count of random models]

Needs torch, transformers, safetensors. Checkpoints of TensorFlow are written by the few lines below
and, when ../shared/data/weights is there, read from a genuine one. Prints one line a model and the
versions; exits with 1 when anything differs."""
import collections
import ctypes
import json
import os
import random
import shutil
import struct
import sys
import tempfile

from weights_oracle import (ROOT, TEXTS, Error, Library, legacy_names, make_vocab, random_model)
import safetensors
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import BertForMaskedLM, BertForPreTraining, BertForSequenceClassification
from transformers import BertModel, BertTokenizer

SHARED = os.path.join(ROOT, "..", "shared", "data", "weights")


# ------------------------------------------------------------------------ TensorFlow checkpoints --

def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    crc ^= 0xffffffff
    return ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def block(entries, interval=16):
    """A block of LevelDB's table: keys as what they add to the key before."""
    out, restarts, last = bytearray(), [], b""
    for i, (key, value) in enumerate(entries):
        shared = 0
        if i % interval == 0:
            restarts.append(len(out))
        else:
            while shared < min(len(last), len(key)) and last[shared] == key[shared]:
                shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value))
        out += key[shared:] + value
        last = key
    out += b"".join(struct.pack("<I", r) for r in restarts or [0])
    out += struct.pack("<I", len(restarts or [0]))
    return bytes(out)


def write_checkpoint(directory, tensors):
    """tensors: {name: array in TensorFlow's shape}, as bert_model.ckpt.*"""
    data, entries = bytearray(), [(b"", b"\x08\x01\x1a\x02\x08\x01")]
    for name in sorted(tensors, key=str.encode):
        tensor = tensors[name]
        raw = tensor.reshape(-1).clone().view(torch.uint8).numpy().tobytes()
        kind = {torch.float32: 1, torch.float64: 2, torch.float16: 19, torch.bfloat16: 14}
        shape = b"".join(b"\x12" + varint(len(d)) + d
                         for d in (b"\x08" + varint(n) for n in tensor.shape))
        entries.append((name.encode(), b"\x08" + varint(kind[tensor.dtype]) +
                        b"\x12" + varint(len(shape)) + shape + b"\x20" + varint(len(data)) +
                        b"\x28" + varint(len(raw)) + b"\x35" + struct.pack("<I", crc32c(raw))))
        data += raw
    index, handles = bytearray(), []

    def put(content):
        handle = varint(len(index)) + varint(len(content))
        index.extend(content + b"\0" + struct.pack("<I", crc32c(content + b"\0")))
        return handle

    for i in range(0, len(entries), 40):
        handles.append((entries[min(i + 40, len(entries)) - 1][0] + b"~",
                        put(block(entries[i:i + 40]))))
    footer = put(block([])) + put(block(handles, 1))
    index += footer.ljust(40, b"\0") + struct.pack("<Q", 0xdb4775248b80fb57)
    for name, content in (("index", index), ("data-00000-of-00001", data)):
        with open(os.path.join(directory, "bert_model.ckpt." + name), "wb") as f:
            f.write(content)


def tensorflow_names(tensors):
    result = {"global_step": torch.tensor(7.0)}
    for name, tensor in tensors.items():
        if name.startswith("cls.predictions.decoder") or name.startswith("classifier"):
            continue
        if name == "cls.predictions.bias":
            name = "cls/predictions/output_bias"
        elif name == "cls.seq_relationship.weight":
            name = "cls/seq_relationship/output_weights"
        elif name == "cls.seq_relationship.bias":
            name = "cls/seq_relationship/output_bias"
        elif name.endswith("_embeddings.weight"):
            name = name[:-len(".weight")]
        elif name.endswith("LayerNorm.weight"):
            name = name[:-len("weight")] + "gamma"
        elif name.endswith("LayerNorm.bias"):
            name = name[:-len("bias")] + "beta"
        elif name.endswith(".weight"):
            name, tensor = name[:-len("weight")] + "kernel", tensor.t().contiguous()
        name = name.replace("encoder.layer.", "encoder.layer_").replace(".", "/")
        result[name] = tensor
        result[name + "/adam_m"] = torch.zeros_like(tensor)
    return result


# ------------------------------------------------------------------------------------- variants --

def renamed(prefix):
    return lambda tensors: {prefix + n: t for n, t in tensors.items()}


def with_buffers(tensors):
    key = "bert.embeddings.position_ids" if any(n.startswith("bert.") for n in tensors) else \
        "embeddings.position_ids"
    return {**tensors, key: torch.arange(9).reshape(1, 9)}


def with_decoder(tensors):
    word = tensors.get("bert.embeddings.word_embeddings.weight")
    bias = tensors.get("cls.predictions.bias")
    if word is None or bias is None:
        return tensors
    return {**tensors, "cls.predictions.decoder.weight": word,
            "cls.predictions.decoder.bias": bias}


def bias_of_decoder(tensors):
    return {n.replace("cls.predictions.bias", "cls.predictions.decoder.bias"): t
            for n, t in tensors.items()}


def columns(tensors):
    """Matrices stored as the transposes of contiguous ones, as torch.from_numpy(a.T) gives."""
    return {n: t.t().contiguous().t() if t.dim() == 2 else t for n, t in tensors.items()}


def parameters(tensors):
    return {n: torch.nn.Parameter(t) if t.is_floating_point() else t for n, t in tensors.items()}


def one_storage(tensors):
    """All tensors of a dtype as slices of one storage."""
    pool = torch.cat([t.reshape(-1) for t in tensors.values()])
    result, at = {}, 0
    for n, t in tensors.items():
        result[n] = pool[at:at + t.numel()].view(t.shape)
        at += t.numel()
    return result


SPELLINGS = {"as it is": dict, "gamma/beta": legacy_names, "module.": renamed("module."),
             "_orig_mod.": renamed("_orig_mod."), "_orig_mod.module.": renamed("_orig_mod.module."),
             "position_ids": with_buffers, "stored decoder": with_decoder,
             "decoder.bias": bias_of_decoder}
PICKLED = {"plain": dict, "columns": columns, "parameters": parameters,
           "one storage": one_storage, "OrderedDict": collections.OrderedDict}


def save_safetensors(rng, directory, tensors):
    save_file({n: t.clone().contiguous() for n, t in tensors.items()},
              os.path.join(directory, "model.safetensors"), metadata={"format": "pt"})
    return ""


def save_torch(rng, directory, tensors, name="pytorch_model.bin", form=None):
    form = form or rng.choice(list(PICKLED))
    if form == "one storage" and len({t.dtype for t in tensors.values()}) > 1:
        form = "plain"
    new = rng.random() < 0.5
    torch.serialization.set_crc32_options(rng.random() < 0.8)
    torch.save(PICKLED[form](tensors), os.path.join(directory, name),
               _use_new_zipfile_serialization=new)
    return f" {'zip' if new else 'legacy'}, {form}"


def save_shards(rng, directory, tensors, kind):
    names, count = list(tensors), rng.randint(2, 5)
    rng.shuffle(names)
    ending = "safetensors" if kind == "safetensors" else "bin"
    stem = "model" if kind == "safetensors" else "pytorch_model"
    weight_map, what = {}, ""
    for i in range(count):
        part = {n: tensors[n] for n in names[i::count]}
        name = f"{stem}-{i + 1:05}-of-{count:05}.{ending}"
        weight_map.update({n: name for n in part})
        if kind == "safetensors":
            save_file({n: t.clone().contiguous() for n, t in part.items()},
                      os.path.join(directory, name), metadata={"format": "pt"})
        else:
            what = save_torch(rng, directory, part, name)
    with open(os.path.join(directory, f"{stem}.{ending}.index.json"), "w") as f:
        json.dump({"metadata": {"total_size": 1}, "weight_map": weight_map}, f)
    return f" {count} shards{what}"


FORMATS = {"safetensors": save_safetensors, "bin": save_torch,
           "safetensors shards": lambda r, d, t: save_shards(r, d, t, "safetensors"),
           "bin shards": lambda r, d, t: save_shards(r, d, t, "bin")}


# ------------------------------------------------------------------------------------ comparing --

class Batch(ctypes.Structure):
    _fields_ = [("sequences", ctypes.c_int32), ("start", ctypes.c_void_p),
                ("ids", ctypes.c_void_p), ("types", ctypes.c_void_p)]


def our_logits(library, model, ids, types, vocab_size):
    """MLM logits [N, V] and NSP logits [2] of one sequence."""
    n, c, error, session = len(ids), library.c, Error(), ctypes.c_void_p()
    numbers = ctypes.c_int32 * n
    start, rows = (ctypes.c_int32 * 2)(0, n), numbers(*range(n))
    a, b = numbers(*ids), numbers(*types)
    batch = Batch(1, *(ctypes.addressof(x) for x in (start, a, b)))
    out = ctypes.POINTER(ctypes.c_float)()
    library.check(c.eqb_session_new(ctypes.byref(session), model, None, ctypes.byref(error)), error)
    library.check(c.eqb_session_forward(session, ctypes.byref(batch), ctypes.byref(error)), error)
    library.check(c.eqb_session_mlm_logits(session, rows, n, ctypes.byref(out),
                                           ctypes.byref(error)), error)
    mlm = torch.tensor(out[:n * vocab_size]).reshape(n, vocab_size)
    library.check(c.eqb_session_nsp_logits(session, ctypes.byref(out), ctypes.byref(error)), error)
    nsp = torch.tensor(out[:2])
    c.eqb_session_free(session)
    return mlm, nsp


def compare_logits(library, ours, reference, rng, problems, has_mlm, has_nsp):
    """reference: BertForPreTraining with the same numbers, in float32."""
    config = reference.config
    n = rng.randint(1, min(12, config.max_position_embeddings))
    ids = [rng.randrange(config.vocab_size) for _ in range(n)]
    types = [rng.randrange(config.type_vocab_size) for _ in range(n)]
    with torch.no_grad():
        expected = reference.eval()(input_ids=torch.tensor([ids]),
                                    token_type_ids=torch.tensor([types]))
    mlm, nsp = our_logits(library, ours, ids, types, config.vocab_size)
    scale = max(1.0, float(expected.prediction_logits.abs().max()))
    worst = 0.0
    if has_mlm:
        worst = float((mlm - expected.prediction_logits[0]).abs().max()) / scale
    if has_nsp:
        worst = max(worst, float((nsp - expected.seq_relationship_logits[0]).abs().max()) / scale)
    if not worst < 2e-4:
        problems.append(f"logits differ by {worst:.2g}")
    return worst


def compare_parameters(expected, found, problems):
    for name, tensor in expected.items():
        name = name if name.startswith(("bert.", "cls.")) else "bert." + name
        if name not in found:
            if not name.startswith(("cls.predictions.decoder", "bert.classifier")):
                problems.append("no " + name)
        elif not torch.equal(tensor.float(), found[name]):
            problems.append(name + " differs")


class SaveOptions(ctypes.Structure):
    _fields_ = [("dtype", ctypes.c_int), ("known_parts_only", ctypes.c_bool)]


def check_saved(library, ours, directory, problems):
    """Saves in each dtype; the class that config.json names must load it without a remark."""
    mine = library.parameters(ours)
    for i, dtype in enumerate((torch.float32, torch.float16, torch.bfloat16)):
        if any(not t.to(dtype).isfinite().all() for t in mine.values()):
            continue
        error = Error()
        shutil.rmtree(directory)
        library.check(library.c.eqb_model_save_with(
            ours, directory.encode(), ctypes.byref(SaveOptions(i, True)), ctypes.byref(error)),
            error)
        for name, tensor in load_file(os.path.join(directory, "model.safetensors")).items():
            if tensor.dtype != dtype or not torch.equal(tensor, mine[name].to(dtype)):
                problems.append(f"saved as {dtype}: {name} differs")
        with open(os.path.join(directory, "config.json")) as f:
            kind = getattr(transformers, json.load(f)["architectures"][0])
        theirs, info = kind.from_pretrained(directory, output_loading_info=True)
        remarks = {k: v for k, v in info.items() if v}
        if kind is BertModel: # no class is without its pooler
            remarks["missing_keys"] = {k for k in remarks.get("missing_keys", ())
                                       if not k.startswith("pooler.")}
            remarks = {k: v for k, v in remarks.items() if v}
        if remarks or theirs.dtype != dtype:
            problems.append(f"{kind.__name__} as {theirs.dtype}: {remarks}")


def run_case(library, rng, directory, vocab_path, worst):
    kind = rng.choice([BertForPreTraining, BertForPreTraining, BertForMaskedLM, BertModel,
                       BertForSequenceClassification])
    dtype = rng.choice([torch.float32, torch.float32, torch.float16, torch.bfloat16, torch.float64])
    size = sum(1 for _ in open(vocab_path, encoding="utf-8", newline="\n"))
    model = random_model(rng, kind, size).to(dtype)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(0.5)
    tensors = {n: t.clone() for n, t in model.state_dict().items()
               if not n.startswith("cls.predictions.decoder.")}
    reference = BertForPreTraining(model.config)
    own = {n if n.startswith(("bert.", "cls.")) else "bert." + n: t.float()
           for n, t in tensors.items()}
    reference.load_state_dict(own, strict=False)
    reference.tie_weights()
    problems, what = [], []
    ways = [(f, s) for f in FORMATS for s in SPELLINGS]
    for way, spelling in [*rng.sample(ways, 4), ("tensorflow", "")]:
        shutil.rmtree(directory, ignore_errors=True)
        os.mkdir(directory)
        shutil.copyfile(vocab_path, os.path.join(directory, "vocab.txt"))
        model.config.save_pretrained(directory)
        if way == "tensorflow":
            if kind is BertModel:
                continue
            write_checkpoint(directory, tensorflow_names(tensors))
            detail = ""
        else:
            detail = FORMATS[way](rng, directory, SPELLINGS[spelling](tensors))
        try:
            ours = library.load(directory)
        except RuntimeError as e:
            problems.append(f"{way}, {spelling}{detail}: {e}")
            continue
        before = len(problems)
        compare_parameters(tensors, library.parameters(ours), problems)
        worst.append(compare_logits(
            library, ours, reference, rng, problems, "cls.predictions.bias" in tensors,
            "cls.seq_relationship.weight" in tensors and "bert.pooler.dense.bias" in tensors))
        if not what:
            check_saved(library, ours, directory, problems)
        library.c.eqb_model_free(ours)
        problems[before:] = [f"{way}, {spelling}{detail}: {p}" for p in problems[before:]]
        what.append((way + " " + spelling + detail).strip())
    return f"{kind.__name__} {str(dtype)[6:]}: " + "; ".join(what), len(what), problems


DECODER, BIAS = "cls.predictions.decoder.weight", "cls.predictions.bias"
DECODER_BIAS, WORD = "cls.predictions.decoder.bias", "bert.embeddings.word_embeddings.weight"
DECODERS = {  # what becomes of a file that has word embeddings, equal decoder, two equal biases
    "equal": {}, "another decoder": {DECODER: True}, "no decoder": {DECODER: None},
    "another decoder, one bias": {DECODER: True, BIAS: None},
    "another decoder, bias of its own": {DECODER: True, DECODER_BIAS: True},
    "no decoder, two biases": {DECODER: None, DECODER_BIAS: True},
    "decoder alone": {WORD: None}, "the old name of the bias": {DECODER: True, DECODER_BIAS: None}}


def run_decoders(library, work, worst):
    """The MLM head's matrix tied and not, as config.json and the file have it, and saved again."""
    failures, directory = 0, os.path.join(work, "decoder")
    for tied in (True, False):
        for what, changes in DECODERS.items():
            if not tied and (WORD in changes or changes.get(DECODER, True) is None):
                continue # transformers draws what is missing
            torch.manual_seed(5)
            model = random_model(random.Random(5), BertForPreTraining, 40)
            model.config.tie_word_embeddings = tied
            tensors = {n: t.clone() for n, t in model.state_dict().items()}
            for name, change in changes.items():
                tensors[name] = torch.randn_like(tensors[name])
                if change is None:
                    del tensors[name]
            shutil.rmtree(directory, ignore_errors=True)
            os.mkdir(directory)
            model.config.save_pretrained(directory)
            save_safetensors(None, directory, tensors)
            reference, problems = BertForPreTraining.from_pretrained(directory), []
            if not tied and DECODER_BIAS not in tensors: # which it leaves out, version 4 did not
                reference.cls.predictions.decoder.bias.data = tensors[BIAS]
            for saved in (False, True):
                ours = library.load(directory)
                worst.append(compare_logits(library, ours, reference, random.Random(1), problems,
                                            True, True))
                if not saved:
                    library.save(ours, directory)
                    again, info = BertForPreTraining.from_pretrained(directory,
                                                                     output_loading_info=True)
                    problems += [f"saved: {k}: {v}" for k, v in info.items() if v]
                    worst.append(compare_logits(library, ours, again, random.Random(1), problems,
                                                True, True))
                library.c.eqb_model_free(ours)
            failures += bool(problems)
            print(f"{'FAIL' if problems else 'ok  '} tie_word_embeddings {tied}: {what}",
                  *problems)
    return failures


GENUINE = [("caikit-tiny-seqcls", "pytorch_model.bin"), ("camphr-bert-legacy", "pytorch_model.bin"),
           ("camphr-ner-bert-zip", "pytorch_model.bin"), ("coldfire-tiny-bert", "model.safetensors"),
           ("fastnlp-small-bert-legacy", "small_pytorch_model.bin")]


def our_hidden(library, model, ids, types, config):
    """The last layer's output of one sequence."""
    n, c, error, session = len(ids), library.c, Error(), ctypes.c_void_p()
    start, a, b = (ctypes.c_int32 * 2)(0, n), (ctypes.c_int32 * n)(*ids), (ctypes.c_int32 * n)(*types)
    batch = Batch(1, *(ctypes.addressof(x) for x in (start, a, b)))
    c.eqb_session_hidden.restype = ctypes.POINTER(ctypes.c_float)
    library.check(c.eqb_session_new(ctypes.byref(session), model, None, ctypes.byref(error)), error)
    library.check(c.eqb_session_forward(session, ctypes.byref(batch), ctypes.byref(error)), error)
    out = c.eqb_session_hidden(session, config.num_hidden_layers)
    hidden = torch.tensor(out[:n * config.hidden_size]).reshape(n, config.hidden_size)
    c.eqb_session_free(session)
    return hidden


def run_genuine(library, work):
    """Other people's models: the ids of a text, and what the encoder makes of some ids, here and in
    transformers."""
    failures = 0
    for name, weights in GENUINE:
        path, directory = os.path.join(SHARED, name), os.path.join(work, name)
        if not os.path.isdir(path):
            continue
        os.mkdir(directory)
        for file in os.listdir(path):
            if file == weights or file.endswith((".json", "vocab.txt")):
                shutil.copyfile(os.path.join(path, file),
                                os.path.join(directory, file.removeprefix("small_")))
        vocab = os.path.join(directory, "vocab.txt")
        if "[MASK]\n" not in open(vocab, encoding="utf-8"): # to which transformers would add it
            os.remove(vocab)
        has_vocab = os.path.exists(vocab)
        tokenizer = BertTokenizer.from_pretrained(directory) if has_vocab else None
        theirs, ours = BertModel.from_pretrained(directory).eval().float(), library.load(directory)
        config = theirs.config
        n = min(20, config.max_position_embeddings)
        ids = [(7 * i + 3) % config.vocab_size for i in range(n)]
        types = [i % config.type_vocab_size for i in range(n)]
        with torch.no_grad():
            expected = theirs(input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([types]))[0]
        worst = float((our_hidden(library, ours, ids, types, config) - expected[0]).abs().max())
        same = all(tokenizer(t)["input_ids"] == library.encode(ours, t)
                   for t in TEXTS[:has_vocab * len(TEXTS)])
        library.c.eqb_model_free(ours)
        failures += not (worst < 1e-5 and same)
        print(f"{'ok  ' if worst < 1e-5 and same else 'FAIL'} {name}: {n} tokens, the last layer "
              f"within {worst:.1g}, {'the same' if same else 'other'} ids of "
              f"{len(TEXTS) if has_vocab else 0} texts")
    return failures


def run_tensorflow(library):
    """The genuine checkpoint of TensorFlow against its data file."""
    path = os.path.join(SHARED, "keras-bert-test-ckpt")
    if not os.path.isdir(path):
        return 0
    data = open(os.path.join(path, "bert_model.ckpt.data-00000-of-00001"), "rb").read()
    found = library.parameters(library.load(path))
    # Variables lie in the data file in the order of their names: find each by its bytes.
    missing = [n for n, t in found.items()
               if (t if not n.endswith("dense.weight") and ".self." not in n or t.dim() == 1
                   else t.t()).contiguous().numpy().tobytes() not in data]
    print(f"{'FAIL' if missing else 'ok  '} genuine TensorFlow checkpoint: {len(found)} tensors, "
          f"not found by their bytes: {missing or 'none'}")
    return bool(missing)


def main():
    library = Library(sys.argv[1] if len(sys.argv) > 1 else
                      os.path.join(ROOT, "build", "libequibert.so"))
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    failures, loads, worst = run_tensorflow(library), 0, [0.0]
    with tempfile.TemporaryDirectory() as work:
        failures += run_genuine(library, work)
        failures += run_decoders(library, work, worst)
        vocab_path = make_vocab(work)
        for seed in range(count):
            torch.manual_seed(seed)
            what, n, problems = run_case(library, random.Random(seed), os.path.join(work, "model"),
                                         vocab_path, worst)
            failures += bool(problems)
            loads += n
            print(f"{'FAIL' if problems else 'ok  '} {seed:3} {what}")
            for line in problems[:10]:
                print("       ", line)
    print(f"{loads} directories, {failures} models with differences, logits within "
          f"{max(worst):.1g}; torch {torch.__version__}, transformers {transformers.__version__}, "
          f"safetensors {safetensors.__version__}")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
