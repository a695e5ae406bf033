"""Writes tests/golden/*.safetensors: what transformers and torch make of three small BERTs.

    python3 tests/make_golden.py        needs torch, transformers, safetensors

Each file holds one BertForPreTraining with odd sizes and large random weights (float32), a batch of
ragged sequences, and, computed in float64 from these weights:
    hidden.0 .. hidden.L [N, H], pooled [B, H], mlm [M, V] at the rows `rows`, nsp [B, 2]
    losses [3]      mean cross-entropy of the labels, of the next sentences, mean MSE of the pairs
    grad.<name>     of the sum of the three, for every parameter
    training [10]   that sum in ten steps of AdamW without dropout, norms [10]: of the gradient
The sequences go through the model one by one, so no padding or mask of transformers plays a part.
The file's metadata records versions, and how far float32 in torch is from float64.
"""
import json
import platform
from pathlib import Path

import numpy
import safetensors
import safetensors.torch
import torch
import transformers
from transformers import BertConfig, BertForPreTraining

ACTIVATIONS = ["linear", "gelu", "gelu_new", "tanh", "relu"]  # in the order of eqb_activation
CONFIG = ["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
          "intermediate_size", "max_position_embeddings", "type_vocab_size", "pad_token_id",
          "hidden_act"]  # in the order of eqb_config
MODELS = {
    "gelu": dict(vocab_size=61, hidden_size=24, num_hidden_layers=3, num_attention_heads=3,
                 intermediate_size=40, max_position_embeddings=20, type_vocab_size=2,
                 hidden_act="gelu", layer_norm_eps=1e-12, pad_token_id=0,
                 lengths=[7, 1, 12, 20, 3]),
    "gelu_new": dict(vocab_size=53, hidden_size=20, num_hidden_layers=2, num_attention_heads=2,
                     intermediate_size=36, max_position_embeddings=40, type_vocab_size=3,
                     hidden_act="gelu_new", layer_norm_eps=1e-5, pad_token_id=5,
                     lengths=[40, 5, 33, 1]),
    "relu": dict(vocab_size=40, hidden_size=18, num_hidden_layers=1, num_attention_heads=6,
                 intermediate_size=7, max_position_embeddings=9, type_vocab_size=1,
                 hidden_act="relu", layer_norm_eps=1e-6, pad_token_id=0, lengths=[2, 9, 4, 9]),
}
STEPS, WARMUP, RATE, DECAY, CLIP = 10, 0.2, 1e-3, 0.01, 1.0


def make_model(config):
    model = BertForPreTraining(BertConfig(**config)).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.normal_(0.0, 0.2)
            if name.endswith("LayerNorm.weight"):
                p.add_(1.0)
    return model


def make_batch(config, lengths):
    """Packed ids and types, masked rows and their labels (-1: none), pairs of rows, next labels."""
    n = sum(lengths)
    rows = torch.randperm(n)[: n // 3 * 2]
    labels = torch.randint(0, config["vocab_size"], (len(rows),))
    labels[::4] = -1
    next_labels = torch.randint(0, 2, (len(lengths),))
    next_labels[1] = -1
    ids = torch.randint(0, config["vocab_size"], (n,))
    ids[0] = ids[n - 1] = config["pad_token_id"]  # an embedding that gets no gradient
    return dict(start=torch.tensor([0] + lengths).cumsum(0), ids=ids,
                types=torch.randint(0, config["type_vocab_size"], (n,)), rows=rows, labels=labels,
                pairs=torch.arange(len(rows) // 2 * 2).reshape(-1, 2), next_labels=next_labels)


def forward(model, batch):
    hidden, pooled = [], []
    for begin, end in zip(batch["start"][:-1], batch["start"][1:]):
        out = model.bert(batch["ids"][None, begin:end], output_hidden_states=True,
                         token_type_ids=batch["types"][None, begin:end])
        hidden.append(torch.stack([h[0] for h in out.hidden_states]))
        pooled.append(out.pooler_output)
    hidden, pooled = torch.cat(hidden, 1), torch.cat(pooled)
    mlm, nsp = model.cls(hidden[-1][batch["rows"]], pooled)
    return hidden, pooled, mlm, nsp


def losses_of(batch, mlm, nsp):
    cross_entropy = torch.nn.CrossEntropyLoss(ignore_index=-1)
    male, female = mlm[batch["pairs"][:, 0]], mlm[batch["pairs"][:, 1]]
    return torch.stack([cross_entropy(mlm, batch["labels"]),
                        cross_entropy(nsp, batch["next_labels"]), ((male - female) ** 2).mean()])


def train(model, batch):
    named = list(model.named_parameters())
    others = [p for n, p in named if n.endswith("bias") or "LayerNorm" in n]
    decayed = [p for n, p in named if not (n.endswith("bias") or "LayerNorm" in n)]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": DECAY},
                                   {"params": others, "weight_decay": 0.0}], lr=RATE)
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, int(WARMUP * STEPS), STEPS)
    losses, norms = [], []
    for _ in range(STEPS):
        loss = losses_of(batch, *forward(model, batch)[2:]).sum()
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP))
        optimizer.step()
        schedule.step()
        losses.append(loss.detach())
    return torch.stack(losses), torch.stack(norms)


def make(path, config):
    lengths = config.pop("lengths")
    model, batch = make_model(config), make_batch(config, lengths)
    parameters = {f"param.{n}": p.detach().clone() for n, p in model.named_parameters()}
    with torch.no_grad():
        single = forward(model, batch)
    model.double()
    results = forward(model, batch)
    losses = losses_of(batch, *results[2:])
    losses.sum().backward()
    hidden, pooled, mlm, nsp = results
    tensors = {f"hidden.{i}": h for i, h in enumerate(hidden)}
    tensors |= dict(pooled=pooled, mlm=mlm, nsp=nsp)
    tensors |= {f"grad.{n}": p.grad for n, p in model.named_parameters()}
    tensors = parameters | {n: t.detach().float().contiguous() for n, t in tensors.items()}
    tensors |= {n: t.to(torch.int32) for n, t in batch.items()}
    tensors["losses"] = losses.detach()
    tensors["training"], tensors["norms"] = train(model, batch)
    config["hidden_act"] = ACTIVATIONS.index(config["hidden_act"])
    tensors["config"] = torch.tensor([config[key] for key in CONFIG], dtype=torch.int32)
    tensors["layer_norm_eps"] = torch.tensor([config["layer_norm_eps"]])
    error = max((a - b).abs().max().item() for a, b in zip(single, results))
    assert error < 1e-5, "the bar of tests/test_bert.c would ask too much of float32"
    about = dict(made_by="tests/make_golden.py", float32_error=f"{error:.1e}",
                 python=platform.python_version(), numpy=numpy.__version__,
                 torch=torch.__version__, transformers=transformers.__version__,
                 safetensors=safetensors.__version__)
    safetensors.torch.save_file(tensors, path, metadata=dict(about=json.dumps(about)))
    print(f"{path}: {path.stat().st_size} bytes, float32 is off by {error:.1e}")


if __name__ == "__main__":
    torch.manual_seed(1)
    folder = Path(__file__).parent / "golden"
    for name, config in MODELS.items():
        make(folder / f"{name}.safetensors", config)
