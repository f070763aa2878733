#!/usr/bin/env python3
"""What the CUDA kernels do, counted without a GPU: a table of each hot path's kernels.

    python3 bench/counted.py --launcher EMULATOR --counters-variable NAME [--filter gemm] [--docs docs/kernels.md]

Runs bin/bench --once CASE (a build of the preset cuda) under a launcher that counts what kernels do, an emulator or a profiler,
and compiles the kernels for --architecture to read ptxas's report. Needs Python, nvcc and c++filt.
Nothing here is a time: the roofline is the least that an H100 could take at its data sheet's rates.

The launcher is told by the environment variable --counters-variable where to write its counters, a JSON file
    {"launches": [{"kernel": MANGLED, "grid": [x, y, z], "block": [x, y, z], "smem": bytes a block has, "lane_instr": n,
                   "mix": {"fma32": lanes, ...}, "mma_flop": {"f16_bf16": n, "tf32": n, ...},
                   "global_load": {"sectors": n, "useful_bytes": n}, "global_store": the same,
                   "footprint_bytes": {"read": n, "written": n}, "shared": {"wavefronts": n, "conflict_free": n}}, ...]}
in the order of the launches; a sector is 32 bytes, the footprint the distinct sectors that a launch touches.
"""
import argparse
import collections
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

from peers.compare import rewrite_block

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
# An H100 SXM: bytes and operations a second (bf16 and tf32 on tensor cores, dense).
MEMORY, FP32, BF16, TF32 = 3.35e12, 67e12, 989e12, 495e12
WARPS, REGISTERS, SHARED, BLOCKS = 64, 65536, 228 * 1024, 32  # of a multiprocessor


def run(command, **more):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    if done.returncode:
        sys.exit("counted: %s ended with %d:\n%s" % (" ".join(command), done.returncode, (done.stderr or done.stdout)[-2000:]))
    return done.stdout + done.stderr


def compiled_source(command, architecture):
    """{kernel: [registers, spilled bytes]} of one source, from ptxas."""
    words = shlex.split(command["command"])
    words = iter(words[[os.path.basename(w) for w in words].index("nvcc"):])  # without a compiler cache in front
    kept = []
    for word in words:
        if word in ("-o", "-MF", "-MT"):
            next(words)
        elif word not in ("-MD", "-c") and not word.startswith("--generate-code"):
            kept.append(word)
    kept += ["--generate-code=arch=compute_%s,code=sm_%s" % (architecture, architecture), "-cubin", "-o", os.devnull, "-Xptxas", "-v"]
    out = {}
    for part in run(kept, cwd=command["directory"]).split("Compiling entry function '")[1:]:
        spills = re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", part)
        out[part.split("'")[0]] = [int(re.search(r"Used (\d+) registers", part)[1]), int(spills[1]) + int(spills[2])]
    return out


def resources(build, architecture, kernels):
    """The same of the sources whose objects hold these kernels. Kept in the build folder, by their content: compiling takes minutes."""
    commands = json.load(open(os.path.join(build, "compile_commands.json")))
    commands = [c for c in commands if c["file"].endswith(".cu")]
    folder = os.path.join(ROOT, "kernels")
    headers = [os.path.join(folder, f) for f in sorted(os.listdir(folder)) if f.endswith((".h", ".cuh"))]
    cache_path = os.path.join(build, "counted-%s.json" % architecture)
    cache = json.load(open(cache_path)) if os.path.exists(cache_path) else {}
    out = {}
    for command in commands:
        object_file = shlex.split(command["command"])
        object_file = os.path.join(command["directory"], object_file[object_file.index("-o") + 1])
        if not os.path.exists(object_file) or not any(name.encode() in open(object_file, "rb").read() for name in kernels):
            continue
        key = hashlib.sha256(b"".join(open(f, "rb").read() for f in headers + [command["file"]])).hexdigest()
        if key not in cache:
            print("# ptxas %s" % os.path.basename(command["file"]), file=sys.stderr, flush=True)
            cache[key] = compiled_source(command, architecture)
            json.dump(cache, open(cache_path, "w"))
        out.update({stable(name): figures for name, figures in cache[key].items()})
    return out


def stable(mangled):
    """A kernel's name with the source's for an unnamed namespace, whose own name differs from compilation to compilation."""
    while match := re.search(r"(\d+)(_GLOBAL__N__)", mangled):
        end = match.start(2) + int(match[1])
        source = re.search(r"_\d+_([a-z]\w*?_cu)_", mangled[match.start(2):end])
        mangled = mangled[:match.start(1)] + (source[1] if source else "unnamed") + mangled[end:]
    return mangled


