import { fileURLToPath } from 'node:url'
import {
  type AuthSetting,
  CORRELATION_HEADER,
  IDENTITY_HEADERS,
  type IdentityKeys,
  identityKeyId,
  LATENCY_BOUNDS_MS,
  NOT_OWNER_HEADER,
  type RouteTable,
} from '@banyan/contracts'
import { mapText, tableMaps } from './maps.ts'
import { errorFiles, luaProblems, tornProblem, wholeAnswer } from './problems.ts'

/** What stands in HAProxy's configuration and cannot change while it runs. */
export interface HaproxySettings {
  /** Where the files below lie, and the socket of the runtime API. */
  readonly folder: string
  readonly listen: { readonly host?: string; readonly port: number }
  readonly monolith: string
  /** Every extraction that a table may name, with its service's base URL. */
  readonly targets: Readonly<Record<string, string>>
  readonly auth: AuthSetting
  readonly identityKey: IdentityKeys
  readonly timeouts: {
    readonly connectMs: number
    readonly headMs: number
    readonly bodyMs: number
    readonly answerMs: number
    readonly uploadMs: number
    readonly idleMs: number
    readonly firstTableMs: number
  }
  /** Requests held at a time. */
  readonly held: number
}

/** How long a request waits for a key set that is being asked for, ms. */
const KEY_MS = 2_000
const LUA = fileURLToPath(new URL('lua', import.meta.url))

/** Files by name, secrets in none of them: HAProxy has those from its environment (`haproxyEnvironment`). */
export function renderHaproxy(
  settings: HaproxySettings,
  table: RouteTable | null,
): Readonly<Record<string, string>> {
  const maps = tableMaps(table ?? { token: 0, version: 0, monolith: '', extractions: [] })
  const state = table ? maps.state : [['table', 'none'] as const, ['retired', 'no'] as const]
  const answers = errorFiles(settings.timeouts.answerMs)
  return {
    'haproxy.cfg': configuration(settings),
    'settings.json': `${JSON.stringify(luaSettings(settings), null, 2)}\n`,
    'routes.map': mapText(maps.routes),
    'buckets.map': mapText(maps.buckets),
    // Moved routes are served once the driver has a lease.
    'state.map': mapText([...state, ['lease', '0']]),
    'keys.map': mapText([['generation', '0']]),
    'torn.json': tornProblem(),
    '405.json': answers['405']!,
    ...Object.fromEntries(
      FAILURES.map((status) => [`${status}.http`, wholeAnswer(status, answers[status]!)]),
    ),
  }
}

/** Secrets, as HAProxy's process is given them. */
export function haproxyEnvironment({
  auth,
  identityKey,
}: Pick<HaproxySettings, 'auth' | 'identityKey'>): Record<string, string> {
  return {
    BANYAN_IDENTITY_KEY_BASE64: Buffer.from(signingKey(identityKey)).toString('base64'),
    ...(auth.kind === 'secret' ? { BANYAN_TOKEN_SECRET: auth.secret } : {}),
  }
}

const FAILURES = [400, 408, 502, 503, 504] as const

const signingKey = (keys: IdentityKeys) => (typeof keys === 'string' ? keys : keys[0]!)

function luaSettings({ folder, auth, identityKey, timeouts, held }: HaproxySettings) {
  const map = (name: string) => `${folder}/${name}.map`
  return {
    maps: {
      routes: map('routes'),
      buckets: map('buckets'),
      keys: map('keys'),
      state: map('state'),
    },
    auth: luaAuth(auth),
    identity: { kid: identityKeyId(signingKey(identityKey)), headers: IDENTITY_HEADERS },
    firstTableMs: timeouts.firstTableMs,
    keyMs: KEY_MS,
    held,
    latencyBoundsMs: LATENCY_BOUNDS_MS,
    problems: luaProblems(),
  }
}

/** What is asked of a token; where keys are is not, and secrets are in the environment. */
function luaAuth(auth: AuthSetting) {
  if (auth.kind !== 'jwks' && auth.kind !== 'secret') return { kind: auth.kind }
  const { kind, issuer, audience, claim = 'sub', scheme = 'Bearer' } = auth
  return { kind, issuer, audience, claim, scheme }
}

