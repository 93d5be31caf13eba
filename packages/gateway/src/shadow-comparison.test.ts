import { describe, expect, it } from 'vitest'
import { type ComparedAnswer, differences } from './json-difference.ts'
import { Comparison } from './shadow-comparison.ts'
import { LearnedNoise } from './shadow-noise.ts'
import { ModelRoute, Score } from './testing/shadow-model.ts'

const SEED = Number(process.env.BANYAN_SEED ?? 7)
/** More routes make the figures of docs/gateway.md. */
const ROUTES = Number(process.env.BANYAN_SHADOW_ROUTES ?? 14)
const REQUESTS = 250

function measure(): Score {
  const score = new Score()
  for (let i = 0; i < ROUTES; i++) {
    const route = new ModelRoute({ seed: SEED * 100_000 + i, wrong: 0.01 })
    const learned = new LearnedNoise()
    for (let j = 0; j < REQUESTS; j++) route.request(new Comparison([], learned, 3), score)
  }
  const { compared, wrong, told, falseAlarms, unsteady } = score
  console.log(
    `seed ${SEED}: ${compared} answers, ${wrong} wrong, ${told} of them told; ` +
      `${falseAlarms} others told, ${unsteady} not judged`,
  )
  return score
}

const answer = (value: unknown): ComparedAnswer => ({
  status: 200,
  contentType: 'application/json',
  body: Buffer.from(JSON.stringify(value)),
})
const places = (owner: unknown, other: unknown) =>
  differences(answer(owner), answer(other)).map(({ path }) => path)

it('tells a wrong field in 99 of 100 answers and nothing in 999 of 1,000 that are right, through noise, lag and changes', () => {
  const { recall, falseAlarmShare } = measure()
  expect(recall).toBeGreaterThanOrEqual(0.99)
  expect(falseAlarmShare).toBeLessThanOrEqual(0.001)
})

describe('arrays', () => {
  const a = { id: 1, name: 'a' }
  const b = { id: 2, name: 'b' }
  const c = { id: 3, name: 'c' }

  it('differ in their order alone when their elements are the same', () => {
    expect(places({ items: [a, b, c] }, { items: [c, a, b] })).toEqual(['$.items.order'])
    expect(places([1, 2], [2, 1])).toEqual(['$.order'])
  })

  it('are compared by elements that belong together', () => {
    expect(places([a, b, c], [c, b, { ...a, name: 'x' }])).toEqual(['$.order', '$[*].name'])
    expect(places([a, b, c], [b, c])).toEqual(['$.length'])
    expect(
      places([{ items: [a, b] }, { items: [c] }], [{ items: [c] }, { items: [b, a] }]),
    ).toEqual(['$.order', '$[*].items.order'])
  })

  it('of many elements are compared by the field that names them', () => {
    const many = Array.from({ length: 500 }, (_, i) => ({ id: `n${i}`, at: i, state: 'on' }))
    const other = many.map((one, i) => ({ ...one, at: -1, state: i === 9 ? 'off' : 'on' }))
    expect(places(many, other.toReversed())).toEqual(['$.order', '$[*].at', '$[*].state'])
  })
})

it('tells a value that is noise when it is missing or of another type', () => {
  const learned = new LearnedNoise()
  let id = 0
  const owner = () => answer({ id: `${id++}` })
  for (const other of [{ id: null }, {}, { id: 4 }]) {
    const comparison = new Comparison([], learned, 1)
    expect(comparison.first(owner(), answer(other))).toBe('again')
    const verdict = comparison.again(owner(), answer(other), owner())
    expect(verdict).toEqual([expect.objectContaining({ path: '$.id', kind: true })])
  }
})

it('learns what is noise on a route, so that later answers are not asked for again', () => {
  const learned = new LearnedNoise()
  let at = 0
  const next = () => answer({ at: at++, n: 1 })
  for (let i = 0; i < 3; i++) {
    const comparison = new Comparison([], learned, 3)
    expect(comparison.first(next(), next())).toBe('again')
    expect(comparison.again(next(), next(), next())).toEqual([])
  }
  expect(new Comparison([], learned, 3).first(next(), next())).toEqual([])
  expect(new Comparison([], learned, 3).first(next(), answer({ at: 0, n: 2 }))).toBe('again')
})

it('does not take for a fault what has just changed at the owner', () => {
  const comparison = new Comparison([], new LearnedNoise(), 1)
  expect(comparison.first(answer({ n: 1 }), answer({ n: 0 }))).toBe('again')
  expect(comparison.again(answer({ n: 2 }), answer({ n: 1 }), answer({ n: 2 }))).toBe('again')
  const verdict = comparison.again(answer({ n: 2 }), answer({ n: 1 }), answer({ n: 2 }))
  expect(verdict).toEqual([expect.objectContaining({ path: '$.n', owner: '2', other: '1' })])
})
