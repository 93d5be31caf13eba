-- What HAProxy does with each request of a moved route, by maps that the driver changes at run time.
--
--   routes.map    regular expression of METHOD:PATH -> a route, as JSON
--   buckets.map   EXTRACTION/BUCKET -> the side that owns it, and whether it is held:
--                 "source", "target", "source/writes/2000", "target/all/2000" (the budget in ms)
--   keys.map      kid/KID -> algorithm and file of a key
--   state.map     table -> TOKEN/VERSION, or none before the first; lease -> until when moved routes are served,
--                 in ms since the machine started; retired -> yes or no
--
-- One thread runs all of this (nbthread 1), and what must not be torn apart is left to HAProxy's own rules after it.

local json = require('json')
local target = require('target')
local caller = require('caller')

local function read_all(path)
  local file = assert(io.open(path, 'r'))
  local text = file:read('a')
  file:close()
  return text
end

local settings_file = os.getenv('BANYAN_SETTINGS')
local settings = assert(json.decode(read_all(settings_file)), settings_file .. ' is not JSON')
local routes = Map.new(settings.maps.routes, Map._reg)
local buckets = Map.new(settings.maps.buckets, Map._str)
local keys = Map.new(settings.maps.keys, Map._str)
local state = Map.new(settings.maps.state, Map._str)
caller.open(settings, keys)

-- Between two looks at what a held request waits for, ms.
local LOOK_MS = 5
local RECENT = 1000

-- Not core.now(): that clock leaves out the time for which HAProxy itself stood still, and so would a lease.
local function uptime_ms()
  local file = io.open('/proc/uptime', 'r')
  local seconds = file:read('n')
  file:close()
  return math.floor(seconds * 1000 + 0.5)
end
uptime_ms()

local function now_us()
  local now = core.now()
  return now.sec * 1000000 + now.usec
end

-- Counters since this HAProxy started, by extraction.
local counters = {}

local function side_counters()
  local one = { requests = 0, latency = {} }
  for i = 1, #settings.latencyBoundsMs + 1 do one.latency[i] = 0 end
  return one
end

local function counters_of(extraction)
  local one = counters[extraction]
  if not one then
    one = {
      source = side_counters(), target = side_counters(),
      held = 0, released = 0, refused = 0, notOwner = 0, recentMs = {},
    }
    counters[extraction] = one
  end
  return one
end

-- Requests that wait, by when they will have stopped at the latest: one that its client left is never heard of again.
local waiting, waiting_count = {}, 0

local function count_waiting()
  local now = uptime_ms()
  for id, ends in pairs(waiting) do
    if ends < now then
      waiting[id] = nil
      waiting_count = waiting_count - 1
    end
  end
  return waiting_count
end

local function stop_waiting(id)
  if waiting[id] then
    waiting[id] = nil
    waiting_count = waiting_count - 1
  end
end

-- Answers a problem of the catalogue; `values` fill {name} in its text.
local function refuse(txn, code, values)
  local problem = settings.problems[code]
  local body = problem.body:gsub('{(%w+)}', function(name)
    local value = values and values[name]
    if value == nil then return nil end
    local quoted = json.quote(tostring(value))
    return quoted:sub(2, -2)
  end)
  local reply = txn:reply({ status = problem.status })
  reply:add_header('content-type', 'application/problem+json')
  reply:add_header('cache-control', 'no-store')
  reply:add_header('x-correlation-id', txn:get_var('txn.correlation') or '')
  if problem.status == 503 then reply:add_header('retry-after', '1') end
  reply:set_body(body)
  txn:done(reply)
end

local rules = setmetatable({}, { __mode = 'v' })

local function rule_of(text)
  local rule = rules[text]
  if not rule then
    rule = json.decode(text)
    rules[text] = rule
  end
  return rule
end

local function bucket_of(converters, owner)
  local first, second = converters:sha2(owner, 256):byte(1, 2)
  return (first << 2) | (second >> 6)
end

