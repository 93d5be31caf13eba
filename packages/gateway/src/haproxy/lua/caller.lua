-- Who asks: verified from the request's credentials, and signed for services (packages/contracts/src/identity.ts).

local json = require('json')

local caller = {}

-- Verified tokens kept; when there are so many, all are forgotten.
local CACHED = 10000
-- A signed identity is good for 60 s, and used again for 20.
local LIFETIME_S, REUSE_S = 60, 20
-- How long a token without an end counts as verified.
local NO_EXPIRY_S = 60

-- For so long after the key set was fetched it is not fetched for a key that is not in it.
local COOL_DOWN_S = 10

local MISSING = { state = 'missing' }
local INVALID = { state = 'invalid' }
-- Its key is not known yet: the driver is to ask for the key set.
local WAITING = { state = 'waiting' }

local auth, identity, keys
local cache, cached = {}, 0

-- When a token last named a key that is not known, s of os.time: the driver looks, and fetches the key set.
caller.sought = 0

function caller.open(settings, keys_map)
  auth, identity, keys = settings.auth, settings.identity, keys_map
end

local function valid(user_id, email, roles)
  return { state = 'valid', user_id = user_id, email = email, roles = roles, signed = '', signed_at = 0 }
end

local function roles_of(claims)
  local roles = claims.roles or claims.role
  if type(roles) == 'string' then return { roles } end
  local kept = {}
  if type(roles) == 'table' and roles ~= json.null then
    for _, role in ipairs(roles) do
      if type(role) == 'string' then kept[#kept + 1] = role end
    end
  end
  return kept
end

local function names(claim, wanted)
  if type(claim) == 'string' then return claim == wanted end
  if type(claim) ~= 'table' or claim == json.null then return false end
  for _, one in ipairs(claim) do
    if one == wanted then return true end
  end
  return false
end

-- The part's bytes when it is spelled the one way there is (RFC 4648, 3.5).
local function part(txn, text)
  local bytes = txn.c:ub64dec(text)
  if not bytes or bytes == '' or txn.c:ub64enc(bytes) ~= text then return nil end
  return bytes
end

-- The algorithm and the key (a file, or the secret) for a token's header; its own word on either is not believed.
local function key_for(header)
  if auth.kind == 'secret' then return 'HS256', os.getenv('BANYAN_TOKEN_SECRET') end
  local kid = header.kid
  if kid == json.null or (kid ~= nil and type(kid) ~= 'string') then return nil end
  local found = keys:lookup('kid/' .. (kid or ''))
  if found then return found:match('^(%S+) (.+)$') end
  return nil, 'unknown'
end

local function claims_hold(claims)
  local now = os.time()
  local exp = claims.exp
  if exp ~= nil and (type(exp) ~= 'number' or exp <= now) then return false end
  if claims.nbf ~= nil and (type(claims.nbf) ~= 'number' or claims.nbf > now) then return false end
  if auth.kind == 'jwks' and exp == nil then return false end
  if auth.issuer and claims.iss ~= auth.issuer then return false end
  if auth.audience and not names(claims.aud, auth.audience) then return false end
  return true
end

local function verify(txn, token)
  local first, second, third = token:match('^([^.]+)%.([^.]+)%.([^.]+)$')
  if not first or not part(txn, third) then return INVALID end
  local header, claims = part(txn, first), part(txn, second)
  header, claims = header and json.decode(header), claims and json.decode(claims)
  if type(header) ~= 'table' or type(claims) ~= 'table' or header.crit ~= nil then return INVALID end
  local alg, key = key_for(header)
  if not alg then
    -- Fetched a moment ago: it is nobody's key.
    local fetched = tonumber(keys:lookup('fetched')) or 0
    if key ~= 'unknown' or fetched >= os.time() - COOL_DOWN_S then return INVALID end
    caller.sought = os.time()
    return WAITING
  end
  if header.alg ~= alg or txn.c:jwt_verify(token, alg, key) ~= 1 then return INVALID end
  if not claims_hold(claims) then return INVALID end
  local subject = claims[auth.claim]
  if math.type(subject) then subject = tostring(subject) end
  if type(subject) ~= 'string' or subject == '' then return INVALID end
  local one = valid(subject, type(claims.email) == 'string' and claims.email or nil, roles_of(claims))
  one.until_s = claims.exp or os.time() + NO_EXPIRY_S
  one.generation = keys:lookup('generation')
  if cached >= CACHED then cache, cached = {}, 0 end
  cache[token] = one
  cached = cached + 1
  return one
end

local function scheme_token(header, scheme)
  if not header or #header <= #scheme or header:byte(#scheme + 1) ~= 0x20 then return nil end
  if header:sub(1, #scheme):lower() ~= scheme:lower() then return nil end
  local token = header:sub(#scheme + 1):match('^%s*(.-)%s*$')
  return token ~= '' and token or nil
end

-- A table with state: missing, invalid, waiting, or valid with user_id, email and roles.
function caller.of(txn)
  if auth.kind == 'none' then return MISSING end
  if auth.kind == 'header' then
    local user_id = txn:get_var('txn.trusted')
    if not user_id or user_id == '' then return MISSING end
    return valid(user_id, nil, {})
  end
  local token = scheme_token(txn.sf:req_fhdr('authorization'), auth.scheme)
  if not token then return MISSING end
  local known = cache[token]
  if known and known.generation == keys:lookup('generation') then
    if known.until_s > os.time() then return known end
    cache[token] = nil
    return INVALID
  end
  return verify(txn, token)
end

-- Visible ASCII as it is, anything else percent-encoded, since a header cannot carry it.
local function header_safe(text)
  if not text:find('[^\33-\126]') then return text end
  return (text:gsub("[^A-Za-z0-9_.!~*'()-]", function(c) return string.format('%%%02X', c:byte()) end))
end

local function sign(txn, one)
  local roles = {}
  for i, role in ipairs(one.roles) do roles[i] = json.quote(role) end
  local body = string.format(
    '{"userId":%s,"email":%s,"roles":[%s],"exp":%d}',
    json.quote(one.user_id),
    one.email and json.quote(one.email) or 'null',
    table.concat(roles, ','),
    os.time() + LIFETIME_S
  )
  local text = identity.kid .. '.' .. txn.c:ub64enc(body)
  local mac = txn.c:hmac(text, 'sha256', os.getenv('BANYAN_IDENTITY_KEY_BASE64'))
  return text .. '.' .. txn.c:ub64enc(mac)
end

-- Sets the headers that say to a service who asks.
function caller.tell(txn, one)
  if os.time() - one.signed_at > REUSE_S then
    one.signed = sign(txn, one)
    one.signed_at = os.time()
  end
  local http, roles = txn.http, {}
  for i, role in ipairs(one.roles) do roles[i] = header_safe(role) end
  http:req_set_header(identity.headers.userId, header_safe(one.user_id))
  if one.email then http:req_set_header(identity.headers.email, header_safe(one.email)) end
  http:req_set_header(identity.headers.roles, table.concat(roles, ','))
  http:req_set_header(identity.headers.signed, one.signed)
end

return caller