def occupancy(registers, shared, threads):
    """Share of a multiprocessor's warps that can be there at once."""
    warps = -(-threads // 32)
    by_registers = REGISTERS // (-(-registers * 32 // 256) * 256) // warps if registers else BLOCKS
    by_shared = SHARED // (shared + 1024)
    return min(by_registers, by_shared, WARPS // warps, BLOCKS) * warps / WARPS


def counters(options, case, extra):
    """The launches of one run."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "counters.json")
        run(options.launcher.split() + [options.bench, "--device", "cuda", "--once", case] + extra,
            env={**os.environ, options.counters_variable: path})
        return json.load(open(path))["launches"] if os.path.exists(path) else []


def add(total, launch):
    """Sums nested numbers; keeps the first of everything else."""
    for key, value in launch.items():
        if isinstance(value, dict):
            add(total.setdefault(key, {}), value)
        elif isinstance(value, (int, float)) and key != "smem":
            total[key] = total.get(key, 0) + value
        else:
            total.setdefault(key, value)


def bound(c):
    """(seconds, what bounds them) of one kernel's launches."""
    flop = c["mma_flop"]
    times = {"memory": sum(c["footprint_bytes"].values()) / MEMORY, "fp32": 2 * c["mix"].get("fma32", 0) / FP32,
             "bf16": flop.get("f16_bf16", 0) / BF16, "tf32": flop.get("tf32", 0) / TF32}
    limit = max(times, key=times.get)
    return times[limit], limit


def short(mangled):
    """The kernel's own name and its template arguments, without the project's namespaces."""
    name = run(["c++filt", mangled]).strip()
    name = re.sub(r"fovea::(kernels::)?|\(anonymous namespace\)::|^void ", "", name)
    depth, out = 0, ""
    for ch in name:
        if ch == "(" and depth == 0:
            break
        depth += (ch == "<") - (ch == ">")
        out += ch
    return out if len(out) <= 56 else out[:53] + "..."


def ratio(a, b):
    return "%.2f" % (a / b) if b else ""


def rows(case, flops, kernels, compiled):
    instructions = sum(c["lane_instr"] for c in kernels.values())
    for i, (name, c) in enumerate(kernels.items()):
        registers, spills = compiled.get(stable(name), (0, 0))
        shared = c["smem"]
        threads = c["block"][0] * c["block"][1] * c["block"][2]
        loads, stores = c["global_load"], c["global_store"]
        seconds, limit = bound(c)
        yield [case if i == 0 else "", "`%s`" % short(name), str(c["launches"]), str(registers or ""), str(spills), str(shared),
               "%.0f %%" % (100 * occupancy(registers, shared, threads)),
               ratio(32 * (loads["sectors"] + stores["sectors"]), loads["useful_bytes"] + stores["useful_bytes"]),
               ratio(c["shared"]["wavefronts"], c["shared"]["conflict_free"]),
               ratio(instructions, flops) if i == 0 else "", "%.2f" % (seconds * 1e6), limit]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--launcher", required=True, help="what counts: a command that is put before the program's")
    parser.add_argument("--counters-variable", required=True, help="environment variable that names the launcher's output")
    parser.add_argument("--build", default=os.path.join(ROOT, "build/cuda"), help="the build's folder")
    parser.add_argument("--architecture", default="90a")
    parser.add_argument("--filter", default="", help="only cases whose name holds this")
    parser.add_argument("--docs", help="rewrite the table in this Markdown file")
    options = parser.parse_args()
    options.bench = os.path.join(options.build, "bin/bench")
    cases = [line.split("\t") for line in run([options.bench, "--counted"]).splitlines()]
    cases = [(name, float(flops)) for name, flops in cases if options.filter in name]
    if not cases:
        parser.error("no case's name holds '%s'" % options.filter)
    head = ["case", "kernel", "launches", "registers", "spilled bytes", "shared bytes", "occupancy", "sectors / least",
            "wavefronts / conflict-free", "lane instructions / FLOP", "roofline us", "bound"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    counted = {}
    for name, _ in cases:
        prepared = len(counters(options, name, ["--prepare"]))
        counted[name] = collections.OrderedDict()
        for launch in counters(options, name, [])[prepared:]:
            add(counted[name].setdefault(launch["kernel"], {}), {**launch, "launches": 1})
    compiled = resources(options.build, options.architecture, {kernel for kernels in counted.values() for kernel in kernels})
    for name, flops in cases:
        for row in rows(name, flops, counted[name], compiled):
            lines.append("| " + " | ".join(row) + " |")
            print(lines[-1], flush=True)
    text = ("Counted, not measured: ptxas for sm_%s, and one call of each case, forward and backward where it has one. The least "
            "number of sectors is the useful bytes' over 32; the roofline is an H100's at %.2f TB/s, %.0f TFLOP/s in f32, %.0f in tf32 "
            "and %.0f in bf16.\n\n%s\n" % (options.architecture, MEMORY / 1e12, FP32 / 1e12, TF32 / 1e12, BF16 / 1e12, "\n".join(lines)))
    if options.docs:
        rewrite_block(options.docs, "counted", text)


if __name__ == "__main__":
    main()
