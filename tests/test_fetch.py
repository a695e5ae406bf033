#!/usr/bin/env python3
"""weights/fetch.sh against a hub played on the loopback: layout of the cache, checksums, tokens,
redirections, interrupted transfers, refusals; and the programs find what it downloaded.

    python3 tests/test_fetch.py [folder of the programs]

Needs nothing but Python and curl. Prints one line a failure and a count; exits with 1 if any."""
import hashlib
import http.server
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAMS = sys.argv[1] if len(sys.argv) > 1 else ROOT
COMMIT = "86b5e0934494bd15c9632b12f734a8a67f723594"
MODEL = "some-owner/tiny-bert"

VOCAB = b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n##c\n"
CONFIG = (b'{"model_type": "bert", "vocab_size": 8, "hidden_size": 2, "num_hidden_layers": 0, '
          b'"num_attention_heads": 1, "intermediate_size": 2, "max_position_embeddings": 3}')


def tensors():
    return {"embeddings.word_embeddings.weight": [8, 2],
            "embeddings.position_embeddings.weight": [3, 2],
            "embeddings.token_type_embeddings.weight": [2, 2],
            "embeddings.LayerNorm.weight": [2], "embeddings.LayerNorm.bias": [2]}


def safetensors(shapes):
    header, data = [], b""
    for name, shape in shapes.items():
        size = 4
        for n in shape:
            size *= n
        header.append('"%s":{"dtype":"F32","shape":%s,"data_offsets":[%d,%d]}' %
                      (name, shape, len(data), len(data) + size))
        data += struct.pack("<f", 0.5) * (size // 4)
    text = ("{" + ",".join(header) + "}").encode()
    return struct.pack("<Q", len(text)) + text + data


class Hub(http.server.BaseHTTPRequestHandler):
    """Small files as the hub gives them, .safetensors and .bin by way of another host ("/cdn/")."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        plan = self.server.plan
        self.server.seen.append((self.command, self.path, self.headers.get("Authorization"),
                                 self.headers.get("Range")))
        if self.path.startswith("/cdn/"):
            return self.give(self.path[5:])
        model, _, rest = self.path[1:].partition("/resolve/")
        revision, _, name = rest.partition("/")
        if plan.get("token") and self.headers.get("Authorization") != "Bearer " + plan["token"]:
            return self.answer(401, {"X-Error-Code": "GatedRepo"}, b"no")
        if model == "tiny-bert":
            return self.answer(307, {"Location": f"/{MODEL}/resolve/{rest}"})
        if model != MODEL or name not in plan["files"] or revision not in ("main", COMMIT):
            return self.answer(404, {"X-Error-Code": "EntryNotFound"}, b"not here")
        if plan.get("status"):
            return self.answer(plan["status"], {}, b"x")
        body = plan["files"][name]
        headers = {"X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if plan.get("no hub"):
            headers.pop("X-Repo-Commit")
        if name.endswith((".safetensors", ".bin")):
            digest = hashlib.sha256(body).hexdigest()
            if name in plan.get("wrong", ()):
                digest = "0" * 64
            headers.update({"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(body)),
                            "Location": f"http://localhost:{self.server.server_port}/cdn/{name}"})
            return self.answer(302, headers)
        blob = hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()
        headers["ETag"] = f'W/"{blob}"' if name == "vocab.txt" else f'"{blob}"'
        self.answer(200, {**headers, "Content-Length": str(len(body))}, body)

    def give(self, name):
        """A large file; the first transfers may break off, ranges may be unknown."""
        plan, body, start, status = self.server.plan, self.server.plan["files"][name], 0, 200
        wanted = self.headers.get("Range")
        headers = {"Accept-Ranges": "bytes"}
        if wanted and not plan.get("no ranges"):
            start = int(wanted.split("=")[1].split("-")[0])
            if start >= len(body):
                return self.answer(416, {})
            status = 206
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        rest = body[start:]
        headers["Content-Length"] = str(len(rest))
        if plan.get("breaks", 0) > 0:
            plan["breaks"] -= 1
            self.answer(status, headers, rest[:len(rest) // 2])
            self.close_connection = True
            self.connection.close()
            return None
        return self.answer(status, headers, rest)


class Case:
    failures = checks = 0

    def __init__(self, name, **plan):
        self.name, self.home = name, tempfile.mkdtemp()
        files = {"config.json": CONFIG, "vocab.txt": VOCAB, "tokenizer_config.json": b"{}",
                 "model.safetensors": safetensors(tensors())}
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
        self.server.plan, self.server.seen = {"files": files, **plan}, []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.server.shutdown()
        self.server.server_close()
        shutil.rmtree(self.home)

    def environment(self, **more):
        return {"PATH": os.environ["PATH"], "HOME": self.home, "FETCH_PAUSE": "0",
                "HF_ENDPOINT": f"http://127.0.0.1:{self.server.server_port}", **more}

    def fetch(self, *arguments, **environment):
        return subprocess.run([os.path.join(ROOT, "weights/fetch.sh"), *(arguments or (MODEL,))],
                              env=self.environment(**environment), capture_output=True, text=True)

    def expect(self, what, good, found=""):
        Case.checks += 1
        if not good:
            Case.failures += 1
            print(f"FAIL {self.name}: {what} {found}")

    def expect_status(self, result, status, said=""):
        self.expect(f"status {status}, {said!r}", result.returncode == status and
                    said in result.stderr, f"found {result.returncode}, {result.stderr!r}")

    def repo(self, model=MODEL):
        return os.path.join(self.home, ".cache/huggingface/hub",
                            "models--" + model.replace("/", "--"))

    def ref(self, model=MODEL):
        path = os.path.join(self.repo(model), "refs/main")
        return open(path).read() if os.path.exists(path) else None

    def file(self, name, model=MODEL):
        path = os.path.join(self.repo(model), "snapshots", COMMIT, name)
        return open(path, "rb").read() if os.path.exists(path) else None

    def expect_files(self, model=MODEL):
        for name, body in self.server.plan["files"].items():
            self.expect(f"{name} is right", self.file(name, model) == body)
        self.expect("the reference", self.ref(model) == COMMIT, self.ref(model))
        parts = [n for n in os.listdir(os.path.join(self.repo(model), "blobs")) if "." in n]
        self.expect("nothing is left over", not parts, parts)

    def gets(self):
        return [path for command, path, *_ in self.server.seen if command == "GET"]


def test_downloads():
    with Case("plain") as c:
        c.expect_status(c.fetch(), 0)
        c.expect_files()
        blobs = os.listdir(os.path.join(c.repo(), "blobs"))
        c.expect("blobs are named by checksum", sorted(map(len, blobs)) == [40, 40, 40, 64], blobs)
        link = os.readlink(os.path.join(c.repo(), "snapshots", COMMIT, "vocab.txt"))
        c.expect("snapshots are links", link.startswith("../../blobs/"), link)
        before = len(c.gets())
        c.expect_status(c.fetch(), 0)
        c.expect("a second time nothing is downloaded", len(c.gets()) == before, c.gets()[before:])
        check_programs(c)
    with Case("renamed") as c:
        c.expect_status(c.fetch("tiny-bert"), 0)
        c.expect_files("tiny-bert")
    with Case("a commit") as c:
        c.expect_status(c.fetch(MODEL, COMMIT), 0)
        c.expect("no reference", c.ref() is None)
        c.expect("config.json is there", c.file("config.json") == CONFIG)
    with Case("shards") as c:
        files, names = c.server.plan["files"], list(tensors())
        del files["model.safetensors"]
        for i in range(2):
            files[f"model-0000{i + 1}-of-00002.safetensors"] = safetensors(
                {n: tensors()[n] for n in names[i::2]})
        files["model.safetensors.index.json"] = ('{"metadata": {}, "weight_map": {%s}}' % ", ".join(
            f'"{n}": "model-0000{i % 2 + 1}-of-00002.safetensors"'
            for i, n in enumerate(names))).encode()
        c.expect_status(c.fetch(), 0)
        c.expect_files()
        check_programs(c)
        del files["model-00002-of-00002.safetensors"]
        shutil.rmtree(c.repo())
        c.expect_status(c.fetch(), 2, "its index lists model-00002-of-00002.safetensors")
        c.expect("no reference", c.ref() is None)
    with Case("pytorch_model.bin") as c:
        files = c.server.plan["files"]
        files["pytorch_model.bin"] = files.pop("model.safetensors")
        c.expect_status(c.fetch(), 0)
        c.expect_files()
    with Case("another cache") as c:
        cache = os.path.join(c.home, "elsewhere")
        c.expect_status(c.fetch(HF_HUB_CACHE=cache), 0)
        c.expect("it is used", os.path.isdir(os.path.join(cache, "models--some-owner--tiny-bert")))
        c.expect_status(c.fetch(HF_HOME=os.path.join(c.home, "hf")), 0)
        c.expect("so is HF_HOME", os.path.isdir(os.path.join(c.home, "hf/hub")))


def test_transfers():
    with Case("interrupted", breaks=3) as c:
        c.expect_status(c.fetch(), 0)
        c.expect_files()
        ranges = [r for command, path, _, r in c.server.seen if path.startswith("/cdn/")]
        c.expect("it goes on where it stopped", ranges[0] is None and None not in ranges[1:],
                 ranges)
    with Case("interrupted too often", breaks=99) as c:
        c.expect_status(c.fetch(), 4, "broke off")
        c.expect("no reference", c.ref() is None)
        c.server.plan["breaks"] = 0
        c.expect_status(c.fetch(), 0)
        c.expect_files()
        c.expect("the second run goes on", c.server.seen[-1][3] is not None, c.server.seen[-1])
    with Case("without ranges", breaks=1, **{"no ranges": True}) as c:
        c.expect_status(c.fetch(), 0)
        c.expect_files()
    with Case("wrong checksum", wrong=["model.safetensors"]) as c:
        c.expect_status(c.fetch(), 3, "model.safetensors: its checksum is wrong, removed")
        c.expect("no reference", c.ref() is None)
        c.expect("no such file", c.file("model.safetensors") is None)
    with Case("two at once") as c:
        os.makedirs(os.path.join(c.repo(), ".fetching"))
        c.expect_status(c.fetch(), 4, "another download of some-owner/tiny-bert is running")


def test_refusals():
    with Case("token", token="hf_secret") as c:
        c.expect_status(c.fetch(), 2, "the hub says 401")
        c.expect_status(c.fetch(HF_TOKEN="hf_secret"), 0)
        c.expect_files()
        told = {auth for _, path, auth, _ in c.server.seen if path.startswith("/cdn/")}
        c.expect("another host is not told the token", told == {None}, told)
    with Case("token file", token="hf_secret") as c:
        os.makedirs(os.path.join(c.home, ".cache/huggingface"))
        with open(os.path.join(c.home, ".cache/huggingface/token"), "w") as f:
            f.write("hf_secret\n")
        c.expect_status(c.fetch(), 0)
    with Case("missing") as c:
        c.expect_status(c.fetch("some-owner/other"), 2, "has no config.json of revision main")
        c.expect_status(c.fetch(MODEL, "v9"), 2, "has no config.json of revision v9")
        del c.server.plan["files"]["model.safetensors"]
        c.expect_status(c.fetch(), 2, "has neither model.safetensors nor pytorch_model.bin")
        c.expect("no reference", c.ref() is None)
    with Case("busy", status=503) as c:
        c.expect_status(c.fetch(), 4, "the hub answers 503")
    with Case("no hub", **{"no hub": True}) as c:
        c.expect_status(c.fetch(), 2, "it is no hub")
    with Case("nobody") as c:
        c.expect_status(c.fetch(HF_ENDPOINT="http://127.0.0.1:1"), 4, "cannot reach")
        for arguments in (["a/b/c/d"], ["../x"], ["a b"], ["a", "b", "c"], ["a--b"]):
            c.expect_status(c.fetch(*arguments), 1, "usage")


def check_programs(c):
    """The programs find it by its name, and say how to get what is not there."""
    program = os.path.join(PROGRAMS, "convert")
    if not os.path.exists(program):
        return
    for name, status, said in ((MODEL, 0, ""),
                               ("some-owner/other", 4, "make model MODEL=some-owner")):
        result = subprocess.run([program, "--check", name], env=c.environment(),
                                capture_output=True, text=True)
        c.expect_status(result, status, said)


def main():
    if not shutil.which("curl"):
        print("skipped: needs curl")
        return 0
    test_downloads()
    test_transfers()
    test_refusals()
    print(f"fetch.sh: {Case.checks - Case.failures} of {Case.checks} checks pass")
    return Case.failures > 0


if __name__ == "__main__":
    sys.exit(main())
