// Plays Envoy for one filter, in Node's V8: which host calls an exchange takes, and what work a profiler then sees.
//
//   node play.mjs <file.wasm> <case.json> [repetitions]
//
// The case is {config, request: {headers, body?}, response?: {headers, body?}, attributes?, environment?}: `config` is the plugin's
// configuration, `attributes` what `get_property` finds, by names joined with dots. The callbacks come as from Envoy 1.40 for one
// exchange over HTTP/1.1: an absent one is left out, a body ends with an empty last piece. Exchanges are repeated, so
// that caches are warm; the table is of the last one. benches/profile.py shows in which functions the instructions are.
// With `request.hmac: {header, prefix, secret}` each exchange is another delivery: `{n}` in the request's body and values is its
// number, `{now}` the time, and the body is signed with HMAC-SHA-256, in hex.
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";

const [file, caseFile, repetitions = "3"] = process.argv.slice(2);
const played = JSON.parse(readFileSync(caseFile, "utf8"));
const text = new TextEncoder();
const [OK, NOT_FOUND, BAD_ARGUMENT, CAS_MISMATCH] = [0, 1, 2, 8];
const ROOT = 1;
const configuration = text.encode(JSON.stringify(played.config));

let counts = new Map();
let state, context;
const shared = new Map();
let stamps = 0;
const metrics = [];
const latin = (bytes) => Buffer.from(bytes).toString("latin1");
const bytesOf = (value) => (typeof value === "string" ? Buffer.from(value, "latin1") : value);

