import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { resolveExtraction, resolveNotify } from '../plan.ts'
import type { LedgerEntry } from '../status.ts'
import { examplePlan } from '../testing/example-plan.ts'
import { BeforeStep, type Permission, type Step } from './before-step.ts'
import { occasionOf } from './occasion.ts'
import { signatureOf } from './post.ts'
import type { WebhooksPlan } from './setting.ts'

interface Heard {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const heard: Heard[] = []
/** What is answered, the last one from then on; null: nothing. */
let answers: (readonly [status: number, body?: string] | null)[] = []
const server = createServer(async (request, response) => {
  heard.push({ path: request.url ?? '', headers: request.headers, body: await text(request) })
  const answer = answers.length > 1 ? answers.shift() : answers[0]
  if (answer) response.writeHead(answer[0], { location: '/elsewhere' }).end(answer[1])
})
let url = ''

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
beforeEach(() => {
  heard.length = 0
  answers = [[204]]
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const STEP: Step = {
  ...{ extraction: 'things', name: 'canary 10 %', percent: 10, revision: 7 },
  since: new Date('2026-11-22T10:00:00Z'),
}

type Before = NonNullable<WebhooksPlan['before']>[number]
function asking(...changes: Partial<Before>[]) {
  const before = changes.map((change, i) => ({ name: `hook-${i}`, url, ...change }))
  const { webhooks } = resolveExtraction(examplePlan({ webhooks: { before } }), 'things')
  const made = new BeforeStep(webhooks.before)
  onTestFinished(() => made.stop())
  return made
}

/** Asks until it is decided. */
async function decided(made: BeforeStep, step = STEP): Promise<Permission> {
  await expect
    .poll(() => 'waitsFor' in made.permission(step), { interval: 5, timeout: 10_000 })
    .toBe(false)
  return made.permission(step)
}

describe('a webhook before a step', () => {
  it('is asked once, signed, and lets it begin', async () => {
    process.env.HOOK_KEY = 'a key'
    onTestFinished(() => {
      delete process.env.HOOK_KEY
    })
    const made = asking({ secret: 'HOOK_KEY' })
    expect(made.permission(STEP)).toEqual({
      granted: false,
      waitsFor: 'the webhook "hook-0" before canary 10 %',
    })
    expect(await decided(made)).toEqual({ granted: true })
    expect(made.permission({ ...STEP, revision: 8 })).toEqual({ granted: true })
    expect(heard).toHaveLength(1)
    const { headers, body } = heard[0]!
    expect(JSON.parse(body)).toEqual({
      ...{ id: headers['banyan-id'], when: 'before', extraction: 'things' },
      ...{ step: 'canary 10 %', percent: 10, since: '2026-11-22T10:00:00.000Z' },
    })
    const timestamp = String(headers['banyan-timestamp'])
    expect(Math.abs(Date.now() / 1000 - Number(timestamp))).toBeLessThan(60)
    expect(headers['banyan-signature']).toBe(signatureOf('a key', timestamp, body))
    // Known from elsewhere: printf '%s' '1.{}' | openssl dgst -sha256 -hmac 'a key'
    expect(signatureOf('a key', '1', '{}')).toBe(
      'v1=79077906889f44243e70a52fa8b054a91dd91d51dd09cbf6a7b8739e5b1d645b',
    )
  })

  it.each([
    ['{"reason":"a release is under way"}', 'refuses: a release is under way'],
    ['not\ntoday', 'refuses: not today'],
    ['', 'refuses: without a reason'],
  ])('may refuse, with its reason: %s', async (body, why) => {
    answers = [[409, body]]
    expect(await decided(asking({}, {}))).toEqual({
      granted: false,
      refused: { webhook: 'hook-0', why },
    })
    expect(heard).toHaveLength(1)
  })

  it('is asked anew when it is wanted again, as another question', async () => {
    answers = [[409, 'no'], [204]]
    const made = asking({})
    await decided(made)
    made.forget()
    expect(await decided(made, { ...STEP, revision: 9 })).toEqual({ granted: true })
    expect(new Set(heard.map(({ headers }) => headers['banyan-id'])).size).toBe(2)
  })

  it('that does not answer is asked again with the same id, whichever engine asks', async () => {
    answers = [[500, 'oops'], [204]]
    expect(await decided(asking({}))).toEqual({ granted: true })
    await decided(asking({}))
    const ids = heard.map(({ headers, body }) => [headers['banyan-id'], JSON.parse(body).id])
    expect(ids).toHaveLength(3)
    expect(new Set(ids.flat()).size).toBe(1)
  })

  it.each<[string, () => void, Partial<Before>, RegExp]>([
    ['fails', () => (answers = [[503, 'down']]), {}, /asked 1 times: answered 503: down/],
    ['sends elsewhere', () => (answers = [[307]]), {}, /answered 307/],
    ['says nothing', () => (answers = [null]), { timeoutMs: 100 }, /no answer within 100 ms/],
    ['says too much', () => (answers = [[200, 'x'.repeat(70_000)]]), {}, /longer than 65536/],
    ['is not there', () => {}, { url: 'http://127.0.0.1:1' }, /ECONNREFUSED/],
    ['has no key', () => {}, { secret: 'NO_SUCH_KEY' }, /NO_SUCH_KEY is not set/],
  ])('that %s stops the step, and says so', async (_, prepare, change, words) => {
    prepare()
    const permission = await decided(asking({ attempts: 1, ...change }))
    expect(permission).toMatchObject({ granted: false, refused: { webhook: 'hook-0' } })
    expect('refused' in permission && permission.refused.why).toMatch(words)
    expect(heard.every(({ path }) => path === '/')).toBe(true)
  })
})

describe('a plan', () => {
  it.each([
    ['either url or urlFrom', { before: [{ name: 'a' }] }],
    [
      'names must differ',
      {
        after: [
          { name: 'a', url: 'http://a' },
          { name: 'a', url: 'http://b' },
        ],
      },
    ],
    ['no user and password', { after: [{ name: 'a', url: 'http://me:pass@b' }] }],
    ['name of an environment variable', { after: [{ name: 'a', urlFrom: 'https://b' }] }],
  ])('with webhooks that cannot be is refused: %s', (words, webhooks) => {
    expect(() => resolveExtraction(examplePlan({ webhooks }), 'things')).toThrow(words)
  })

  it('tells of phases, rollbacks and what waits for a person, and of extractions that there are', () => {
    const plan = examplePlan()
    const one = { name: 'ops', urlFrom: 'OPS_URL', extractions: ['things'] }
    expect(resolveNotify({ ...plan, notify: [one] })[0]).toMatchObject({
      ...{ about: ['phases', 'rollbacks', 'person'], format: 'json', timeoutMs: 5_000 },
    })
    const other = { ...one, extractions: ['thongs'] }
    expect(() => resolveNotify({ ...plan, notify: [other] })).toThrow('no extraction "thongs"')
  })
})

describe('an entry of the ledger', () => {
  const entry = (kind: LedgerEntry['kind'], what: string, detail: Record<string, unknown> = {}) =>
    occasionOf({
      ...{ seq: 1, at: '2026-11-22T10:00:00.000Z', extraction: 'things', previous: '', hash: '' },
      ...{ kind, what, detail },
    })

  it.each([
    ['fact', 'canary', { percent: 10 }, ['phases'], 'things: canary, to 10 %'],
    ['fact', 'rolled back', {}, ['phases', 'rollbacks', 'steps'], 'things: rolled back'],
    ['fact', 'step done', { step: 'canary 10 %' }, ['steps'], 'things: canary 10 % is done'],
    [
      'fact',
      'paused',
      { why: '3 rows differ' },
      ['person'],
      'things: paused, and waits for a person (3 rows differ)',
    ],
    [
      'fact',
      'awaits a person',
      { for: 'promote' },
      ['person'],
      'things: waits for a person: banyan promote things',
    ],
    [
      'decision',
      'rollback',
      { gates: ['error rate 9 %'] },
      ['rollbacks', 'decisions'],
      'things: rolling back, its gates fail: error rate 9 %',
    ],
    [
      'decision',
      'rollback',
      { by: 'ann', why: 'slow' },
      ['rollbacks', 'decisions'],
      'things: rolling back, decided by ann (slow)',
    ],
    ['decision', 'pause', { by: 'ann' }, ['decisions'], 'things: pause by ann'],
  ] as const)('of %s "%s" is told', (kind, what, detail, about, words) => {
    expect(entry(kind, what, detail)).toEqual({ about, text: words })
  })

  it('of a handover’s steps is told to nobody', () => {
    expect(entry('intent', 'hold')).toBeNull()
    expect(entry('fact', 'verified')).toBeNull()
  })
})
