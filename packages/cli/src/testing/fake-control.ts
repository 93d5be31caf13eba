import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { BanyanError, PROBLEM_TYPE, type RouteTable } from '@banyan/contracts'
import type {
  ControlEvent,
  ControlStatus,
  ExtractionStatus,
  LedgerEntry,
  RepairAnswer,
  Why,
} from '@banyan/migration'

export const TOKEN = 'a-token-for-the-tests'

export function extractionStatus(change: Partial<ExtractionStatus> = {}): ExtractionStatus {
  const stream = {
    state: 'streaming',
    lagMs: 12,
    lagBytes: 2048,
    keptBytes: 4096,
    keptFor: null,
    transactions: 7,
    rows: 9,
    refusedRows: 0,
    position: '0/2A',
  }
  const side = { requests: 1200, errors: 1, p50Ms: 3, p95Ms: 12 }
  return {
    extraction: 'notes',
    kind: 'tables',
    index: null,
    at: '2024-05-01T10:02:00.000Z',
    phase: 'canary',
    phaseSince: '2024-05-01T09:59:00.000Z',
    paused: false,
    pausedWhy: null,
    percent: 10,
    goal: 50,
    waitsFor: ['12 s of watching', '3 of 50 requests at the service'],
    gates: [
      { gate: 'error rate', measured: '0.1 %', required: 'at most 1 %', state: 'holds' },
      { gate: 'requests at the service', measured: '3', required: 'at least 50', state: 'waits' },
    ],
    trouble: null,
    copy: {
      rows: 25_000,
      total: 100_000,
      rowsPerSecond: 5000,
      etaSeconds: 15,
      done: false,
      throttle: { rowsPerSecond: 5000, by: 'hand', why: 'banyan throttle' },
    },
    streams: { forward: stream, reverse: { ...stream, lagMs: null, state: 'idle' } },
    lagMs: { p50: 10, p99: 40 },
    verify: {
      runs: 2,
      rows: 100_000,
      rowsPerSecond: 50_000,
      rowsInRun: null,
      divergent: 0,
      at: '2024-05-01T10:00:00.000Z',
      examples: [],
      divergentRows: [],
    },
    shadow: { compared: 300, differing: 1, dropped: 2, differences: [] },
    traffic: { source: side, target: side },
    handovers: [
      {
        from: 'source',
        to: 'target',
        buckets: 102,
        holdMs: 43,
        attempt: 1,
        outcome: 'done',
        why: null,
        at: '2024-05-01T10:00:05.000Z',
      },
      {
        from: 'source',
        to: 'target',
        buckets: 410,
        holdMs: 90,
        attempt: 1,
        outcome: 'aborted',
        why: 'a request in flight',
        at: '2024-05-01T10:01:05.000Z',
      },
    ],
    holdMs: { p50: 43, p99: 43 },
    refusals: { source: 4, target: 0 },
    ...change,
  }
}

export function ledgerEntry(change: Partial<LedgerEntry> = {}): LedgerEntry {
  return {
    seq: 1,
    at: '2024-05-01T10:00:00.000Z',
    extraction: 'notes',
    kind: 'decision',
    what: 'start',
    detail: { by: 'ada' },
    previous: '0',
    hash: '1',
    ...change,
  }
}

