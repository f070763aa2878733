#!/usr/bin/env python3
"""Runs fovea's methods beside lightly's and prints both columns: the speed of a step, or k-NN accuracy after the same epochs.

    python3 bench/peers/methods.py step  --python VENV/bin/python [--methods simclr,byol] [--docs docs/results.md]
    python3 bench/peers/methods.py train --python VENV/bin/python --seeds 2 [--docs docs/results.md]

scripts/bench-lightly makes the environment. step: 32 x 32 images, ResNet-18 of width 64, batch 128, f32, 2 threads, data ready in
memory; lightly's fastest of: as installed, channels-last, compiled, each tried once. Then the two run in turns. train: what
bin/methods_table and lightly_methods.py do. What is finished is a line of --results and is not repeated: to measure it afresh, drop
the line.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

from compare import rewrite_block

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
METHODS = ("simclr dcl dclw hypersphere directclr barlow_twins vicreg vicregl lejepa w_mse mmcr byol simsiam fastsiam tico moco "
           "moco_v3 dense_cl nnclr smog swav swav_queue dino").split()
PEER = "lightly 1.6.0"
POINT = 0.01  # bench/methods_table/runs.cpp's kPoint and train_all() are the source: methods_table trains the seeds that are read here
# The short presets of these have no local crops; a step is timed with them.
STEP_FLAGS = {"swav": ["--views", "swav", "--strength", "1"],
              "swav_queue": ["--views", "swav", "--strength", "1", "--queue-start", "0"],
              "dino": ["--views", "dino", "--min-scale", "0", "--strength", "1"]}
SETTINGS = {"as installed": [], "channels last": ["--channels-last"], "compiled": ["--channels-last", "--compile"]}


def lightly(options, mode, method, *more):
    command = [options.python, os.path.join(HERE, "lightly_methods.py"), mode, method, "--threads", str(options.threads), *more]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr.strip()}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def fovea(options, method, folder, *more):
    command = [os.path.join(options.bin, method), "--threads", str(options.threads), "--out", folder, *more]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr.strip()}")


def fovea_step(options, method):
    """Images a second of a step. Its time does not depend on the rate, which is low enough for every method to stay finite."""
    folder = os.path.join(options.out, f"step-{method}")
    fovea(options, method, folder, "--preset", "short", "--data", "synthetic:128", "--width", "64", "--batch", "128", "--steps", "7",
          "--lr", "1e-4", "--log-every", "1", "--eval-every", "0", "--workers", "0", *STEP_FLAGS.get(method, []))
    with open(os.path.join(folder, "metrics.jsonl")) as lines:
        times = [line["compute_ms"] for line in map(json.loads, lines) if "compute_ms" in line]
    return 128 / statistics.median(times[2:]) * 1e3


def recorded(options, run, measure):
    """What measure() gives for `run`, or gave when it was last called for it: a line of options.results."""
    if os.path.exists(options.results):
        with open(options.results) as lines:
            for line in map(json.loads, lines):
                if line["run"] == run:
                    return line["summary"]
    summary = measure()
    with open(options.results, "a") as out:
        print(json.dumps({"run": run, "summary": summary}), file=out)
    return summary


def step_pair(options, method):
    def lightly_step(setting):
        return lightly(options, "step", method, "--width", "64", *SETTINGS[setting])["images_per_second"]

    once = {setting: lightly_step(setting) for setting in SETTINGS}
    best = max(once, key=once.get)
    pairs = [(fovea_step(options, method), lightly_step(best)) for _ in range(options.repeats)]
    mine, peer = (statistics.median(column) for column in zip(*pairs))
    return {"fovea": mine, "lightly": peer, "setting": best}


def steps(options):
    rows = ["| method | fovea images/s | lightly images/s | its setting | ratio |", "|---|---|---|---|---|"]
    for method in options.methods:
        run = {"step_beside": PEER, "of": method, "threads": options.threads}
        pair = recorded(options, run, lambda: step_pair(options, method))
        rows.append(f"| {method} | {pair['fovea']:.0f} | {pair['lightly']:.0f} | {pair['setting']} | {pair['fovea'] / pair['lightly']:.2f} |")
        print(rows[-1], flush=True)
    return rows


def seeds_of(options, run_of):
    """k-NN of each seed, and of one more where the first two differ by over a point: as train_all() in bench/methods_table/runs.cpp."""
    values = [run_of(seed) for seed in range(options.seeds)]
    if options.seeds == 2 and abs(values[0] - values[1]) > POINT:
        values.append(run_of(2))
    return values


def fovea_accuracies(options, method):
    run = {"method": method, "data": "fashion-mnist", "limit": options.limit, "width": options.width, "epochs": options.epochs,
           "preset": "short", "extra": ""}

    command = [os.path.join(options.bin, "methods_table"), "--methods", method, "--seeds", str(options.seeds), "--docs", "",
               "--results", options.results, "--out", options.out, "--limit", str(options.limit), "--width", str(options.width),
               "--epochs", str(options.epochs)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # writes a line for each run that has none

    def run_of(seed):
        return recorded(options, {**run, "seed": seed}, lambda: sys.exit(f"{options.results}: no {method} of seed {seed}"))["knn_top1"]

    return seeds_of(options, run_of)


def lightly_accuracies(options, method):
    def run_of(seed):
        run = {"peer": PEER, "method": method, "data": "fashion-mnist", "limit": options.limit, "width": options.width,
               "epochs": options.epochs, "seed": seed}
        return recorded(options, run, lambda: lightly(options, "train", method, "--seed", str(seed), "--limit", str(options.limit),
                                                      "--width", str(options.width), "--epochs", str(options.epochs)))["knn_top1"]

    return seeds_of(options, run_of)


def with_spread(values):
    """Mean, the largest distance of a seed from it, and how many there are."""
    mean = statistics.mean(values)
    spread = max(abs(value - mean) for value in values)
    return f"{mean:.4f} ± {spread:.4f} ({len(values)})" if len(values) > 1 else f"{mean:.4f}"


def accuracies(options):
    rows = ["| method | fovea k-NN (seeds) | lightly k-NN (seeds) | difference |", "|---|---|---|---|"]
    for method in options.methods:
        mine, peer = fovea_accuracies(options, method), lightly_accuracies(options, method)
        ahead = statistics.mean(mine) - statistics.mean(peer)
        rows.append(f"| {method} | {with_spread(mine)} | {with_spread(peer)} | {ahead:+.4f} |")
        print(rows[-1], flush=True)
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["step", "train"])
    parser.add_argument("--python", required=True, help="of the environment with lightly")
    parser.add_argument("--bin", default=os.path.join(ROOT, "build", "cpu", "bin"))
    parser.add_argument("--methods", type=lambda text: text.split(","), default=METHODS)
    parser.add_argument("--out", default=os.path.join(ROOT, "runs", "methods"))
    parser.add_argument("--results", default=os.path.join(ROOT, "docs", "results.jsonl"), help="file with a line for every run of train")
    parser.add_argument("--docs", help="page whose table is replaced")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2, help="of step")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--limit", type=int, default=10000)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=10)
    arguments = parser.parse_args()
    table = (steps if arguments.mode == "step" else accuracies)(arguments)
    if arguments.docs:
        rewrite_block(arguments.docs, f"lightly {arguments.mode}", "\n".join(table))
