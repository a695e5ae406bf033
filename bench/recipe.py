#!/usr/bin/env python3
"""Compares ways to train on the pairs: runs ./train for each recipe and seed, ./bias on each result,
and prints a Markdown table, mean and standard deviation over the seeds.

    bench/recipe.py --quick                        4 recipes, short
    bench/recipe.py --main                         the default beside its main rivals
    bench/recipe.py                                all of GRID
    bench/recipe.py --validation                   on the sentences to choose by, not the final ones
    bench/recipe.py --vary lr=2e-5,1e-4 --vary pair-loss=mse,js    every combination of these
    bench/recipe.py --table                        what is finished so far

A finished run is kept as OUT/<recipe>/<seed>.json and not repeated, as long as the model, the pairs
and the text are the same. The seed also chooses which professions are held out, so the row "before"
has a spread as well. Standard library only."""
import argparse
import concurrent.futures
import gzip
import hashlib
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CORPUS = os.path.join(ROOT, "..", "shared", "data", "corpus", "heldout.txt.gz")

# Options of ./train, with its defaults; a recipe is named by what it changes. lr 0: by the width.
BASE = {"plain": "off", "pair-loss": "js", "support": "neutral", "w-mlm": "0.5", "w-nsp": "1",
        "w-pair": "2400", "w-next-pair": "256", "w-odds": "4", "w-keep": "32", "w-pair-keep": "8",
        "borrow-next": "0.5", "next-pair-loss": "centred", "pull": "0.0015", "lr": "0", "epochs": "12",
        "freeze": "word_embeddings,predictions.bias,predictions.decoder"}
FLAGS = {"plain"}
# Each loss with a weight that suits it: a divergence is smaller than a difference of logits.
MSE, CENTRED = {"pair-loss": "mse", "w-pair": "240"}, {"pair-loss": "centred", "w-pair": "240"}
KL, JS = {"pair-loss": "kl", "w-pair": "480"}, {"pair-loss": "js", "w-pair": "2400"}
SUPPORTS = [{"support": name} for name in ("all", "neutral", "professions")]
# The default, the plainest recipe (MSE of raw logits and the true words), all losses on all
# supports, then the other options one at a time. w-pair 0: what is left without agreement.
GRID = [{}, {"plain": "on"}]
GRID += [{**loss, **support} for loss in (MSE, CENTRED, KL, JS) for support in SUPPORTS]
GRID += [{name: value} for name, values in {
    "w-pair": ["0", "800", "7200"], "w-next-pair": ["0", "64"], "w-odds": ["0", "16"],
    "w-keep": ["0", "8", "128"], "w-pair-keep": ["0", "24"], "w-mlm": ["0", "2"], "freeze": [""],
    "pull": ["0", "0.003"], "borrow-next": ["0", "1"], "lr": ["5e-5", "1e-4", "3e-4"],
    "epochs": ["4", "8", "24"]
}.items() for value in values]
QUICK = [dict(x, epochs="4") for x in ({}, {"plain": "on"}, KL, {"w-keep": "0"})]
# Every loss, support and kind of weight at least once.
MAIN = [{}, {"plain": "on"}, {**MSE, "support": "all"}, {**CENTRED, "support": "all"}, CENTRED, KL,
        {"support": "professions"}, {"w-pair": "800"}, {"w-keep": "128"}, {"pull": "0"},
        {"lr": "3e-4"}, {"epochs": "4"}]

# title, figures (section, slice, what) whose mean is shown, of which model, digits. Model "%": the
# change in per cent, which is 0 before.
COLUMNS = [
    ("professions held out", [("forward", "professions-held-out", "abs")], "%", 0),
    ("professions absent", [("forward", "professions-absent", "abs")], "%", 0),
    ("he, she", [("forward", "pronouns", "abs")], "%", 0),
    ("gender words held out", [("forward", "gender-held-out", "abs")], "%", 0),
    ("sentences held out", [("forward", "templates-held-out", "abs")], "%", 0),
    ("all three", [("forward", "held-out", "abs")], "%", 0),
    ("other direction", [("reverse", "all", "abs")], "%", 0),
    ("NSP difference", [("next", "all", "difference")], "after", 3),
    ("NSP flips", [("next", "all", "flips")], "after", 3),
    ("NSP right, m", [("next", "all", "accuracy-male")], "after", 3),
    ("NSP right, f", [("next", "all", "accuracy-female")], "after", 3),
    ("facts right", [("facts", "all", "right")], "after", 3),
    ("facts kept", [("facts", "kept", "right")], "after", 3),
    ("MLM loss", [("text", "all", "mlm-loss")], "%", 2),
    ("NSP on text", [("text", "all", "nsp-accuracy")], "after", 3),
]