function configuration(settings: HaproxySettings): string {
  const { folder, timeouts, targets, monolith } = settings
  const at = (name: string) => `"${folder}/${name}"`
  return `# Rendered from a plan and a route table: change those, not this file.
#
# Weaker than the project's own gateway (docs/gateway.md says how the guard in the databases covers it):
#   - a write that a side refuses since it is not the owner is answered 503; it is not sent once more to the other side
#   - no shadow reads, no limits by user or address, no breakers, no access log of the route table's words
#   - an event stream must say so (Accept: text/event-stream), and ends whenever its extraction's buckets move
#   - a held request's body waits at its client beyond ${KEPT_BYTES / 1024} KiB
global
  # One: what the rules below look up and what they count must not have a change of a map between them.
  nbthread 1
  stats socket ${at('runtime.sock')} mode 600 level admin
  stats timeout 1h
  hard-stop-after 30s
  tune.bufsize ${KEPT_BYTES}
  tune.lua.maxmem 256
  # What it remembers of expressions that matched outlives the map they stood in.
  tune.pattern.cache-size 0
  lua-prepend-path "${LUA}/?.lua"
  setenv BANYAN_SETTINGS ${at('settings.json')}
  lua-load "${LUA}/banyan.lua"

defaults
  mode http
  timeout connect ${timeouts.connectMs}ms
  timeout client ${timeouts.idleMs}ms
  timeout server ${timeouts.uploadMs}ms
  timeout http-request ${timeouts.headMs}ms
  timeout http-keep-alive 65s
  timeout tunnel 1h
  retries 1
  http-reuse safe
${FAILURES.map((status) => `  errorfile ${status} ${at(`${status}.http`)}`).join('\n')}

# What is on its way at a side, by EXTRACTION/BUCKET/read or write: a handover waits until none is.
backend flights
  stick-table type string len 96 size ${flightsOf(targets)} expire 1m store conn_cur

# Writes on their way, by EXTRACTION/BUCKET/CORRELATION-ID: calls that one makes must pass what holds others.
backend nested
  stick-table type string len 224 size 100k expire 10s store conn_cur

frontend metrics
  bind "unix@${folder}/metrics.sock" mode 600
  http-request use-service prometheus-exporter

frontend clients
  bind ${settings.listen.host ?? '127.0.0.1'}:${settings.listen.port}
${request(settings)}
  use_backend %[var(txn.backend)] if { var(txn.backend) -m found }
  default_backend monolith

${backend('monolith', monolith, [], timeouts.uploadMs)}
${Object.entries(targets)
  .flatMap(([name, target]) => sides(settings, name, target))
  .join('\n')}`
}

/** Of a body, before it stops coming; also the length of a line of the runtime API. */
const KEPT_BYTES = 16 * 1024

