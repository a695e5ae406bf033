"""The work of bench_step in PyTorch + transformers, with the same words and the same protocol.

    peer_torch.py work=step [SHAPE]     BertForPreTraining, dropout on, fused AdamW; no clipping of
                                        the gradient, which bench_step does
    peer_torch.py work=encode|fill      BertModel, BertForMaskedLM
    peer_torch.py work=... tuned=1      step: vocabulary logits of the masked rows only, which takes
                                        a head of one's own

Answers each line on stdin with seconds, ends with "peak MIB". Installs nothing: exit code 77 and a
line on stderr where PyTorch or transformers is missing."""
import resource
import sys
import time

try:
    import torch
    from transformers import BertConfig, BertForMaskedLM, BertForPreTraining, BertModel
except ImportError as missing:
    sys.exit(print(f"peer_torch: {missing}", file=sys.stderr) or 77)

CLS, SEP, MASK, FIRST_WORD = 2, 3, 4, 5
WORDS = dict(word.split("=", 1) for word in sys.argv[1:])
SHAPE = dict(layers=12, hidden=768, heads=12, feed_forward=3072, vocab=30522, sentences=16,
             tokens=16, masked=2, ragged=0, rounds=0, repeat=1, tuned=0)
SHAPE.update({k: int(v) for k, v in WORDS.items() if k in SHAPE})


class Batch:
    """What make_batch of bench_step.c makes, padded to the longest sentence."""

    def __init__(self, shape):
        tokens, masked, words = shape["tokens"], shape["masked"], shape["vocab"] - FIRST_WORD
        lengths = [tokens // 2 + i // 2 * 5 % (tokens + 1) if shape["ragged"] else tokens
                   for i in range(shape["sentences"])]
        if "lengths" in WORDS:
            lengths = [int(length) for length in WORDS["lengths"].split(",")]
        size = (len(lengths), max(lengths))
        ids, types, attend = (torch.zeros(size, dtype=torch.long) for _ in range(3))
        self.labels = torch.full(size, -100)
        for i, length in enumerate(lengths):
            for k in range(length):
                special = CLS if k == 0 else SEP if k in (length - 1, length // 2) else None
                ids[i, k] = special or FIRST_WORD + (i * 7919 + k * 104729) % words
                types[i, k] = k > length // 2
                attend[i, k] = 1
            for m in range(masked):
                self.labels[i, 1 + 3 * m] = FIRST_WORD + (i // 2 * 7919 + m * 104729) % words
                ids[i, 1 + 3 * m] = MASK
        self.inputs = dict(input_ids=ids, token_type_ids=types)
        if min(lengths) < max(lengths):
            self.inputs["attention_mask"] = attend
        self.next = torch.tensor([i // 2 % 2 for i in range(len(lengths))])
        self.slots = (self.labels >= 0).nonzero(as_tuple=True)


def config_of(shape):
    return BertConfig(vocab_size=shape["vocab"], hidden_size=shape["hidden"],
                      num_hidden_layers=shape["layers"], num_attention_heads=shape["heads"],
                      intermediate_size=shape["feed_forward"])


def trainer(shape):
    model = BertForPreTraining(config_of(shape)).train()
    batch, loss = Batch(shape), torch.nn.functional
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    labels = batch.labels[batch.slots]
    male = torch.arange(len(labels)).view(-1, 2, shape["masked"])[:, 0].flatten()

    def logits():
        if not shape["tuned"]:
            out = model(**batch.inputs)
            return out.prediction_logits[batch.slots], out.seq_relationship_logits
        hidden, pooled = model.bert(**batch.inputs)[:2]
        return model.cls.predictions(hidden[batch.slots]), model.cls.seq_relationship(pooled)

    def step():
        optimizer.zero_grad()
        mlm, nsp = logits()
        total = (loss.cross_entropy(mlm, labels) + loss.cross_entropy(nsp, batch.next)
                 + loss.mse_loss(mlm[male], mlm[male + shape["masked"]])
                 + loss.mse_loss(nsp[0::2], nsp[1::2]))
        total.backward()
        optimizer.step()
    return step


def reader(shape, fill):
    config, batch = config_of(shape), Batch(shape)
    model = (BertForMaskedLM(config) if fill else BertModel(config, add_pooling_layer=False)).eval()

    def read():
        with torch.inference_mode():
            out = model(**batch.inputs)
            return out.logits[batch.slots] if fill else out.last_hidden_state
    return read


def serve(work_once):
    """The protocol of bench.h; two rounds are cold and count nothing."""
    work_once()
    work_once()
    if not SHAPE["rounds"]:
        print("ready", flush=True)
    for _ in range(SHAPE["rounds"]) if SHAPE["rounds"] else sys.stdin:
        began = time.perf_counter()
        for _ in range(SHAPE["repeat"]):
            work_once()
        print(f"{(time.perf_counter() - began) / SHAPE['repeat']:.6f}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak {peak / (1 << (20 if sys.platform == 'darwin' else 10)):.0f}")


def main():
    torch.manual_seed(1)
    work = WORDS.get("work", "step")
    serve(trainer(SHAPE) if work == "step" else reader(SHAPE, work == "fill"))


if __name__ == "__main__":
    main()