-- The owner key a request names, '' when it names none; nil and a reason when it cannot be read.
local function owner_key(txn, rule, place)
  local owner = rule.owner
  if owner.from == 'whole' then return '' end
  if owner.from == 'header' then
    if txn.f:req_fhdr_cnt(owner.name) > 1 then return nil, 'The request has more than one ' .. owner.name .. '.' end
    return txn.sf:req_fhdr(owner.name)
  end
  if owner.from == 'query' then
    local found = target.query(place.query, owner.name)
    if found == false then return nil, 'The query has different values for "' .. owner.name .. '".' end
    return found or ''
  end
  local i = 0
  for segment in place.path:gmatch('/([^/]+)') do
    i = i + 1
    if i == rule.ownerSegment then
      local text = target.segment(segment)
      if not text then return nil, 'The path is not valid UTF-8.' end
      return text
    end
  end
  return ''
end

local PASS, WAIT_TABLE, WAIT_KEY = { act = 'pass' }, { act = 'wait', why = 'table' }, { act = 'wait', why = 'key' }

local function refusal(code, values) return { act = 'refuse', code = code, values = values } end

-- What to do with a request, by the newest maps; asked again whenever it has waited.
local function decide(txn, method, place)
  if state:lookup('table') == 'none' then return WAIT_TABLE end
  local retired = state:lookup('retired') == 'yes'
  local found = routes:lookup(method .. ':' .. place.path)
  if not found then
    return retired and refusal('NOT_FOUND', { what = 'route' }) or PASS
  end
  local rule = rule_of(found)
  if uptime_ms() >= (tonumber(state:lookup('lease')) or 0) then return refusal('LEASE_LOST', { agoMs = 'no' }) end
  local credentials = caller.of(txn)
  if credentials.state == 'waiting' then return WAIT_KEY end
  if credentials.state == 'invalid' and not retired then return PASS end
  local owner
  if rule.owner.from == 'subject' then
    if credentials.state == 'valid' then
      owner = credentials.user_id
    elseif retired or settings.auth.kind == 'none' then
      owner = ''
    else
      return PASS
    end
  else
    local reason
    owner, reason = owner_key(txn, rule, place)
    if not owner then return refusal('BAD_REQUEST', { reason = reason }) end
  end
  local bucket = bucket_of(txn.c, owner)
  local key = rule.extraction .. '/' .. bucket
  local word = buckets:lookup(key)
  -- The routes were changed a moment before the buckets.
  if not word then return WAIT_TABLE end
  local side, scope, budget = word:match('^(%a+)/?(%a*)/?(%d*)$')
  local nest = key .. '/' .. txn:get_var('txn.correlation')
  if scope ~= '' and (rule.write or scope == 'all') then
    -- A call made by a write that the hold waits for must pass, or both wait for each other.
    if (txn.c:table_conn_cur(nest, 'nested') or 0) == 0 then
      return { act = 'wait', why = 'hold', rule = rule, budget = tonumber(budget) }
    end
  end
  return {
    act = 'send', rule = rule, side = side, key = key, word = word, nest = nest, credentials = credentials,
  }
end

local function is_stream(txn)
  local upgrade = txn.sf:req_fhdr('upgrade'):lower()
  if upgrade == 'websocket' then return true end
  return txn.sf:req_fhdr('accept'):lower():find('text/event-stream', 1, true) ~= nil
end

local function send(txn, decision, place)
  local rule, side = decision.rule, decision.side
  local stream = is_stream(txn)
  local path = side == 'target' and target.rewritten(rule, place.path) or place.path
  txn.http:req_set_path(path)
  if side == 'target' and decision.credentials.state == 'valid' then caller.tell(txn, decision.credentials) end
  txn:set_var('txn.key', decision.key)
  txn:set_var('txn.word', decision.word)
  txn:set_var('txn.backend', rule.extraction .. '.' .. side .. (stream and '.streams' or ''))
  txn:set_var('txn.extraction', rule.extraction)
  txn:set_var('txn.side', side)
  txn:set_var('txn.began', now_us())
  if not stream then
    txn:set_var('txn.flight', decision.key .. '/' .. (rule.write and 'write' or 'read'))
    if rule.write then txn:set_var('txn.nest', decision.nest) end
  end
  local side_counts = counters_of(rule.extraction)[side]
  side_counts.requests = side_counts.requests + 1
end

