"""In which functions of a filter the instructions of an exchange are:
python3 profile.py <file.wasm> <case.json> [repetitions]

Plays the case (play.mjs) few and many times in Node under Valgrind's callgrind, with V8's best code, and shares out the difference
by function. The host is not Envoy's, so only what is in the module is listed. The module needs its names: build it with --config 'profile.release.strip="debuginfo"'.
"""

import bisect
import collections
import os
import re
import subprocess
import sys
import tempfile

wasm, case, *rest = sys.argv[1:]
repetitions = int(rest[0]) if rest else 400
play = os.path.join(os.path.dirname(os.path.abspath(__file__)), "play.mjs")
FEW = 1500


def run(times):
    """Instructions by function."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        command = ["valgrind", "--tool=callgrind", "--dump-instr=yes", "--smc-check=all-non-file", f"--callgrind-out-file={out}"]
        command += ["node", "--no-liftoff", "--no-wasm-tier-up", "--single-threaded", "--perf-basic-prof"]
        given = [play, os.path.abspath(wasm), os.path.abspath(case), str(times)]
        process = subprocess.Popen([*command, *given], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        # Valgrind becomes what it runs, so under this number V8 says where its code is.
        _, said = process.communicate()
        if process.returncode != 0:
            sys.exit(said.decode(errors="replace"))
        symbols = f"/tmp/perf-{process.pid}.map"
        spans = []
        with open(symbols, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                start, size, name = line.rstrip("\n").split(" ", 2)
                spans.append((int(start, 16), int(size, 16), name))
        os.remove(symbols)
        return by_function(out, sorted(spans))


def by_function(out, spans):
    starts = [start for start, _, _ in spans]
    totals = collections.Counter()
    place = 0
    called = False
    with open(out, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            # `+3 5 120`, `* 0 1` and `0x4a 0 1`: address (absolute or from the last one), line, instructions. After
            # `calls=` comes what was called, which is counted where it is.
            if line.startswith("calls="):
                called = True
                continue
            match = re.match(r"(0x[0-9a-f]+|[+-]\d+|\*) (?:[+-]?\d+|\*) (\d+)$", line)
            if not match:
                continue
            where, cost = match[1], int(match[2])
            if where.startswith("0x"):
                place = int(where, 16)
            elif where != "*":
                place += int(where)
            if called:
                called = False
                continue
            n = bisect.bisect_right(starts, place) - 1
            if n >= 0 and place < spans[n][0] + spans[n][1]:
                totals[spans[n][2]] += cost
            else:
                totals["(node)"] += cost
    return totals


few, many = run(FEW), run(FEW + repetitions)
each = collections.Counter({name: (many[name] - few[name]) / repetitions for name in many})
inside = {name: cost for name, cost in each.items() if re.search(r"^JS:.*-\d+-turbofan$", name) and cost >= 1}
print(f"in the module: {sum(inside.values()):.0f}")
for name, cost in sorted(inside.items(), key=lambda item: -item[1])[:60]:
    print(f"{cost:9.0f}  {re.sub(r'^JS:|-[0-9]+-turbofan$', '', name)}")