def name_of(recipe):
    changed = [f"{name}={value}" for name, value in recipe.items() if BASE[name] != value]
    return ",".join(changed) or "base"


def options_of(recipe):
    """The command line. Flags go alone; with --plain only what the recipe itself says goes along."""
    plain = recipe["plain"] == "on"
    told = {n: v for n, v in recipe.items() if n not in FLAGS and (not plain or v != BASE[n])}
    flags = [f"--{name}" for name in sorted(FLAGS) if recipe[name] == "on"]
    return flags + [word for name, value in told.items() for word in (f"--{name}", value)]


def split_setting(text):
    name, _, values = text.partition("=")
    if name not in BASE or "=" not in text:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(BASE)} = values")
    return name, values.split(",")


def arguments():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", default=os.path.join(ROOT, "weights/mini"))
    p.add_argument("--pairs", default=os.path.join(ROOT, "pairs.jsonl"))
    p.add_argument("--text", help="held-out text [the corpus's, else made by weights/mini/everyday.py]")
    p.add_argument("--out", help="folder of the finished runs [out/recipe, out/recipe-validation]")
    p.add_argument("--programs", default=ROOT, help="folder of train and bias [%(default)s]")
    p.add_argument("--seeds", type=int, default=3, help="[%(default)s]")
    p.add_argument("--jobs", type=int, default=1, help="runs at a time, one thread each [1]")
    p.add_argument("--quick", action="store_true", help="a small grid")
    p.add_argument("--main", action="store_true", help="the default and its main rivals")
    p.add_argument("--validation", action="store_true", help="./bias --validation")
    p.add_argument("--base", type=split_setting, action="append", default=[], metavar="NAME=VALUE",
                   help="another value where a recipe says nothing")
    p.add_argument("--vary", type=split_setting, action="append", default=[], metavar="NAME=V,V",
                   help="every combination of these instead of the grid")
    p.add_argument("--keep-models", action="store_true", help="do not remove the trained models")
    p.add_argument("--table", action="store_true", help="only print what is finished")
    args = p.parse_args()
    args.out = args.out or ("out/recipe-validation" if args.validation else "out/recipe")
    return args


def recipes_of(args):
    """The recipes in full, each once."""
    grid = QUICK if args.quick else MAIN if args.main else GRID
    if args.vary:
        names = [name for name, _ in args.vary]
        grid = [dict(zip(names, values)) for values in
                itertools.product(*(values for _, values in args.vary))]
    base = dict(BASE, **{name: values[0] for name, values in args.base})
    return list({name_of(dict(base, **r)): dict(base, **r) for r in grid}.values())


def make_text(args):
    """Text to score MLM on: a file given, the beginning of the held-out books, or what a script
    writes. A text with jobs in it would be likelier to a model that has the bias."""
    if args.text:
        return args.text
    path = os.path.join(args.out, "held-out.txt")
    if not os.path.exists(path):
        if os.path.exists(CORPUS):
            text = gzip.open(CORPUS).read(300000).rpartition(b"\n\n")[0] + b"\n"
        else:
            text = subprocess.run([sys.executable, os.path.join(ROOT, "weights/mini/everyday.py"),
                                   "--documents", "2000", "--seed", "20011", "--without-jobs"],
                                  check=True, stdout=subprocess.PIPE).stdout
        with open(path + ".part", "wb") as file:
            file.write(text)
        os.replace(path + ".part", path)
    return path


def fingerprint(*paths):
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()[:16]