/** A control plane over real HTTP that holds whatever state a test gives it, and remembers what it was asked. */
export class FakeControl {
  extractions: ExtractionStatus[] = [extractionStatus()]
  entries: LedgerEntry[] = [ledgerEntry()]
  verified = true
  /** The engine that answers. */
  self = 'engine-1'
  gatewayProblem: string | null = null
  table: RouteTable | null = null
  /** Answers an action instead of accepting it. */
  refuse: BanyanError | null = null
  /** Answer to a repair. */
  repaired: RepairAnswer = {
    row: 'public.item:7',
    kind: 'changed',
    columns: ['title', 'size'],
    owner: 'source',
    written: 'target',
    outcome: 'written',
  }
  /** Called after an action was accepted. */
  onAction: (action: string) => void = () => {}
  readonly asked: { action: string; body: unknown }[] = []
  readonly #streams = new Set<ServerResponse>()
  #server: Server
  #port = 0
  #waiting: (() => void)[] = []

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }

  static async start(): Promise<FakeControl> {
    const control = new FakeControl()
    await control.listen()
    return control
  }

  /** Listens, again on the same port after `close`. */
  async listen(): Promise<void> {
    this.#server = createServer((request, response) => void this.#answer(request, response))
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve))
    this.#port = (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Ends every connection, as an engine that is killed does. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    this.#streams.clear()
    await closed
  }

  status(): ControlStatus {
    return {
      engine: {
        active: 'engine-1',
        url: this.url,
        token: 3,
        self: this.self,
        role: this.self === 'engine-1' ? 'leading' : 'standing by',
      },
      gateways: [
        {
          id: 'gateway-1',
          publicUrl: 'http://127.0.0.1:9000',
          version: 12,
          leaseMs: 9000,
          problem: this.gatewayProblem,
        },
      ],
      extractions: this.extractions,
    }
  }

  why(one: ExtractionStatus): Why {
    const { extraction, kind, phase, paused, pausedWhy, waitsFor, trouble, gates, copy } = one
    return {
      ...{
        extraction,
        kind,
        phase,
        since: one.phaseSince,
        paused,
        pausedWhy,
        waitsFor,
        trouble,
        gates,
      },
      throttle: copy.throttle,
      lastAborted: one.handovers.at(-1)!,
      gateways: this.gatewayProblem ? [{ id: 'gateway-1', problem: this.gatewayProblem }] : [],
      keptFor: [],
      next: [`banyan rollback ${extraction}`],
    }
  }

  send(event: ControlEvent): void {
    for (const stream of this.#streams) stream.write(encode(event))
  }

  /** Resolves when somebody follows the events. */
  async followed(): Promise<void> {
    if (this.#streams.size > 0) return
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (request.headers.authorization !== `Bearer ${TOKEN}`) throw new BanyanError('UNAUTHORISED')
      const { pathname, searchParams } = new URL(request.url!, this.url)
      if (pathname === '/v1/events') return this.#follow(response)
      const answer = await this.#route(request, pathname, searchParams)
      response.writeHead(request.method === 'POST' ? 202 : 200, {
        'content-type': 'application/json',
      })
      response.end(JSON.stringify(answer))
    } catch (error) {
      const problem = (error as BanyanError).toProblem()
      response.writeHead(problem.status, { 'content-type': PROBLEM_TYPE })
      response.end(JSON.stringify(problem))
    }
  }

  async #route(request: IncomingMessage, path: string, query: URLSearchParams): Promise<unknown> {
    if (path === '/v1/status') return this.status()
    if (path === '/v1/ledger') return this.#ledger(null, query)
    if (path === '/v1/table') return { table: this.table }
    if (path === '/v1/retire') {
      if (this.refuse) throw this.refuse
      const body = JSON.parse(await text(request))
      this.asked.push({ action: 'retire', body })
      return { retired: !body.undo, behind: null }
    }
    if (path === '/console/links') {
      this.asked.push({ action: 'link', body: JSON.parse(await text(request)) })
      return { path: '/sign-in#secret', seconds: 900 }
    }
    const [, name, rest] = /^\/v1\/extractions\/([^/]+)(?:\/(.+))?$/.exec(path) ?? []
    const found = this.extractions.find((one) => one.extraction === name)
    if (!found) {
      const known = this.extractions.map((one) => one.extraction).join(', ')
      throw new BanyanError('NO_SUCH_EXTRACTION', { given: name, known })
    }
    if (rest === undefined) return found
    if (rest === 'why') return this.why(found)
    if (rest === 'ledger') return this.#ledger(found.extraction, query)
    if (this.refuse) throw this.refuse
    this.asked.push({ action: rest, body: JSON.parse(await text(request)) })
    this.onAction(rest)
    if (rest === 'repair') return this.repaired
    return found
  }

  #ledger(of: string | null, query: URLSearchParams) {
    const after = Number(query.get('after'))
    const entries = this.entries.filter(({ seq, extraction }) => {
      return seq > after && (of === null || extraction === of)
    })
    return { entries, verified: this.verified }
  }

  #follow(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(encode({ event: 'status', data: this.status() }))
    this.#streams.add(response)
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

function encode({ event, data }: ControlEvent): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}

async function text(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  return body
}