let module_, memory, view;
const at = (pointer, size) => new Uint8Array(memory.buffer, pointer, size);
const word = (pointer, value) => new DataView(memory.buffer).setUint32(pointer, value, true);
const textAt = (pointer, size) => latin(at(pointer, size));
function count(name) {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
/** Puts bytes into the module's memory, by its own allocator, as Envoy does. */
function hand(bytes, pointer, size) {
  if (bytes.length > 0) {
    count("(allocations for the host)");
    const place = module_.proxy_on_memory_allocate(bytes.length);
    at(place, bytes.length).set(bytes);
    word(pointer, place);
  }
  word(size, bytes.length);
  return OK;
}
function pairs(fields) {
  const all = fields.flatMap(([name, value]) => [bytesOf(name), bytesOf(value)]);
  const out = Buffer.alloc(4 + all.reduce((sum, one) => sum + 5 + one.length, 0));
  out.writeUInt32LE(fields.length, 0);
  all.forEach((one, n) => out.writeUInt32LE(one.length, 4 + 4 * n));
  all.reduce((place, one) => (out.set(one, place), place + one.length + 1), 4 + 4 * all.length);
  return out;
}
const map = (kind) => state.maps[kind] ?? [];
const buffers = { 0: "request", 1: "response" };

const calls = {
  proxy_log: (level, pointer, size) => (level >= 3 && console.error(textAt(pointer, size)), OK),
  proxy_get_log_level: (pointer) => (word(pointer, 2), OK),
  proxy_get_current_time_nanoseconds: (pointer) => {
    new DataView(memory.buffer).setBigUint64(pointer, BigInt(Date.now()) * 1000000n, true);
    return OK;
  },
  proxy_set_tick_period_milliseconds: () => OK,
  proxy_set_effective_context: () => OK,
  proxy_get_buffer_bytes: (kind, start, most, pointer, size) => {
    const bytes = kind === 7 ? configuration : kind === 6 ? new Uint8Array() : state.bodies[buffers[kind]];
    return hand(bytes.subarray(start, start + most), pointer, size);
  },
  proxy_set_buffer_bytes: (kind, start, length, pointer, size) => {
    const body = state.bodies[buffers[kind]];
    const from = Math.min(start, body.length);
    const parts = [body.subarray(0, from), Buffer.from(at(pointer, size)), body.subarray(Math.min(from + length, body.length))];
    state.bodies[buffers[kind]] = Buffer.concat(parts);
    return OK;
  },
  proxy_get_header_map_pairs: (kind, pointer, size) => hand(pairs(map(kind)), pointer, size),
  proxy_get_header_map_value: (kind, name, length, pointer, size) => {
    const found = map(kind).find(([given]) => given === textAt(name, length));
    return found ? hand(bytesOf(found[1]), pointer, size) : NOT_FOUND;
  },
  proxy_replace_header_map_value: (kind, name, length, value, size) => {
    const key = textAt(name, length);
    state.maps[kind] = [...map(kind).filter(([given]) => given !== key), [key, textAt(value, size)]];
    return OK;
  },
  proxy_add_header_map_value: (kind, name, length, value, size) => {
    state.maps[kind] = [...map(kind), [textAt(name, length), textAt(value, size)]];
    return OK;
  },
  proxy_remove_header_map_value: (kind, name, length) => {
    const key = textAt(name, length);
    state.maps[kind] = map(kind).filter(([given]) => given !== key);
    return OK;
  },
  proxy_get_property: (path, length, pointer, size) => {
    const name = textAt(path, length).split("\0").join(".");
    const value = state.left.get(name) ?? (name === "plugin_name" ? "play" : played.attributes?.[name]);
    return value === undefined ? NOT_FOUND : hand(bytesOf(value), pointer, size);
  },
  proxy_set_property: (path, length, value, size) => {
    const name = textAt(path, length).replace(/\0$/, "");
    state.left.set(name, Buffer.from(at(value, size)));
    return OK;
  },
  proxy_get_shared_data: (key, length, pointer, size, stamp) => {
    const slot = shared.get(textAt(key, length));
    if (!slot) return NOT_FOUND;
    word(stamp, slot.stamp);
    return hand(slot.bytes, pointer, size);
  },
  proxy_set_shared_data: (key, length, value, size, stamp) => {
    const name = textAt(key, length);
    const slot = shared.get(name);
    if (slot && stamp !== 0 && slot.stamp !== stamp) return CAS_MISMATCH;
    shared.set(name, { bytes: Buffer.from(at(value, size)), stamp: ++stamps });
    return OK;
  },
  proxy_define_metric: (_, name, length, pointer) => (word(pointer, metrics.push(textAt(name, length)) - 1), OK),
  proxy_increment_metric: () => OK,
  proxy_record_metric: () => OK,
  proxy_send_local_response: (status) => ((state.reply = status), OK),
  proxy_continue_stream: () => OK,
  proxy_close_stream: () => ((state.reply = "broken off"), OK),
  proxy_call_foreign_function: () => NOT_FOUND,
  proxy_http_call: () => BAD_ARGUMENT,
};

const wasi = new WASI({ version: "preview1", env: played.environment ?? {} });
const compiled = new WebAssembly.Module(readFileSync(file));
const env = Object.fromEntries(
  WebAssembly.Module.imports(compiled)
    .filter(({ module }) => module === "env")
    .map(({ name }) => {
      const call = calls[name] ?? (() => BAD_ARGUMENT);
      return [name, (...given) => (count(name), call(...given))];
    }),
);
const instance = new WebAssembly.Instance(compiled, { ...wasi.getImportObject(), env });
({ exports: module_ } = instance);
memory = module_.memory;

function enter(name, ...given) {
  if (!module_[name]) return 0;
  count(name);
  return module_[name](...given);
}
/** The request of one exchange. */
function delivery(n) {
  const { hmac, headers, body = "" } = played.request;
  if (!hmac) return played.request;
  const filled = (value) => value.replaceAll("{n}", `${n}`).replaceAll("{now}", new Date().toISOString());
  const text = filled(body);
  const tag = createHmac("sha256", hmac.secret).update(text).digest("hex");
  return { headers: [...headers.map(([name, value]) => [name, filled(value)]), [hmac.header, hmac.prefix + tag]], body: text };
}
const fresh = () => ({ maps: {}, bodies: {}, left: new Map(), reply: undefined });

/** One exchange from its beginning to its end. */
function exchange(id) {
  counts = new Map();
  state = fresh();
  const sides = [
    ["request", 0, delivery(id)],
    ["response", 2, played.response ?? { headers: [[":status", "200"], ["content-length", "8"]], body: '{"id":1}' }],
  ];
  enter("proxy_on_context_create", id, ROOT);
  for (const [side, kind, { headers, body = "" }] of sides) {
    state.maps[kind] = headers;
    state.bodies[side] = Buffer.from(body);
    enter(`proxy_on_${side}_headers`, id, headers.length, body === "" ? 1 : 0);
    if (state.reply !== undefined) break;
    if (body !== "") {
      enter(`proxy_on_${side}_body`, id, state.bodies[side].length, 0);
      enter(`proxy_on_${side}_body`, id, 0, 1);
    }
  }
  enter("proxy_on_done", id);
  enter("proxy_on_log", id);
  enter("proxy_on_delete", id);
}

wasi.initialize(instance);
state = fresh();
enter("proxy_on_context_create", ROOT, 0);
enter("proxy_on_vm_start", ROOT, 0);
if (!enter("proxy_on_configure", ROOT, configuration.length)) throw new Error("the configuration was refused");
for (let n = 0; n < 3; n++) enter("proxy_on_tick", ROOT);
for (let n = 0; n < Number(repetitions); n++) exchange(2 + n);

console.log(`| ${file.split("/").pop()} | times |\n|---|---|`);
for (const [name, times] of counts) console.log(`| ${name.replace(/^proxy_/, "")} | ${times} |`);
const names = [...state.left.keys()].join(", ");
console.log(`\nanswered by the filter: ${state.reply ?? "no"}; left: ${names || "nothing"}`);