class Study:
    def __init__(self, args):
        self.args = args
        os.makedirs(args.out, exist_ok=True)
        self.text = make_text(args)
        self.inputs = fingerprint(os.path.join(args.model, "model.safetensors"), args.pairs,
                                  self.text) + (" validation" if args.validation else "")

    def place(self, recipe, seed, ending):
        return os.path.join(self.args.out, name_of(recipe), f"{seed}{ending}")

    def finished(self, recipe, seed):
        """The record of a finished run, or None."""
        try:
            with open(self.place(recipe, seed, ".json"), encoding="utf-8") as file:
                record = json.load(file)
        except (OSError, ValueError):
            return None
        return record if record["inputs"] == self.inputs and record["recipe"] == recipe else None

    def program(self, name, *words):
        """Runs a program on one thread; its seconds. What it says is shown only if it fails."""
        began = time.perf_counter()
        done = subprocess.run([os.path.join(self.args.programs, name), *words],
                              env=dict(os.environ, OMP_NUM_THREADS="1"), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            tail = "\n".join(done.stdout.splitlines()[-3:])
            raise RuntimeError(f"{name} {' '.join(words)}: code {done.returncode}\n{tail}")
        return time.perf_counter() - began

    def run(self, recipe, seed):
        args = self.args
        model, raw = self.place(recipe, seed, ""), self.place(recipe, seed, ".raw")
        os.makedirs(os.path.dirname(model), exist_ok=True)
        options = options_of(recipe)
        seconds = self.program("train", "--model", args.model, "--out", model, "--restart",
                               "--seed", str(seed), *options, args.pairs)
        self.program("bias", "--model", args.model, "--against", model, "--pairs", args.pairs,
                     "--seed", str(seed), "--text", self.text, "--json", raw,
                     *(["--validation"] if args.validation else []))
        with open(raw, encoding="utf-8") as file:
            figures = json.load(file)["figures"]
        os.remove(raw)
        record = {"inputs": self.inputs, "recipe": recipe, "seed": seed, "seconds": seconds,
                  "figures": figures}
        with open(model + ".part", "w", encoding="utf-8") as file:
            json.dump(record, file)
        os.replace(model + ".part", model + ".json")
        if not args.keep_models:
            shutil.rmtree(model)
        return seconds

    def run_all(self, recipes):
        """All that is not finished, the first seed of each recipe first; how many failed."""
        left = [(r, s) for s in range(1, self.args.seeds + 1) for r in recipes
                if not self.finished(r, s)]
        failed = 0
        print(f"{len(left)} runs to do", file=sys.stderr)
        with concurrent.futures.ThreadPoolExecutor(self.args.jobs) as pool:
            runs = {pool.submit(self.run, r, s): (r, s) for r, s in left}
            for done in concurrent.futures.as_completed(runs):
                recipe, seed = runs[done]
                try:
                    said = f"{done.result():.0f} s"
                except RuntimeError as reason:
                    said, failed = f"failed: {reason}", failed + 1
                print(f"{name_of(recipe)}, seed {seed}: {said}", file=sys.stderr)
        return failed

    def records(self, recipe):
        found = [self.finished(recipe, s) for s in range(1, self.args.seeds + 1)]
        return [record for record in found if record]


def value_of(record, wanted, model):
    """Mean of the wanted figures of a model; None if one is missing."""
    def mean(which):
        values = {(f["section"], f["slice"], f["what"]): f["value"] for f in record["figures"]
                  if f["model"] == which}
        found = [values.get(key) for key in wanted]
        return None if None in found else statistics.fmean(found)
    if model != "%":
        return mean(model)
    before, change = mean("before"), mean("change")
    return None if not before or change is None else 100 * change / before


def spread(values, digits):
    if not values or None in values:
        return "-"
    text = f"{statistics.fmean(values):.{digits}f}"
    return text + (f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else "")


def print_row(name, records, untrained=False):
    cells = []
    for _, wanted, model, digits in COLUMNS:
        if untrained and model == "%":
            cells.append(spread([value_of(r, wanted, "before") for r in records], 3))
            continue
        cells.append(spread([value_of(r, wanted, "before" if untrained else model)
                             for r in records], digits))
    cells.append("-" if untrained else spread([r["seconds"] for r in records], 0))
    print(f"| {name} | {len(records)} | {' | '.join(cells)} |")


def print_table(study, recipes):
    titles = ["recipe", "seeds", *(title for title, *_ in COLUMNS), "seconds"]
    print("base: " + ", ".join(f"{name} {value}" for name, value in BASE.items()) + "\n\n"
          "Gaps (mean |ln ratio|, nats) and MLM loss: before, their value, then the change in %.\n")
    print("| " + " | ".join(titles) + " |\n|" + " --- |" * len(titles))
    rows = [(name_of(r), study.records(r)) for r in recipes]
    every_seed = {record["seed"]: record for _, records in rows for record in records}
    if every_seed:
        print_row("before", list(every_seed.values()), untrained=True)
    for name, records in rows:
        if records:
            print_row(name, records)


def main():
    args = arguments()
    study, recipes = Study(args), recipes_of(args)
    failed = 0 if args.table else study.run_all(recipes)
    print_table(study, recipes)
    sys.exit(1 if failed else 0)


main()
