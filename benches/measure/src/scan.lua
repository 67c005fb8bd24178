-- Cuts members out of JSON answers without parsing them: what one would write with care, as Envoy's Lua has no JSON.
local find, sub, byte, lower = string.find, string.sub, string.byte, string.lower
local names = { --NAMES
}
local plain = { --PLAIN
}
local patterns = { --PATTERNS
}
local QUOTE, OPEN, LIST = 34, 123, 91

-- Names come again and again.
local known = {}

local function taken(name)
  local verdict = known[name]
  if verdict ~= nil then
    return verdict
  end
  local read = name:gsub("\\u00(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  local small = lower(read)
  verdict = names[read] or false
  for _, text in ipairs(plain) do
    verdict = verdict or find(small, text, 1, true) ~= nil
  end
  for _, text in ipairs(patterns) do
    verdict = verdict or find(small, text) ~= nil
  end
  known[name] = verdict
  return verdict
end

-- The closing quotation mark of the string that begins at `at`.
local function string_end(text, at)
  local from = at + 1
  while true do
    local stop = find(text, '["\\]', from)
    if byte(text, stop) == QUOTE then
      return stop
    end
    from = stop + 2
  end
end

-- The last byte of the value that begins at `at`.
local function value_end(text, at)
  local first = byte(text, at)
  if first == QUOTE then
    return string_end(text, at)
  end
  if first ~= OPEN and first ~= LIST then
    return find(text, "[,%]}%s]", at) - 1
  end
  local depth, from = 1, at + 1
  repeat
    local stop = find(text, '["%[%]{}]', from)
    local what = byte(text, stop)
    from = stop + 1
    if what == QUOTE then
      from = string_end(text, stop) + 1
    elseif what == OPEN or what == LIST then
      depth = depth + 1
    else
      depth = depth - 1
    end
  until depth == 0
  return from - 1
end

local function strip(text)
  local out, kept, at = {}, 1, 1
  while true do
    local start = find(text, '"', at, true)
    if not start then
      break
    end
    local stop = string_end(text, start)
    local _, colon = find(text, "^%s*:%s*", stop + 1)
    at = stop + 1
    if colon and taken(sub(text, start + 1, stop - 1)) then
      local last = value_end(text, colon + 1)
      local _, comma = find(text, "^%s*,", last + 1)
      out[#out + 1] = sub(text, kept, start - 1)
      if comma then
        last = comma
      else
        -- The last of its object: the comma before it goes.
        local n = #out
        while n > 1 and find(out[n], "^%s*$") do
          out[n] = ""
          n = n - 1
        end
        out[n] = out[n]:gsub(",%s*$", "")
      end
      kept, at = last + 1, last + 1
    end
  end
  out[#out + 1] = sub(text, kept)
  return table.concat(out)
end

function envoy_on_response(handle)
  local body = handle:body()
  if body and body:length() > 0 then
    body:setBytes(strip(body:getBytes(0, body:length())))
  end
end