local BUDGETS = {
  table = function() return settings.firstTableMs end,
  key = function() return settings.keyMs end,
  hold = function(decision) return decision.budget end,
}

local function time_out(txn, decision, counts, waited)
  if decision.why == 'hold' then
    counts.refused = counts.refused + 1
    return refuse(txn, 'HELD_TOO_LONG', { heldMs = waited, budgetMs = decision.budget })
  end
  if decision.why == 'key' then return refuse(txn, 'UPSTREAM_AWAY_KEYS') end
  return refuse(txn, 'LEASE_LOST', { agoMs = waited })
end

local next_id = 0

core.register_action('banyan_place', { 'http-req' }, function(txn)
  local place, reason = target.read(txn.sf:url(), txn.sf:req_fhdr('host'))
  if not place then return refuse(txn, 'BAD_TARGET', { reason = reason }) end
  local method = txn.sf:method()
  local since, counts, id
  while true do
    local decision = decide(txn, method, place)
    if decision.act ~= 'wait' then
      if id then stop_waiting(id) end
      if counts then
        counts.released = counts.released + 1
        local recent = counts.recentMs
        recent[#recent + 1] = uptime_ms() - since
        if #recent > RECENT then table.remove(recent, 1) end
      end
      if decision.act == 'refuse' then return refuse(txn, decision.code, decision.values) end
      if decision.act == 'send' then return send(txn, decision, place) end
      if place.ambiguous then txn.http:req_set_path(place.path) end
      return
    end
    local budget = BUDGETS[decision.why](decision)
    local now = uptime_ms()
    if not since then
      since = now
      if count_waiting() >= settings.held then
        return refuse(txn, 'HOLD_QUEUE_FULL', { held = waiting_count, limit = settings.held })
      end
      next_id = next_id + 1
      id = next_id
      waiting[id] = now + budget + 1000
      waiting_count = waiting_count + 1
    end
    if decision.why == 'hold' and not counts then
      counts = counters_of(decision.rule.extraction)
      counts.held = counts.held + 1
    end
    if now - since >= budget then
      stop_waiting(id)
      return time_out(txn, decision, counts, now - since)
    end
    core.msleep(LOOK_MS)
  end
end)

core.register_action('banyan_answered', { 'http-res' }, function(txn)
  local counts = counters_of(txn:get_var('txn.extraction'))
  local ms = (now_us() - txn:get_var('txn.began')) / 1000
  local latency, i = counts[txn:get_var('txn.side')].latency, 1
  while settings.latencyBoundsMs[i] and ms > settings.latencyBoundsMs[i] do i = i + 1 end
  latency[i] = latency[i] + 1
  if txn.sf:res_fhdr('x-banyan-not-owner') ~= '' then counts.notOwner = counts.notOwner + 1 end
end)

local function numbers(list) return '[' .. table.concat(list, ',') .. ']' end

local function side_json(one) return string.format('{"requests":%d,"latency":%s}', one.requests, numbers(one.latency)) end

core.register_cli({ 'banyan', 'stats' }, 'banyan stats : counters of moved routes, as JSON', function(applet)
  local parts = {}
  for name, one in pairs(counters) do
    parts[#parts + 1] = string.format(
      '%s:{"source":%s,"target":%s,"held":%d,"released":%d,"refused":%d,"notOwner":%d,"recentMs":%s}',
      json.quote(name), side_json(one.source), side_json(one.target),
      one.held, one.released, one.refused, one.notOwner, numbers(one.recentMs)
    )
  end
  applet:send(string.format(
    '{"waiting":%d,"extractions":{%s}}\n', count_waiting(), table.concat(parts, ',')
  ))
end)

core.register_cli({ 'banyan', 'sought' }, 'banyan sought : when a token last named an unknown key', function(applet)
  applet:send(caller.sought .. '\n')
end)

-- `banyan bucket OWNER-KEY`: where a user goes; also how the hash is held against SQL's.
core.register_cli({ 'banyan', 'bucket' }, 'banyan bucket <owner key> : where a user belongs', function(applet, _, _, ...)
  applet:send(bucket_of(applet.c, table.concat({ ... }, ' ')) .. '\n')
end)
