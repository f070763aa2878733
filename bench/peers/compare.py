#!/usr/bin/env python3
"""Runs fovea and PyTorch on the same cases, in turns, and prints both columns and the ratio.

    python3 bench/peers/compare.py --python VENV/bin/python [--cases simclr,knn] [--docs docs/benchmarks.md]

Needs nothing but Python itself; scripts/bench-peers makes the environment with PyTorch. Each case runs --repeats times in
each setting of PyTorch:
  default    as installed, with the same number of threads
  tuned      malloc told to keep its memory, AVX-512 kernels asked for
  compiled   tuned, and torch.compile (training steps and losses)
The ratio is to the fastest of them. Numbers are medians; "spread" is fovea's slowest to fastest run.

With --device cuda (a build of the preset cuda, a GPU): PyTorch as installed, in exact f32 where the case is f32, and compiled
for CUDA graphs; fovea's training steps replayed as a graph.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CASES = """simclr_r18_cifar32_b128_cl simclr_r18_cifar32_b128_cl_bf16 simclr_r18_inet128_b32_cl simclr_r18_inet128_b32_cl_bf16
nt_xent_16384 knn_10k_50k_512 gemm_f32_1024 gemm_f32_4096x256x1024 gemm_f32_256x128x128 gemm_bf16_1024
aug_pil_32 aug_tensor_32 aug_pil_128 aug_tensor_128
jpeg500x375_pil_decode jpeg500x375_pil_draft_decode jpeg500x375_tensor_decode
jpeg500x375_pil_aug128 jpeg500x375_tensor_aug128""".split()
CUDA_CASES = """simclr_r18_cifar32_b128_cl simclr_r18_cifar32_b128_cl_bf16 simclr_r50_inet224_b128_cl simclr_r50_inet224_b128_cl_bf16
nt_xent_16384 knn_10k_50k_512 gemm_f32_1024 gemm_f32_4096x256x1024 gemm_f32_256x128x128 gemm_bf16_1024""".split()
COMPILED = ("simclr", "nt_xent")
TUNED = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "20000000000", "ATEN_CPU_CAPABILITY": "avx512"}


def device_name(options):
    if options.device == "cuda":
        program = "import torch; print(torch.cuda.get_device_name())"
        return subprocess.run([options.python, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    return cpu_name()


def cpu_name():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown CPU"


def busy_seconds():
    """CPU seconds that the whole machine has spent."""
    ticks = [int(x) for x in open("/proc/stat").readline().split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(command, environment):
    """The last line of JSON that a command prints, with the share of a core that other processes took meanwhile."""
    busy, own, start = busy_seconds(), children_seconds(), time.time()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    foreign = (busy_seconds() - busy - (children_seconds() - own)) / max(0.1, time.time() - start)
    for line in reversed(done.stdout.splitlines()):
        if line.startswith("{"):
            return {**json.loads(line), "foreign": max(0.0, foreign)}
    sys.exit("compare: %s ended with %d and no line of JSON:\n%s" % (" ".join(command), done.returncode, done.stderr[-2000:]))


def measure(options, cases):
    """{(case, side): results}, sides and cases in turns so that a slow minute of the machine hits both."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")}
    environment["OMP_NUM_THREADS"] = str(options.threads)
    results = {}
    for repeat in range(options.repeats):
        for case in cases:
            arguments = [case, "--device", options.device, "--threads", str(options.threads), "--seconds", str(options.seconds)]
            torch = [options.python, os.path.join(HERE, "cases.py")] + arguments
            sides = {"fovea": ([options.bench, "--peer"] + arguments, {}), "default": (torch, {})}
            if options.device == "cpu":
                sides["tuned"] = (torch, TUNED)
            elif case.startswith("simclr"):
                sides["fovea"][0].append("--cuda-graph")
            if case.startswith(COMPILED):
                sides["compiled"] = (torch + ["--compile"], TUNED)
            for side, (command, extra) in sides.items():
                result = run(command, {**environment, **extra})
                results.setdefault((case, side), []).append(result)
                print("# %d/%d %s %s: %.5g %s" % (repeat + 1, options.repeats, case, side, result["value"], result["unit"]),
                      file=sys.stderr, flush=True)
    return results


