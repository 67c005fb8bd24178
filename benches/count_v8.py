"""Counts the machine instructions that V8's best code takes for one repetition of a WASI program's work:
python3 count_v8.py <file.wasm> <few> <many> [arguments]

The program gets the number of repetitions as its last argument and runs twice under valgrind's callgrind in node, without the
baseline compiler and on one thread; the difference of the two counts is shared out. Starting node takes about 1,000 M
instructions and differs by some millions from run to run, so <many> has to be so large that this does not matter.
"""

import os
import re
import subprocess
import sys

wasm, few, many, *arguments = sys.argv[1:]
runner = os.path.join(os.path.dirname(os.path.abspath(__file__)), "run_wasm.mjs")


def instructions(repetitions):
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--smc-check=all-non-file"]
        + ["node", "--no-liftoff", "--no-wasm-tier-up", "--single-threaded", "--no-warnings"]
        + [runner, wasm, *arguments, repetitions],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


print(*arguments, (instructions(many) - instructions(few)) // (int(many) - int(few)))
