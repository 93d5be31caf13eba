import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { resolveExtraction } from '../plan.ts'
import { examplePlan } from '../testing/example-plan.ts'
import { runCommand } from './command.ts'
import { MetricGates } from './metric-gates.ts'
import { askPrometheus } from './prometheus.ts'
import type { MetricGate, PrometheusSource } from './setting.ts'

const never = new AbortController().signal

/** Answers as the test wants it, and remembers what it was asked. */
let answer: (request: IncomingMessage, response: ServerResponse, body: string) => void
const asked: { path: string; authorization: string | undefined; form: URLSearchParams }[] = []
const server = createServer(async (request, response) => {
  const body = await text(request)
  const { authorization } = request.headers
  asked.push({ path: request.url ?? '', authorization, form: new URLSearchParams(body) })
  answer(request, response, body)
})
let url = ''

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const vector = (...values: string[]) => ({
  status: 'success',
  data: {
    resultType: 'vector',
    result: values.map((value) => ({ metric: {}, value: [1, value] })),
  },
})
const says = (body: object, status = 200) => {
  answer = (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
}
const ask = (change: Partial<PrometheusSource> = {}, timeoutMs = 5_000) =>
  askPrometheus({ url, query: 'up', ...change }, timeoutMs, never)

describe('a query', () => {
  it('is asked with its window, as whom the environment says', async () => {
    process.env.PROM_SECRET = 's3cret'
    onTestFinished(() => {
      delete process.env.PROM_SECRET
    })
    says(vector('0.25', '+Inf'))
    const query = 'rate(errors_total[$window])'
    const auth = { token: 'PROM_SECRET' }
    const values = await ask({ url: `${url}/prefix/`, query, window: '2m', auth })
    expect(values).toEqual([0.25, Number.POSITIVE_INFINITY])
    const { path, authorization, form } = asked.at(-1)!
    expect({ path, authorization, query: form.get('query') }).toEqual({
      path: '/prefix/api/v1/query',
      authorization: 'Bearer s3cret',
      query: 'rate(errors_total[2m])',
    })
    await ask({ auth: { user: 'me', password: 'PROM_SECRET' } })
    const credentials = Buffer.from('me:s3cret').toString('base64')
    expect(asked.at(-1)!.authorization).toBe(`Basic ${credentials}`)
  })

  it('may be of a scalar', async () => {
    says({ status: 'success', data: { resultType: 'scalar', result: [1, '3'] } })
    expect(await ask()).toEqual([3])
  })

  it.each<[string, () => void, RegExp]>([
    ['finds nothing', () => says(vector()), /finds no series/],
    ['finds no number', () => says(vector('NaN')), /no number/],
    [
      'is wrong',
      () => says({ status: 'error', errorType: 'bad_data', error: 'parse error' }, 400),
      /bad_data: parse error/,
    ],
    [
      'is of a range',
      () => says({ status: 'success', data: { resultType: 'matrix', result: [] } }),
      /no instant vector/,
    ],
    ['is answered by something else', () => says({ hello: 'there' }, 404), /answered 404/],
    [
      'is sent elsewhere',
      () => {
        answer = (_, response) => response.writeHead(307, { location: `${url}/other` }).end()
      },
      /answered 307/,
    ],
    [
      'is answered without end',
      () => says(vector(...Array.from({ length: 50_000 }, () => '0.123456789'))),
      /longer than/,
    ],
  ])('that %s says so, and gives no value', async (_, prepare, words) => {
    prepare()
    await expect(ask()).rejects.toThrow(words)
    expect(asked.at(-1)!.path).toBe('/api/v1/query')
  })

  it('that is not answered in time, or by nobody, says so', async () => {
    answer = () => {}
    await expect(ask({}, 100)).rejects.toThrow('no answer within 100 ms')
    await expect(ask({ url: 'http://127.0.0.1:1' })).rejects.toThrow('ECONNREFUSED')
  })

  it('whose secret is not there names the variable', async () => {
    await expect(ask({ auth: { token: 'NOT_THERE' } })).rejects.toThrow('NOT_THERE is not set')
  })
})

describe('a command', () => {
  const sh = (script: string, more: { env?: string[]; ms?: number; signal?: AbortSignal } = {}) =>
    runCommand(
      { run: ['sh', '-c', script, 'sh', '$(exit 1)'], ...(more.env ? { env: more.env } : {}) },
      'things',
      more.ms ?? 20_000,
      more.signal ?? never,
    )

  it('prints a number, given its arguments as they are and no other variables than named', async () => {
    process.env.GIVEN_TO_IT = '4'
    process.env.KEPT_FROM_IT = '100'
    onTestFinished(() => {
      delete process.env.GIVEN_TO_IT
      delete process.env.KEPT_FROM_IT
    })
    const script = `[ "$1 $BANYAN_EXTRACTION" = '$(exit 1) things' ] && echo $((GIVEN_TO_IT + \${KEPT_FROM_IT:-0}))`
    expect(await sh(script, { env: ['GIVEN_TO_IT'] })).toEqual([4])
  })

  it.each([
    ['ends badly', 'echo no such host >&2; exit 3', /ended with 3: no such host/],
    ['prints no number', 'echo fine', /must print a number, and printed: fine/],
    ['prints nothing', '', /printed: nothing/],
    ['prints without end', 'while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done', /more than/],
  ])('that %s says so, and gives no value', async (_, script, words) => {
    await expect(sh(script)).rejects.toThrow(words)
  })

  it('that is not there says so', async () => {
    const run = ['/no/such/program']
    await expect(runCommand({ run }, 'things', 5_000, never)).rejects.toThrow('ENOENT')
  })

  // Whoever holds its output open is waited for: they end only since they are killed.
  it('that takes too long is killed with all it has started', async () => {
    await expect(sh('sleep 600 & sleep 600', { ms: 100 })).rejects.toThrow('not done within 100 ms')
  })

  it('that ends leaves nobody behind', async () => {
    expect(await sh('sleep 600 & echo 7')).toEqual([7])
  })

  it('is killed when nobody needs it any more', async () => {
    const abort = new AbortController()
    const running = sh('sleep 600', { signal: abort.signal })
    abort.abort()
    await expect(running).rejects.toThrow('not needed any more')
  })
})

describe('a metric as a gate', () => {
  const gates = (change: Partial<MetricGate> = {}) => {
    const gate: MetricGate = {
      ...{ name: 'failures', prometheus: { url, query: 'failures' }, require: { atMost: 0.05 } },
      ...change,
    }
    const plan = resolveExtraction(examplePlan({ metrics: [gate] }), 'things')
    const made = new MetricGates(plan)
    onTestFinished(() => made.stop())
    return made
  }
  /** Looks until something was read after `since`. */
  const read = async (made: MetricGates, { since = 0, moved = true } = {}) => {
    made.look()
    await expect
      .poll(() => made.judge(since, moved).figures[0]!.measured, { interval: 5 })
      .not.toBe('not measured yet')
    return made.judge(since, moved)
  }

  it('waits until it is measured, and holds within its bounds', async () => {
    says(vector('0.05', '0.01'))
    const made = gates()
    expect(made.judge(0, true).waiting).toEqual(['failures: to be measured'])
    expect(await read(made)).toEqual({
      figures: [
        {
          gate: 'failures',
          measured: '0.05; 0 of 2 series out of bounds',
          required: 'at most 0.05',
          state: 'holds',
        },
      ],
      ...{ failed: [], waiting: [] },
    })
  })

  it('does not take for a step what was measured before it', async () => {
    says(vector('0.01'))
    const made = gates()
    await read(made)
    expect(made.judge(Date.now() + 1, true).waiting).toEqual(['failures: to be measured'])
  })

  it('fails beyond its bounds when users have moved, in any of its series', async () => {
    says(vector('0.01', '0.06'))
    const made = gates()
    expect((await read(made)).failed).toEqual(['failures: 0.06 is not at most 0.05'])
    expect(made.judge(0, false)).toMatchObject({
      failed: [],
      waiting: ['failures: 0.06 is not at most 0.05'],
    })
  })

  it('waits beyond its bounds where the plan says so', async () => {
    says(vector('0.06'))
    const judged = await read(gates({ otherwise: 'wait' }))
    expect(judged).toMatchObject({ failed: [], waiting: ['failures: 0.06 is not at most 0.05'] })
  })

  /** Asks so often, each time when it is due again. @returns how many failed after each. */
  const rounds = async (made: MetricGates, count: number) => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const failed: number[] = []
    for (let i = 0; i < count; i++) {
      vi.setSystemTime(Date.now() + 10_000)
      const since = Date.now()
      const { figures } = await read(made, { since })
      expect(figures[0]!.measured).toBe('unknown: the query finds no series')
      failed.push(made.judge(since, true).failed.length)
    }
    return failed
  }

  it('never fails because nothing is known, however often', async () => {
    says(vector())
    expect(await rounds(gates(), 4)).toEqual([0, 0, 0, 0])
  })

  it('fails when nothing is known three times in a row, where the plan says so', async () => {
    says(vector())
    expect(await rounds(gates({ unknown: 'rollback' }), 4)).toEqual([0, 0, 1, 1])
  })

  it.each<[string, Partial<MetricGate>]>([
    ['either prometheus or command', { command: { run: ['true'] } }],
    ['one of above, atLeast, atMost and below', { require: {} }],
    ['must have no user and password', { prometheus: { url: 'http://a:b@c', query: 'up' } }],
    [
      'if, and only if, the query has $window',
      { prometheus: { url: 'http://c', query: 'up', window: '1m' } },
    ],
    [
      'extractions.0.metrics.0.prometheus.window',
      { prometheus: { url: 'http://c', query: 'x[$window]', window: 'long' } },
    ],
  ])('is refused, saying why: %s', (words, change) => {
    expect(() => gates(change)).toThrow(words)
  })
})
