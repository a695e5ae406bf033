"""Compares libequibert with transformers, live, at the shape of bert-base with random weights.

    make parity        needs Python with torch and transformers; about 12 GB of memory, some minutes

A model that transformers saves is loaded by the library; hidden states, logits, the gradient of
every parameter and the losses of ten AdamW steps have to agree. transformers runs in float64, so
what is measured is the library's rounding alone. Prints a table; exits with 1 when a bar is missed
and with 77 when torch or transformers is missing.
"""
import ctypes as c
import sys
import tempfile
from pathlib import Path

try:
    import torch
    import transformers
except ImportError as missing:
    print(f"parity: skipped, {missing}")
    sys.exit(77)

LIBRARY = Path(__file__).resolve().parent.parent / "build" / "libequibert.so"
LENGTHS, MASKED = [12, 1, 37, 9], 24
STEPS, RATE, DECAY, WARMUP, CLIP = 10, 1e-4, 0.01, 0.2, 1.0
RECORD, CROSS_ENTROPY, PAIR_MSE = 1, 0, 0  # eqb_mode, eqb_label_loss, eqb_pair_loss


# ----------------------------------------------------------------------------- the library's types

class Error(c.Structure):
    _fields_ = [("status", c.c_int), ("message", c.c_char * 1020)]


class Batch(c.Structure):
    _fields_ = [("sequences", c.c_int32), ("start", c.POINTER(c.c_int32)),
                ("ids", c.POINTER(c.c_int32)), ("types", c.POINTER(c.c_int32))]


class PairRows(c.Structure):
    _fields_ = [("male", c.c_int32), ("female", c.c_int32), ("equate", c.POINTER(c.c_int32)),
                ("equated", c.c_int32), ("weight", c.c_float)]


class Parameter(c.Structure):
    _fields_ = [("name", c.c_char_p), ("dims", c.c_int32), ("rows", c.c_int32), ("cols", c.c_int32),
                ("data", c.POINTER(c.c_float)), ("gradient", c.POINTER(c.c_float))]


class SessionOptions(c.Structure):
    _fields_ = [("allocator", c.c_void_p), ("keep_hidden", c.c_bool)]


class OptimizerOptions(c.Structure):
    _fields_ = [(name, c.c_double) for name in ("learning_rate", "beta1", "beta2", "epsilon",
                                                "weight_decay", "pull")]
    _fields_ += [("pull_to", c.c_void_p)]
    _fields_ += [(name, c.c_double) for name in ("clip_norm", "warmup", "decay")]
    _fields_ += [("freeze", c.c_char_p)]


class Library:
    """The shared library; a function that fails raises its message."""

    def __init__(self, path):
        self.so = c.CDLL(str(path))
        for name in ("eqb_bert_encoder", "eqb_bert_pooler", "eqb_bert_mlm", "eqb_bert_nsp"):
            getattr(self.so, name).restype = c.c_void_p
        for name in ("eqb_loss_mlm", "eqb_loss_nsp", "eqb_loss_pair", "eqb_learning_rate"):
            getattr(self.so, name).restype = c.c_double
        self.so.eqb_session_hidden.restype = c.POINTER(c.c_float)
        self.so.eqb_model_parameter.restype = Parameter

    def __getattr__(self, name):
        function = getattr(self.so, "eqb_" + name)

        def checked(*arguments):
            error = Error()
            if function(*arguments, c.byref(error)) != 0:
                raise RuntimeError(f"eqb_{name}: {error.message.decode()}")
        return checked


def int32(values):
    return (c.c_int32 * len(values))(*values)


def floats(pointer, *shape):
    n = torch.Size(shape).numel()
    return torch.frombuffer(c.cast(pointer, c.POINTER(c.c_float * n)).contents,
                            dtype=torch.float32).reshape(shape).clone()


# ------------------------------------------------------------------------------------- both sides

