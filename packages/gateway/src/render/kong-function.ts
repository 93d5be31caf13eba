import {
  type AuthSetting,
  BanyanError,
  BucketSet,
  type ExtractionRoutes,
  type OwnerSource,
  type RouteRule,
} from '@banyan/contracts'
import { parsePattern } from '../route-matcher.ts'

/** Lua for Kong's `pre-function`: finds the bucket, refuses what is held, and chooses the side. */
export function kongFunction(
  rule: RouteRule,
  { extraction, targetBuckets, hold }: ExtractionRoutes,
  upstream: string,
  auth: AuthSetting,
): string {
  const owner = rule.owner ?? { from: 'subject' }
  const held = (hold ? BucketSet.parse(hold.buckets) : BucketSet.none).toString()
  const refused = JSON.stringify(
    new BanyanError('HELD_TOO_LONG', { heldMs: 0, budgetMs: 0, extraction }).toProblem(),
  )
  const write = rule.access
    ? String(rule.access === 'write')
    : '({ GET = true, HEAD = true, OPTIONS = true })[kong.request.get_method()] == nil'
  return `local target, held = ${text(targetBuckets)}, ${text(held)}
local path = kong.request.get_path()
${ownerOf(owner, rule, auth)}
if owner == nil then return end
local sha256 = require('resty.sha256'):new()
sha256:update(owner)
local first, second = sha256:final():byte(1, 2)
local bucket = first * 4 + math.floor(second / 64)
local function has(set)
  local digit = tonumber(set:sub(math.floor(bucket / 4) + 1, math.floor(bucket / 4) + 1), 16)
  return math.floor(digit / 2 ^ (3 - bucket % 4)) % 2 == 1
end
if has(held) and (${hold?.reads ? 'true' : write}) then
  return kong.response.exit(503, ${text(refused)}, { ['content-type'] = 'application/problem+json', ['retry-after'] = '1' })
end
if has(target) then
  kong.service.set_upstream(${text(`${upstream}.banyan`)})
${rewriteOf(rule)}end`
}

/** Leaves \`owner\` nil where nothing says whose it is: then the monolith is to refuse it. */
function ownerOf(owner: OwnerSource, rule: RouteRule, auth: AuthSetting): string {
  switch (owner.from) {
    case 'whole':
      return "local owner = ''"
    case 'header':
      return `local owner = kong.request.get_header(${text(owner.name)}) or ''`
    case 'query':
      return `local owner = kong.request.get_query_arg(${text(owner.name)}) or ''`
    case 'path':
      return `local segments = {}
for one in path:gmatch('/([^/]+)') do segments[#segments + 1] = ngx.unescape_uri(one) end
local owner = segments[${parsePattern(rule.path).segments.indexOf(`:${owner.name}`) + 1}] or ''`
    case 'body':
      return `local body = kong.request.get_body() or {}
local owner = body[${text(owner.field)}] and tostring(body[${text(owner.field)}]) or ''`
    default:
      return subjectOf(auth)
  }
}

function subjectOf(auth: AuthSetting): string {
  if (auth.kind === 'header') return `local owner = kong.request.get_header(${text(auth.name)})`
  if (auth.kind === 'none') return "local owner = ''"
  if (auth.kind === 'session') return 'local owner = nil'
  return `local owner
local token = (kong.request.get_header('authorization') or ''):match(${text(`^${auth.scheme ?? 'Bearer'} +[^.]+%.([^.]+)%.`)})
if token then
  local body = ngx.decode_base64((token:gsub('%-', '+'):gsub('_', '/')) .. ('='):rep(-#token % 4))
  local claims = body and require('cjson.safe').decode(body)
  owner = type(claims) == 'table' and claims[${text(auth.claim ?? 'sub')}] or nil
  if type(owner) == 'number' then owner = string.format('%.14g', owner) end
end`
}

function rewriteOf({ rewrite }: RouteRule): string {
  if (!rewrite) return ''
  const from = rewrite.from.replace(/\/$/, '')
  return `  kong.service.request.set_path(${text(rewrite.to.replace(/\/$/, ''))} .. path:sub(${from.length + 1}))\n`
}

/** A Lua string; JSON's escapes for what occurs here are Lua's. */
function text(value: string): string {
  return JSON.stringify(value)
}
