import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Change, type Content, merge, type StoredDocument } from './document.ts'

const NOTHING: StoredDocument = { type: 'moc', id: '1', content: {}, versions: {}, gone: false }

const after = (changes: readonly Change[]) =>
  changes.reduce((document, change) => merge(document, change) ?? document, NOTHING)

const content = fc.record<Partial<Content>>(
  {
    title: fc.constantFrom('A', 'B', 'C'),
    description: fc.constantFrom('x', null),
    tags: fc.constantFrom(['red'], []),
    pieces: fc.nat(3),
    hidden: fc.boolean(),
  },
  { requiredKeys: [] },
)

/** No two at one moment: what is said last then is believed, whichever that is. */
const changes = fc
  .uniqueArray(
    fc.tuple(
      fc.nat(1_000),
      fc.oneof({ weight: 9, arbitrary: content }, fc.constant('gone' as const)),
    ),
    {
      selector: ([version]) => version,
      maxLength: 8,
    },
  )
  .map((all) =>
    all.map(([version, said]): Change => ({ type: 'moc', id: '1', version, content: said })),
  )

it('ends the same whatever the order in which changes come, and however often', () => {
  const orders = changes.chain((all) => {
    return fc.tuple(
      fc.constant(all),
      fc.shuffledSubarray([...all, ...all], { minLength: all.length * 2 }),
    )
  })
  fc.assert(
    fc.property(orders, ([inOrder, mixed]) => {
      const sorted = [...inOrder].sort((a, b) => a.version - b.version)
      const { content: said, gone } = after(mixed)
      // What is said of what is gone is not kept, so versions may differ.
      expect({ said, gone }).toEqual({ said: after(sorted).content, gone: after(sorted).gone })
    }),
  )
})

it('tells a change that nobody can see from one that somebody can', () => {
  const first = merge(NOTHING, { type: 'moc', id: '1', version: 5, content: { title: 'A' } })!
  expect(first.seen).toBe(true)
  const again = merge(first, { type: 'moc', id: '1', version: 6, content: { title: 'A' } })!
  expect(again).toMatchObject({ seen: false, versions: { title: 6 } })
  expect(merge(again, { type: 'moc', id: '1', version: 5, content: { title: 'B' } })).toBeNull()
})

it('keeps nothing of what is gone', () => {
  const gone = after([
    { type: 'moc', id: '1', version: 1, content: { title: 'A', ownerId: 'ada' } },
    { type: 'moc', id: '1', version: 2, content: 'gone' },
    { type: 'moc', id: '1', version: 3, content: { title: 'B' } },
  ])
  expect(gone).toMatchObject({ content: {}, versions: {}, gone: true })
})