def make_batch(config):
    n = sum(LENGTHS)
    rows = torch.randperm(n)[:MASKED].tolist()
    labels = torch.randint(0, config.vocab_size, (MASKED,)).tolist()
    labels[::4] = [-1] * (MASKED // 4)
    return dict(start=torch.tensor([0] + LENGTHS).cumsum(0).tolist(), rows=rows, labels=labels,
                ids=torch.randint(0, config.vocab_size, (n,)).tolist(),
                types=torch.randint(0, 2, (n,)).tolist(), next_labels=[0, 1, -1, 1],
                pairs=[(i, i + 1) for i in range(0, MASKED, 2)])


class Theirs:
    def __init__(self, model, batch):
        self.model, self.batch = model, batch

    def forward(self):
        b, hidden, pooled = self.batch, [], []
        for begin, end in zip(b["start"][:-1], b["start"][1:]):
            out = self.model.bert(torch.tensor([b["ids"][begin:end]]),
                                  token_type_ids=torch.tensor([b["types"][begin:end]]),
                                  output_hidden_states=True)
            hidden.append(torch.stack([h[0] for h in out.hidden_states]))
            pooled.append(out.pooler_output)
        hidden, pooled = torch.cat(hidden, 1), torch.cat(pooled)
        return hidden, pooled, *self.model.cls(hidden[-1][b["rows"]], pooled)

    def loss(self):
        _, _, mlm, nsp = self.forward()
        cross_entropy = torch.nn.CrossEntropyLoss(ignore_index=-1)
        male, female = zip(*self.batch["pairs"])
        return (cross_entropy(mlm, torch.tensor(self.batch["labels"])) +
                cross_entropy(nsp, torch.tensor(self.batch["next_labels"])) +
                ((mlm[list(male)] - mlm[list(female)]) ** 2).mean())

    def train(self):
        named = list(self.model.named_parameters())
        plain = [p for n, p in named if n.endswith("bias") or "LayerNorm" in n]
        decayed = [p for n, p in named if not (n.endswith("bias") or "LayerNorm" in n)]
        optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": DECAY},
                                       {"params": plain, "weight_decay": 0.0}], lr=RATE)
        schedule = transformers.get_linear_schedule_with_warmup(optimizer, int(WARMUP * STEPS),
                                                                STEPS)
        losses = []
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss = self.loss()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        return losses


class Ours:
    def __init__(self, library, directory, batch):
        self.lib, self.batch = library, batch
        self.model, self.graph = c.c_void_p(), c.c_void_p()
        self.lib.model_load(c.byref(self.model), str(directory).encode(), None)
        self.lib.model_gradients(self.model)
        self.lib.graph_new(c.byref(self.graph), None)
        self.packed = Batch(len(LENGTHS), int32(batch["start"]), int32(batch["ids"]),
                            int32(batch["types"]))
        self.rows, self.labels = int32(batch["rows"]), int32(batch["labels"])
        self.next_labels = int32(batch["next_labels"])
        self.pairs = (PairRows * len(batch["pairs"]))(
            *[PairRows(male, female, None, 0, 1.0) for male, female in batch["pairs"]])

    def forward(self, config):
        session, out = c.c_void_p(), c.POINTER(c.c_float)()
        n, b, h = sum(LENGTHS), len(LENGTHS), config.hidden_size
        self.lib.session_new(c.byref(session), self.model, c.byref(SessionOptions(None, True)))
        self.lib.session_forward(session, c.byref(self.packed))
        hidden = torch.stack([floats(self.lib.so.eqb_session_hidden(session, i), n, h)
                              for i in range(config.num_hidden_layers + 1)])
        self.lib.session_pooled(session, c.byref(out))
        pooled = floats(out, b, h)
        self.lib.session_mlm_logits(session, self.rows, len(self.rows), c.byref(out))
        mlm = floats(out, len(self.rows), config.vocab_size)
        self.lib.session_nsp_logits(session, c.byref(out))
        nsp = floats(out, b, 2)
        self.lib.so.eqb_session_free(session)
        return hidden, pooled, mlm, nsp

    def loss(self):
        so, g, m = self.lib.so, self.graph, self.model
        packed = c.byref(self.packed)
        so.eqb_graph_begin(g, RECORD, c.c_uint64(0), c.c_uint64(0))
        hidden = c.c_void_p(so.eqb_bert_encoder(g, m, packed))
        mlm = c.c_void_p(so.eqb_bert_mlm(g, m, hidden, self.rows, len(self.rows)))
        pooled = c.c_void_p(so.eqb_bert_pooler(g, m, hidden, packed))
        nsp = c.c_void_p(so.eqb_bert_nsp(g, m, pooled))
        counts = (sum(label >= 0 for label in self.labels),
                  sum(label >= 0 for label in self.next_labels), len(self.pairs))
        factors = [c.c_float(1.0 / count) for count in counts]
        sums = (so.eqb_loss_mlm(g, mlm, self.labels, None, CROSS_ENTROPY, factors[0]),
                so.eqb_loss_nsp(g, nsp, self.next_labels, None, factors[1]),
                so.eqb_loss_pair(g, mlm, self.pairs, counts[2], PAIR_MSE, None, 0, factors[2]))
        self.lib.graph_backward(g, None, c.c_float(0.0))
        return sum(total / count for total, count in zip(sums, counts))

    def gradients(self):
        for i in range(self.lib.so.eqb_model_parameter_count(self.model)):
            p = self.lib.so.eqb_model_parameter(self.model, i)
            shape = (p.cols,) if p.dims == 1 else (p.rows, p.cols)
            yield p.name.decode(), floats(p.gradient, *shape)

    def train(self):
        options, optimizer = OptimizerOptions(), c.c_void_p()
        self.lib.so.eqb_optimizer_options_default(c.byref(options))
        options.learning_rate, options.weight_decay = RATE, DECAY
        options.clip_norm, options.warmup = CLIP, WARMUP
        self.lib.so.eqb_model_forget_gradients(self.model)
        self.lib.optimizer_new(c.byref(optimizer), self.model, c.byref(options))
        losses = []
        for step in range(STEPS):
            losses.append(self.loss())
            rate = self.lib.so.eqb_learning_rate(c.byref(options), c.c_int64(step),
                                                 c.c_int64(STEPS))
            self.lib.optimizer_step(optimizer, c.c_double(rate), None)
        self.lib.so.eqb_optimizer_free(optimizer)
        return losses

    def free(self):
        self.lib.so.eqb_graph_free(self.graph)
        self.lib.so.eqb_model_free(self.model)


