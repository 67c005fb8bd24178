-- Parses JSON answers into tables, takes members out and prints the rest: what one would write first, as Envoy's Lua has no JSON.
local find, sub, byte, lower, gsub = string.find, string.sub, string.byte, string.lower, string.gsub
local names = { --NAMES
}
local plain = { --PLAIN
}
local patterns = { --PATTERNS
}
local null, list = {}, {}

local function taken(name)
  if names[name] then
    return true
  end
  local small = lower(name)
  for _, text in ipairs(plain) do
    if find(small, text, 1, true) then
      return true
    end
  end
  for _, text in ipairs(patterns) do
    if find(small, text) then
      return true
    end
  end
  return false
end

local escapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ["/"] = "/", ['"'] = '"', ["\\"] = "\\" }

local function read_string(text, at)
  local from = at + 1
  while true do
    local stop = find(text, '["\\]', from)
    if byte(text, stop) == 34 then
      local raw = sub(text, at + 1, stop - 1)
      if not find(raw, "\\", 1, true) then
        return raw, stop + 1
      end
      -- Escapes of one byte; others stay as they are written.
      raw = gsub(raw, "\\u00([0-7]%x)", function(hex) return string.char(tonumber(hex, 16)) end)
      return gsub(raw, '\\([bfnrt/"\\])', escapes), stop + 1
    end
    from = stop + 2
  end
end

local read

local function read_object(text, at)
  local object = {}
  at = find(text, "%S", at + 1)
  while byte(text, at) ~= 125 do
    local name, value
    name, at = read_string(text, at)
    at = find(text, "[^%s:]", at)
    value, at = read(text, at)
    object[name] = value
    at = find(text, "[^%s,]", at)
  end
  return object, at + 1
end

local function read_list(text, at)
  local values = { [list] = true }
  at = find(text, "%S", at + 1)
  local n = 0
  while byte(text, at) ~= 93 do
    n = n + 1
    values[n], at = read(text, at)
    at = find(text, "[^%s,]", at)
  end
  return values, at + 1
end

function read(text, at)
  local first = byte(text, at)
  if first == 123 then
    return read_object(text, at)
  elseif first == 91 then
    return read_list(text, at)
  elseif first == 34 then
    return read_string(text, at)
  end
  local stop = (find(text, "[,%]}%s]", at) or #text + 1) - 1
  local word = sub(text, at, stop)
  if word == "true" then
    return true, stop + 1
  elseif word == "false" then
    return false, stop + 1
  elseif word == "null" then
    return null, stop + 1
  end
  return tonumber(word), stop + 1
end

local function strip(value)
  if type(value) ~= "table" or value == null then
    return
  end
  if value[list] then
    for _, element in ipairs(value) do
      strip(element)
    end
    return
  end
  for name, member in pairs(value) do
    if taken(name) then
      value[name] = nil
    else
      strip(member)
    end
  end
end

local function quoted(text)
  if find(text, '[%c"\\]') then
    text = gsub(text, '[%c"\\]', function(char) return string.format("\\u%04x", byte(char)) end)
  end
  return '"' .. text .. '"'
end

local function print_to(out, value)
  local kind = type(value)
  if value == null then
    out[#out + 1] = "null"
  elseif kind == "string" then
    out[#out + 1] = quoted(value)
  elseif kind ~= "table" then
    out[#out + 1] = tostring(value)
  elseif value[list] then
    out[#out + 1] = "["
    for n, element in ipairs(value) do
      if n > 1 then
        out[#out + 1] = ","
      end
      print_to(out, element)
    end
    out[#out + 1] = "]"
  else
    local before = "{"
    for name, member in pairs(value) do
      out[#out + 1] = before
      out[#out + 1] = quoted(name)
      out[#out + 1] = ":"
      print_to(out, member)
      before = ","
    end
    out[#out + 1] = before == "{" and "{}" or "}"
  end
end

function envoy_on_response(handle)
  local body = handle:body()
  if body and body:length() > 0 then
    local value = read(body:getBytes(0, body:length()), 1)
    strip(value)
    local out = {}
    print_to(out, value)
    body:setBytes(table.concat(out))
  end
end
