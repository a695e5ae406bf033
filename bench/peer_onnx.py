"""The encoder of bench_step in ONNX Runtime, with the same words and the same protocol.

    peer_onnx.py work=encode [SHAPE]    BertModel without pooler, exported by PyTorch, all graph
                                        optimizations on; the export is kept nowhere

Answers each line on stdin with seconds, ends with "peak MIB". Installs nothing: exit code 77 and a
line on stderr where ONNX Runtime or what exports a model is missing."""
import os
import resource
import sys
import tempfile
import time

try:
    import onnxruntime
    import onnxscript  # noqa: F401, torch.onnx.export asks for it
    import peer_torch
    import torch
except ImportError as missing:
    sys.exit(print(f"peer_onnx: {missing}", file=sys.stderr) or 77)


def session(shape, batch):
    """An inference session, and its input. A sentence of ones attends to all: no mask is fed."""
    names = ["input_ids", "token_type_ids", "attention_mask"]
    inputs = dict(batch.inputs)
    inputs.setdefault("attention_mask", torch.ones_like(inputs["input_ids"]))
    model = peer_torch.BertModel(peer_torch.config_of(shape), add_pooling_layer=False).eval()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "2"))
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "model.onnx")
        with torch.inference_mode():
            torch.onnx.export(model, (), path, kwargs={name: inputs[name] for name in names},
                              input_names=names, output_names=["hidden"], verbose=False)
        ready = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return ready, {name: inputs[name].numpy() for name in names}


def main():
    torch.manual_seed(1)
    ready, inputs = session(peer_torch.SHAPE, peer_torch.Batch(peer_torch.SHAPE))

    def work_once():
        ready.run(["hidden"], inputs)
    peer_torch.serve(work_once)


if __name__ == "__main__":
    main()