# ------------------------------------------------------------------------------------- comparison

def save(model, directory):
    """A directory as the hub has it, with a vocabulary of made-up words."""
    words = [f"word{i}" for i in range(model.config.vocab_size)]
    for i, special in {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]"}.items():
        words[i] = special
    model.save_pretrained(directory)
    (Path(directory) / "vocab.txt").write_text("\n".join(words) + "\n")


def gradient_errors(ours, model):
    """(error / norm, name), worst first; smaller norms count as 1e-4 of the largest."""
    theirs = {name: p.grad for name, p in model.named_parameters()}
    floor = 1e-4 * max(grad.norm() for grad in theirs.values())
    pairs = [(name, (grad - theirs.pop(name)).norm(), norm) for name, grad in ours
             for norm in [theirs[name].norm()]]
    assert not theirs, f"parameters unknown to the library: {sorted(theirs)}"
    return sorted((((error / max(norm, floor)).item(), name) for name, error, norm in pairs),
                  reverse=True)


class Table:
    """Prints a line for each comparison as it comes."""

    def __init__(self):
        print(f"transformers {transformers.__version__}, torch {torch.__version__}, float64")
        self.missed = 0

    def add(self, name, kind, error, bar):
        within = error <= bar
        self.missed += not within
        verdict = "ok" if within else "MISSED"
        print(f"{verdict:7}{error:8.1e} <= {bar:.0e} {kind:12}{name}", flush=True)


def main():
    torch.manual_seed(1)
    transformers.utils.logging.disable_progress_bar()
    config = transformers.BertConfig()
    model = transformers.BertForPreTraining(config).eval()
    with torch.no_grad():  # biases and LayerNorms of a new model are 0 and 1: nothing to compare
        for p in model.parameters():
            if p.dim() == 1:
                p.add_(torch.randn_like(p) * 0.1)
    batch = make_batch(config)
    with tempfile.TemporaryDirectory() as directory:
        save(model, directory)
        ours = Ours(Library(LIBRARY), directory, batch)
    theirs = Theirs(model.double(), batch)
    table = Table()
    with torch.no_grad():
        expected = theirs.forward()
    for name, a, b in zip(("hidden states", "pooled", "MLM logits", "NSP logits"),
                          ours.forward(config), expected):
        table.add(name, "absolute", (a - b).abs().max().item(), 1e-4)
    loss = theirs.loss()
    loss.backward()
    table.add("loss", "relative", abs(ours.loss() / loss.item() - 1.0), 1e-5)
    error, name = gradient_errors(ours.gradients(), model)[0]
    table.add(f"gradients, worst: {name}", "of its norm", error, 1e-3)
    errors = [abs(a / b - 1.0) for a, b in zip(ours.train(), theirs.train())]
    table.add(f"losses of {STEPS} AdamW steps", "relative", max(errors), 1e-4)
    ours.free()
    return int(table.missed > 0)


if __name__ == "__main__":
    sys.exit(main())