def number(x):
    if x is None:
        return ""
    return "%.0f" % x if abs(x) >= 100 else "%.3g" % x


def table(results, cases):
    lines = ["| case | unit | fovea | PyTorch default | tuned | compiled | ratio to best | MB fovea | MB PyTorch | spread |",
             "|---|---|---|---|---|---|---|---|---|---|"]
    for case in cases:
        def median(side, key):
            values = [r[key] for r in results.get((case, side), []) if key in r]
            return statistics.median(values) if values else None

        peers = {side: median(side, "value") for side in ("default", "tuned", "compiled")}
        best = max((side for side in peers if peers[side]), key=peers.get)
        ours = [r["value"] for r in results[(case, "fovea")]]
        memory = "extra_mb" if median("fovea", "extra_mb") is not None else "peak_rss_mb"
        if median("fovea", "peak_device_mb") is not None:
            memory = "peak_device_mb"
        cells = [case, results[(case, "fovea")][0]["unit"], number(median("fovea", "value"))]
        cells += [number(peers[side]) for side in peers]
        cells += ["**%.2f x**" % (median("fovea", "value") / peers[best]), number(median("fovea", memory)), number(median(best, memory))]
        cells += ["%.0f %%" % (100 * (max(ours) / min(ours) - 1))]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def start_time(program):
    """Seconds that `program --help` takes, best of ten."""
    best = float("inf")
    for _ in range(10):
        start = time.perf_counter()
        subprocess.run([program, "--help"], stdout=subprocess.DEVNULL, check=True)
        best = min(best, time.perf_counter() - start)
    return best


def rewrite_block(path, name, text):
    """Replaces what stands between <!-- begin NAME --> and <!-- end NAME -->."""
    whole = open(path).read()
    begin, end = "<!-- begin %s -->\n" % name, "<!-- end %s -->" % name
    if begin not in whole or end not in whole:
        sys.exit("%s lacks the lines %s and %s" % (path, begin.strip(), end))
    with open(path + ".tmp", "w") as out:
        out.write(whole.split(begin)[0] + begin + text + "\n" + end + whole.split(end)[1])
    os.replace(path + ".tmp", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True, help="interpreter that has torch and torchvision")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--bench", help="default: build/cpu/bin/bench, or build/cuda's")
    parser.add_argument("--cases", default="", help="only cases that start with one of these, separated by commas")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5, help="for each case, side and repeat")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--docs", help="rewrite the table in this Markdown file")
    options = parser.parse_args()
    options.bench = options.bench or os.path.join(ROOT, "build", options.device, "bin/bench")
    cases = [case for case in (CASES if options.device == "cpu" else CUDA_CASES) if case.startswith(tuple(options.cases.split(",")))]
    if not cases:
        parser.error("no case starts with '%s'" % options.cases)
    if not os.path.exists(options.bench):
        sys.exit("compare: %s is not built: cmake --preset %s && cmake --build --preset %s --target bench" % (
            options.bench, options.device, options.device))

    results = measure(options, cases)
    everything = [r for runs in results.values() for r in runs]
    torch = next(r["impl"] for (_, side), runs in results.items() if side != "fovea" for r in runs)
    foreign = statistics.median(r["foreign"] for r in everything)
    runs = "one run each" if options.repeats == 1 else "median of %d runs" % options.repeats
    text = "%s; %d threads (views and JPEG: 1); %s; %s, in turns; other processes took %.0f %% of a core.\n\n%s\n" % (
        device_name(options), options.threads, torch, runs, 100 * foreign, table(results, cases))
    simclr = os.path.join(os.path.dirname(options.bench), "simclr")
    if os.path.exists(simclr):
        text += "\n`bin/simclr --help` takes %.0f ms.\n" % (start_time(simclr) * 1e3)
    print(text)
    if options.docs:
        rewrite_block(options.docs, "peers" if options.device == "cpu" else "peers-cuda", text)


if __name__ == "__main__":
    main()