function request({ folder, auth, timeouts }: HaproxySettings): string {
  const type = 'content-type application/problem+json'
  const rules = [
    `http-request return status 405 ${type} file "${folder}/405.json" hdr allow "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" if METH_TRACE`,
    'http-request deny deny_status 400 if { req.fhdr_cnt(host) gt 1 } or { req.fhdr_cnt(authorization) gt 1 }',
    'http-request deny deny_status 400 if { req.fhdr_cnt(host) eq 0 }',
    ...(auth.kind === 'header'
      ? [`http-request set-var(txn.trusted) req.fhdr(${auth.name.toLowerCase()})`]
      : []),
    '# What would pass for the gateway’s word, in any spelling that a framework reads as such.',
    'http-request del-header ^x[^a-z0-9](user[^a-z0-9](id|email|roles)|banyan[^a-z0-9].*|(original|rewrite)[^a-z0-9]url)$ -m reg',
    'http-request del-header ^(forwarded|x[^a-z0-9]real[^a-z0-9]ip|x-forwarded-([^f]|f[^o]|fo[^r]|for.).*|x[^a-z0-9]forwarded[^a-z0-9-].*|x[^a-z0-9-]forwarded[^a-z0-9].*)$ -m reg',
    'http-request del-header ^(content[^a-z0-9-]length|transfer[^a-z0-9-]encoding|x[^a-z0-9]correlation[^a-z0-9-]id|x[^a-z0-9-]correlation[^a-z0-9]id)$ -m reg',
    ...(auth.kind === 'header'
      ? [
          `http-request set-header ${auth.name} %[var(txn.trusted)] if { var(txn.trusted) -m found }`,
        ]
      : []),
    'option forwardfor',
    'http-request set-header x-forwarded-proto http',
    'http-request set-header x-forwarded-host %[req.hdr(host)]',
    `http-request set-var(txn.correlation) req.fhdr(${CORRELATION_HEADER}) if { req.fhdr(${CORRELATION_HEADER}) -m reg ^[A-Za-z0-9._-]{1,128}$ }`,
    'http-request set-var(txn.correlation) uuid() if !{ var(txn.correlation) -m found }',
    `http-request set-header ${CORRELATION_HEADER} %[var(txn.correlation)]`,
    '# A client that sends slowly is no write in flight meanwhile.',
    `http-request wait-for-body time ${timeouts.bodyMs}ms at-least ${KEPT_BYTES / 2} if !METH_GET !{ req.hdr(upgrade) -m found }`,
    '# Reads the maps, verifies the token, waits while the bucket is held; answers by itself what it refuses.',
    'http-request lua.banyan_place',
    '# From here to the end nothing waits: looked up once more, and counted, in one go.',
    `http-request set-var(txn.now) var(txn.key),map_str(${folder}/buckets.map) if { var(txn.key) -m found }`,
    `http-request return status 503 ${type} file "${folder}/torn.json" hdr retry-after 1 if { var(txn.key) -m found } !{ var(txn.now),strcmp(txn.word) eq 0 }`,
    'http-request track-sc0 var(txn.flight) table flights if { var(txn.flight) -m found }',
    'http-request track-sc1 var(txn.nest) table nested if { var(txn.nest) -m found }',
    'http-response lua.banyan_answered if { var(txn.backend) -m found }',
    `http-response del-header ${NOT_OWNER_HEADER}`,
    `http-response set-header ${CORRELATION_HEADER} %[var(txn.correlation)]`,
    '# Nothing could end it when its bucket moves.',
    'http-response deny deny_status 502 if { var(txn.flight) -m found } { res.hdr(content-type) -m beg text/event-stream }',
  ]
  return rules.map((rule) => `  ${rule}`).join('\n')
}

/** The same server twice: streams are ended by the backend they are in. */
function sides({ monolith, timeouts }: HaproxySettings, name: string, target: string): string[] {
  const own = `http-request set-header host ${new URL(target).host}`
  const { answerMs, idleMs } = timeouts
  return [
    backend(`${name}.source`, monolith, [], answerMs),
    backend(`${name}.target`, target, [own], answerMs),
    backend(`${name}.source.streams`, monolith, [], idleMs),
    backend(`${name}.target.streams`, target, [own], idleMs),
  ]
}

function backend(name: string, url: string, rules: readonly string[], serverMs: number): string {
  const { protocol, hostname, port, pathname } = new URL(url)
  const tls = protocol === 'https:'
  const prefix = pathname.replace(/\/$/, '')
  const lines = [
    `timeout server ${serverMs}ms`,
    ...rules,
    ...(prefix === '' ? [] : [`http-request set-path "${prefix}%[path]"`]),
    `server it ${hostname}:${port || (tls ? 443 : 80)}${tls ? ` ssl verify required ca-file @system-ca sni str(${hostname})` : ''}`,
  ]
  return `backend ${name}\n${lines.map((line) => `  ${line}\n`).join('')}`
}

/** Each bucket of each extraction, to read and to write, and room: what is not in the table is not counted. */
function flightsOf(targets: HaproxySettings['targets']): number {
  return Math.max(1, Object.keys(targets).length) * 2 * 1024 * 2
}
