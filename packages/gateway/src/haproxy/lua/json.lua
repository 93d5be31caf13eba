-- JSON (RFC 8259) to Lua values and back: HAProxy's own converter reads neither arrays nor null.

local json = {}

-- What null becomes, since nil in a table is nothing.
json.null = setmetatable({}, { __tostring = function() return 'null' end })

-- Deeper than any token or setting; a hostile one must not exhaust the stack.
local DEEPEST = 32

local ESCAPES = { b = '\b', f = '\f', n = '\n', r = '\r', t = '\t', ['"'] = '"', ['\\'] = '\\', ['/'] = '/' }

local value

local function fail(at)
  error({ json = 'not JSON at byte ' .. at })
end

local function skip(text, at)
  return text:match('^[ \t\r\n]*()', at)
end

local function code_unit(text, at)
  local hex = text:match('^%x%x%x%x', at) or fail(at)
  return tonumber(hex, 16)
end

local function string_at(text, at)
  local parts = {}
  at = at + 1
  while true do
    local plain, after = text:match('^([^"\\\0-\31]*)()', at)
    parts[#parts + 1] = plain
    at = after
    local c = text:sub(at, at)
    if c == '"' then
      return table.concat(parts), at + 1
    elseif c ~= '\\' then
      fail(at)
    end
    local escape = text:sub(at + 1, at + 1)
    if escape == 'u' then
      local unit = code_unit(text, at + 2)
      at = at + 6
      if unit >= 0xD800 and unit <= 0xDBFF then
        if text:sub(at, at + 1) ~= '\\u' then fail(at) end
        local low = code_unit(text, at + 2)
        if low < 0xDC00 or low > 0xDFFF then fail(at) end
        unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
        at = at + 6
      elseif unit >= 0xDC00 and unit <= 0xDFFF then
        fail(at)
      end
      parts[#parts + 1] = utf8.char(unit)
    else
      parts[#parts + 1] = ESCAPES[escape] or fail(at)
      at = at + 2
    end
  end
end

local function number_at(text, at)
  local digits, after = text:match('^(%-?%d+%.?%d*[eE]?[+-]?%d*)()', at)
  -- 1.0 and 1 are one number, as in JavaScript: an id must not change its spelling with its writer.
  local number = digits and not digits:match('^%-?0%d') and tonumber(digits) or fail(at)
  return math.tointeger(number) or number, after
end

local function list_at(text, at, depth)
  local list = {}
  at = skip(text, at + 1)
  if text:sub(at, at) == ']' then return list, at + 1 end
  while true do
    list[#list + 1], at = value(text, at, depth)
    at = skip(text, at)
    local c = text:sub(at, at)
    if c == ']' then return list, at + 1 end
    if c ~= ',' then fail(at) end
    at = at + 1
  end
end

local function object_at(text, at, depth)
  local object = {}
  at = skip(text, at + 1)
  if text:sub(at, at) == '}' then return object, at + 1 end
  while true do
    at = skip(text, at)
    if text:sub(at, at) ~= '"' then fail(at) end
    local key
    key, at = string_at(text, at)
    at = skip(text, at)
    if text:sub(at, at) ~= ':' then fail(at) end
    object[key], at = value(text, at + 1, depth)
    at = skip(text, at)
    local c = text:sub(at, at)
    if c == '}' then return object, at + 1 end
    if c ~= ',' then fail(at) end
    at = at + 1
  end
end

local WORDS = { { 'true', true }, { 'false', false }, { 'null', json.null } }

function value(text, at, depth)
  if depth > DEEPEST then fail(at) end
  at = skip(text, at)
  local c = text:sub(at, at)
  if c == '{' then return object_at(text, at, depth + 1) end
  if c == '[' then return list_at(text, at, depth + 1) end
  if c == '"' then return string_at(text, at) end
  for _, word in ipairs(WORDS) do
    if text:sub(at, at + #word[1] - 1) == word[1] then return word[2], at + #word[1] end
  end
  return number_at(text, at)
end

-- nil for what is not JSON.
function json.decode(text)
  local good, decoded, after = pcall(value, text, 1, 0)
  if not good or skip(text, after) ~= #text + 1 then return nil end
  return decoded
end

function json.quote(text)
  return '"' .. text:gsub('[%c"\\\127]', function(c) return string.format('\\u%04x', c:byte()) end) .. '"'
end

return json
