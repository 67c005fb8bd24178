"""Counts the Wasm instructions of a WASI program: PYTHONPATH=<package wasmtime> python3 count_wasm.py <file.wasm> [arguments]

Wasmtime's fuel: one unit for nearly each instruction, the same in every run. The last line written is the count.
"""

import sys

import wasmtime

PLENTY = 1 << 62

config = wasmtime.Config()
config.consume_fuel = True
engine = wasmtime.Engine(config)
linker = wasmtime.Linker(engine)
linker.define_wasi()
store = wasmtime.Store(engine)
store.set_fuel(PLENTY)
wasi = wasmtime.WasiConfig()
wasi.argv = sys.argv[1:]
wasi.inherit_stderr()
store.set_wasi(wasi)
instance = linker.instantiate(store, wasmtime.Module.from_file(engine, sys.argv[1]))
code = 0
try:
    instance.exports(store)["_start"](store)
except wasmtime.ExitTrap as end:
    code = end.code
print(PLENTY - store.get_fuel())
sys.exit(code)
