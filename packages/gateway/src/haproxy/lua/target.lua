-- Reads a request's target as packages/gateway/src/canonical-target.ts does: once, and for all that follows.

local target = {}

local function unreserved(path)
  if path:find('\\', 1, true) then return nil, 'it has a backslash' end
  local low = path:lower()
  if low:find('%%c[01]%%[89ab]') or low:find('%%e0%%[89]') or low:find('%%f0%%8') then
    return nil, 'it has overlong UTF-8, which some decoders take for another text'
  end
  local wrong
  local decoded = path:gsub('%%(.?.?)', function(hex)
    local byte = hex:match('^%x%x$') and tonumber(hex, 16)
    if not byte then
      wrong = '"%' .. hex .. '" is not an escape'
    elseif byte == 0x2f or byte == 0x5c or byte == 0 then
      wrong = '"%' .. hex .. '" (an encoded slash, backslash or NUL) is not allowed in a path'
    else
      local char = string.char(byte)
      return char:match('^[A-Za-z0-9._~-]$') and char or '%' .. hex:upper()
    end
  end)
  if wrong then return nil, wrong end
  return decoded
end

local function resolve(path)
  local kept, ambiguous, last = {}, path:sub(1, 2) == '//', ''
  for segment in path:gmatch('/([^/]*)') do
    last = segment
    if segment == '.' then
      ambiguous = true
    elseif segment == '..' then
      ambiguous = true
      if #kept == 0 then return nil, 'its dot segments climb above the root' end
      kept[#kept] = nil
    elseif segment:find('^%.%.?;') then
      return nil, 'it has a dot segment with parameters'
    elseif segment ~= '' then
      kept[#kept + 1] = segment
    end
  end
  local trailing = #kept > 0 and (last == '' or last == '.' or last == '..')
  return '/' .. table.concat(kept, '/') .. (trailing and '/' or ''), ambiguous
end

-- A table with path, query (from the "?" on) and ambiguous; or nil and the reason.
function target.read(given, host)
  local origin = given
  if origin:byte(1) ~= 0x2f then
    local authority, rest = origin:match('^[Hh][Tt][Tt][Pp][Ss]?://([^/?#]*)(.*)$')
    if not authority then return nil, 'it must begin with "/" or be an absolute http URL' end
    if authority == '' then return nil, 'an absolute form must name a host' end
    if authority:find('@', 1, true) then return nil, 'an absolute form may not carry user information' end
    if authority:lower() ~= (host or ''):lower() then
      return nil, 'its authority and the Host header name different hosts'
    end
    origin = rest:byte(1) == 0x2f and rest or '/' .. rest
  end
  if origin:find('#', 1, true) then return nil, 'a fragment ("#") is not part of a request target' end
  if origin:find('[%c ]') then return nil, 'it has a control' end
  local raw, query = origin:match('^([^?]*)(.*)$')
  if raw:find('[\128-\255]') then return nil, 'its path has an octet that is none of a URI; escape it' end
  if not raw:find('[%%\\]') and not raw:find('/[/.]') then
    return { path = raw, query = query, ambiguous = false }
  end
  local decoded, wrong = unreserved(raw)
  if not decoded then return nil, wrong end
  local path, ambiguous = resolve(decoded)
  if not path then return nil, ambiguous end
  return { path = path, query = query, ambiguous = ambiguous }
end

local function unescape(text)
  local bytes = text:gsub('%%(%x%x)', function(hex) return string.char(tonumber(hex, 16)) end)
  if not utf8.len(bytes) then return nil end
  return bytes
end

-- The text of a path's segment; nil when it is not UTF-8.
function target.segment(text)
  return unescape(text)
end

-- The one value of a name in a query; nil without one, and false when there are two or it is not UTF-8.
function target.query(query, name)
  local found
  for pair in query:sub(2):gmatch('[^&]+') do
    local key, value = pair:match('^([^=]*)=?(.*)$')
    if unescape((key:gsub('%+', ' '))) == name then
      local text = unescape((value:gsub('%+', ' ')))
      if not text or (found and found ~= text) then return false end
      found = text
    end
  end
  return found
end

-- Where a path goes at the service: the pattern's own spelling, its prefix rewritten.
function target.rewritten(rule, path)
  local spelled, i = '', 0
  for segment in path:gmatch('/([^/]+)') do
    i = i + 1
    local own = rule.pattern[i]
    spelled = spelled .. '/' .. ((own and own:sub(1, 1) ~= ':') and own or segment)
  end
  if spelled == '' then spelled = '/' end
  local rewrite = rule.rewrite
  if not rewrite then return spelled end
  local from = rewrite.from:gsub('/$', '')
  if spelled ~= from and spelled:sub(1, #from + 1) ~= from .. '/' then return spelled end
  local moved = rewrite.to:gsub('/$', '') .. spelled:sub(#from + 1)
  return moved == '' and '/' or moved
end

return target
