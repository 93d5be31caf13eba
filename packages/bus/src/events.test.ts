import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { checkCompatible } from './compatibility.ts'
import { checked, defineEvent, EventRegistry } from './events.ts'
import { checkRecorded } from './recorded-schemas.ts'

const FIELDS = {
  orderId: z.uuid(),
  total: z.number().int().min(0),
  note: z.string().optional(),
  state: z.enum(['open', 'paid']),
  lines: z.array(z.object({ sku: z.string(), count: z.number() })),
}

function placed(fields: z.ZodRawShape, version = 1) {
  return defineEvent({ type: 'order.placed', version, payload: z.object(fields) })
}

const BEFORE = placed(FIELDS).written

describe('an event', () => {
  it('is refused with each path that does not fit', () => {
    const definition = placed(FIELDS)
    expect(() => checked(definition, { total: -1, state: 'open', lines: [{ sku: 1 }] })).toThrow(
      /payload\.orderId.*payload\.total.*payload\.lines\.0\.sku.*payload\.lines\.0\.count/,
    )
  })

  it('of an older version is made into the newest one, step by step', () => {
    const definition = defineEvent({
      type: 'order.placed',
      version: 3,
      payload: z.object({ amount: z.object({ cents: z.number(), currency: z.string() }) }),
      upcasts: {
        1: (old: { total: number }) => ({ cents: old.total * 100 }),
        2: (old: { cents: number }) => ({ amount: { cents: old.cents, currency: 'EUR' } }),
      },
    })
    const amount = { cents: 700, currency: 'EUR' }
    expect(definition.parse({ total: 7 }, 1)).toEqual({ amount })
    expect(definition.parse({ cents: 700 }, 2)).toEqual({ amount })
    expect(definition.parse({ amount }, 3)).toEqual({ amount })
    // From a publisher that was deployed first: read as far as it is known.
    expect(definition.parse({ amount, added: true }, 4)).toEqual({ amount })
    expect([definition.knows(1), definition.knows(3)]).toEqual([true, true])
  })

  it.each([
    ['a type with a space', { type: 'order placed' }, 'letters'],
    ['version 0', { version: 0 }, 'version 0'],
    ['a payload that JSON cannot hold', { payload: z.object({ at: z.date() }) }, 'JSON'],
    ['an upcast from its own version', { upcasts: { 1: () => ({}) } }, 'upcast from version 1'],
  ])('cannot be defined with %s', (_, wrong, reason) => {
    const given = { type: 'order.placed', version: 1, payload: z.object({}), ...wrong }
    expect(() => defineEvent(given)).toThrow(reason)
  })

  it('is published under one definition', () => {
    expect(() => new EventRegistry([placed(FIELDS), placed(FIELDS, 2)])).toThrow('twice')
  })
})

describe('a changed event', () => {
  it.each([
    ['nothing', FIELDS],
    ['an optional field more', { ...FIELDS, coupon: z.string().optional() }],
    ['a field with a default more', { ...FIELDS, channel: z.string().default('web') }],
    [
      'a description, and an optional field more further down',
      {
        ...FIELDS,
        total: FIELDS.total.describe('in cents'),
        lines: z.array(
          z.object({ sku: z.string(), count: z.number(), gift: z.boolean().optional() }),
        ),
      },
    ],
  ])('is compatible with %s', (_, fields) => {
    expect(checkCompatible(BEFORE, placed(fields))).toEqual([])
  })

  const { note: _, ...noteless } = FIELDS
  const { total: __, ...totalless } = FIELDS
  it.each([
    ['a field gone', totalless, ['payload.total: is gone']],
    ['an optional field gone', noteless, ['payload.note: is gone']],
    [
      'a field renamed',
      { ...totalless, sum: FIELDS.total },
      ['payload.total: is gone', 'payload.sum: is required now'],
    ],
    ['another type', { ...FIELDS, total: z.string() }, ['payload.total: type was "integer"']],
    [
      'a narrower number',
      { ...FIELDS, total: z.number().int().min(1) },
      ['payload.total: minimum'],
    ],
    ['a narrower enum', { ...FIELDS, state: z.enum(['open']) }, ['payload.state: enum']],
    [
      'a value that others do not know',
      { ...FIELDS, state: z.enum(['open', 'paid', 'lost']) },
      ['payload.state: enum'],
    ],
    ['a required field more', { ...FIELDS, vat: z.number() }, ['payload.vat: is required now']],
    ['an optional field required', { ...FIELDS, note: z.string() }, ['payload.note: is required']],
    [
      'a required field optional',
      { ...FIELDS, total: FIELDS.total.optional() },
      ['payload.total: may be left out'],
    ],
    ['a field that may be null', { ...FIELDS, total: FIELDS.total.nullable() }, ['payload.total']],
    [
      'a field gone further down',
      { ...FIELDS, lines: z.array(z.object({ sku: z.string() })) },
      ['payload.lines[*].count: is gone'],
    ],
  ])('is not compatible with %s, and says where', (_, fields, said) => {
    const problems = checkCompatible(BEFORE, placed(fields))
    for (const text of said) expect(problems.join('\n')).toContain(text)
  })

  it('is not compatible when it refuses what is added later', () => {
    const strict = defineEvent({
      type: 'order.placed',
      version: 1,
      payload: z.strictObject(FIELDS),
    })
    expect(checkCompatible(BEFORE, strict)).toEqual([
      'payload: is strict: a field that is added later would be refused',
    ])
  })
})

describe('recorded schemas', () => {
  const folder = mkdtempSync(join(tmpdir(), 'banyan-schemas-'))
  afterEach(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true, force: true })
  })

  it('are written when asked for, and hold every later change against them', () => {
    vi.stubEnv('BANYAN_RECORD', '1')
    expect(checkRecorded(new EventRegistry([placed(FIELDS)]), folder)).toEqual([])
    vi.unstubAllEnvs()
    expect(checkRecorded(new EventRegistry([placed(FIELDS)]), folder)).toEqual([])
    expect(checkRecorded(new EventRegistry([placed(totalless())]), folder)).toEqual([
      'order.placed.v1.json: payload.total: is gone',
    ])
    expect(checkRecorded(new EventRegistry([placed(totalless(), 2)]), folder)).toEqual([
      'order.placed.v2.json: is not recorded; run the test with BANYAN_RECORD=1',
      'order.placed.v1.json: version 2 has no upcast from 1',
    ])
    writeFileSync(join(folder, 'order.lost.v1.json'), '{}')
    expect(checkRecorded(new EventRegistry([placed(FIELDS)]), folder)).toEqual([
      'order.lost.v1.json: the event is no longer published',
    ])
  })

  it('are not overwritten by what breaks with them', () => {
    vi.stubEnv('BANYAN_RECORD', '1')
    checkRecorded(new EventRegistry([placed(FIELDS)]), folder)
    expect(checkRecorded(new EventRegistry([placed(totalless())]), folder)).toHaveLength(1)
    expect(checkRecorded(new EventRegistry([placed(totalless())]), folder)).toHaveLength(1)
  })

  function totalless() {
    const { total: _, ...rest } = FIELDS
    return rest
  }
})
