import { beforeAll, describe, expect, it } from 'vitest'
import type { Change, Content, DocumentType } from './document.ts'
import type { Query, SearchEngine } from './engine.ts'

/** An engine in a test, and how it learns what it is to find. */
export interface EngineUnderTest {
  readonly engine: SearchEngine
  /** Resolves when searches see it. */
  record(changes: readonly Change[]): Promise<void>
}

let clock = 1

const put = (type: DocumentType, id: string, content: Partial<Content>): Change => ({
  type,
  id,
  version: ++clock,
  content: {
    ownerId: 'ada',
    description: null,
    tags: [],
    theme: null,
    author: null,
    pieces: null,
    hidden: false,
    ...content,
  },
})

const MOCS: readonly Change[] = [
  put('moc', 'm1', {
    title: 'Castle of the lion knights',
    description: 'Running water and a drawbridge',
    tags: ['medieval', 'modular building'],
    theme: 'Castle',
    author: 'Ada',
    pieces: 99,
  }),
  put('moc', 'm2', {
    title: 'Small boat',
    description: 'passes below a castle',
    theme: 'Pirates',
    author: 'Bob',
    pieces: 100,
  }),
  put('moc', 'm3', {
    title: 'Red dragon',
    tags: ['castle'],
    theme: 'Castle',
    author: 'Bob',
    pieces: 2_500,
  }),
  put('moc', 'm4', { title: 'Red castles', theme: 'Castle', author: 'Ada', pieces: 2_499 }),
]
const OTHERS: readonly Change[] = [
  put('image', 'i1', { title: 'Castle at night' }),
  put('image', 'i2', { title: 'Castle, flagged', hidden: true }),
  put('wishlist', 'w1', { title: 'Castle set', theme: 'Castle', ownerId: 'ada' }),
  put('wishlist', 'w2', { title: 'Castle of Bob', ownerId: 'bob' }),
  put('set', '6080-1', {
    title: "King's Castle",
    tags: ['6080-1', '6080'],
    theme: 'Castle',
    pieces: 679,
    ownerId: null,
  }),
]

/** What every engine must do. Sets of results are the same for all; the order is each engine's own, but for what stands here. */
export function conforms(name: string, open: () => EngineUnderTest): void {
  describe(`${name} as a search engine`, () => {
    let under: EngineUnderTest
    beforeAll(async () => {
      under = open()
      await under.record([...MOCS, ...OTHERS])
    })
    const search = async (text: string, more: Partial<Query> = {}) =>
      under.engine.search({ text, type: 'moc', viewer: 'ada', limit: 20, offset: 0, ...more })
    const found = async (text: string, more: Partial<Query> = {}) =>
      (await search(text, more)).map(({ id }) => id).sort()

    it.each([
      ['castle', ['m1', 'm2', 'm3', 'm4']],
      ['CASTLES', ['m1', 'm2', 'm3', 'm4']],
      ['runs', ['m1']],
      ['red castle', ['m3', 'm4']],
      ['the castle', ['m1', 'm2', 'm3', 'm4']],
      ['castle -red', ['m1', 'm2']],
      ['"lion knights"', ['m1']],
      ['"knights lion"', []],
      ['castle -"lion knights"', ['m2', 'm3', 'm4']],
      ['boat or dragon', ['m2', 'm3']],
      ['lion castle or red dragon', ['m1', 'm3']],
      ['the', []],
      ['castle moon', []],
      ['cast', []],
      ['& | ! ( ) : * < > \\ \' "', []],
    ])('%s finds %j', async (text, ids) => {
      expect(await found(text)).toEqual(ids)
    })

    it('puts a title before a tag, and a tag before a description', async () => {
      const ids = (await search('castle')).map(({ id }) => id)
      expect(ids.indexOf('m4')).toBeLessThan(ids.indexOf('m3'))
      expect(ids.indexOf('m3')).toBeLessThan(ids.indexOf('m2'))
      const ranks = (await search('castle')).map(({ rank }) => rank)
      expect(ranks).toEqual([...ranks].sort((a, b) => b - a))
    })

    it('answers a page after the other, and each document once', async () => {
      const pages = await Promise.all(
        [0, 1, 2, 3, 4].map((offset) => search('castle', { limit: 1, offset })),
      )
      expect(pages.flat().map(({ id }) => id)).toEqual((await search('castle')).map(({ id }) => id))
    })

    it('shows a hit with what it is', async () => {
      expect(await search('boat')).toEqual([
        {
          id: 'm2',
          title: 'Small boat',
          description: 'passes below a castle',
          rank: expect.any(Number),
        },
      ])
    })

    it('shows a wishlist to its owner alone, and flagged images to nobody', async () => {
      expect(await found('castle', { type: 'wishlist' })).toEqual(['w1'])
      expect(await found('castle', { type: 'wishlist', viewer: 'bob' })).toEqual(['w2'])
      expect(await found('castle', { type: 'image' })).toEqual(['i1'])
      const suggest = { text: 'castle', type: undefined, limit: 20 }
      const titles = await under.engine.suggest({ ...suggest, viewer: 'bob' })
      expect(titles).toContain('Castle of Bob')
      expect(titles).not.toContain('Castle set')
      expect(titles).not.toContain('Castle, flagged')
      const { type } = await under.engine.facets({ text: 'castle', type: 'moc', viewer: 'bob' })
      expect(type).toContainEqual({ value: 'wishlist', count: 1 })
      expect(type).toContainEqual({ value: 'image', count: 1 })
    })

    it('narrows by theme, author and pieces', async () => {
      expect(await found('castle', { theme: 'Castle', author: 'Ada' })).toEqual(['m1', 'm4'])
      expect(await found('castle', { pieces: 'under-100' })).toEqual(['m1'])
      expect(await found('castle', { pieces: '100-499' })).toEqual(['m2'])
      expect(await found('castle', { pieces: '1000-2499' })).toEqual(['m4'])
      expect(await found('castle', { pieces: '2500-and-more' })).toEqual(['m3'])
    })

    it('counts what there is of each kind', async () => {
      expect(await under.engine.facets({ text: 'castle', type: 'moc', viewer: 'ada' })).toEqual({
        type: [
          { value: 'moc', count: 4 },
          { value: 'image', count: 1 },
          { value: 'set', count: 1 },
          { value: 'wishlist', count: 1 },
        ],
        theme: [
          { value: 'Castle', count: 3 },
          { value: 'Pirates', count: 1 },
        ],
        author: [
          { value: 'Ada', count: 2 },
          { value: 'Bob', count: 2 },
        ],
        pieces: [
          { value: '100-499', count: 1 },
          { value: '1000-2499', count: 1 },
          { value: '2500-and-more', count: 1 },
          { value: 'under-100', count: 1 },
        ],
      })
    })

    it('suggests what is being typed, also when it is mistyped', async () => {
      const suggest = (text: string, type?: DocumentType) =>
        under.engine.suggest({ text, type, viewer: 'ada', limit: 5 })
      expect((await suggest('ca', 'moc'))[0]).toBe('Castle of the lion knights')
      expect((await suggest('red dr'))[0]).toBe('Red dragon')
      expect((await suggest('drago'))[0]).toBe('Red dragon')
      expect((await suggest('dragno'))[0]).toBe('Red dragon')
      expect(await suggest('%')).toEqual([])
      expect((await suggest('castle', 'set'))[0]).toBe("King's Castle")
    })

    it('finds what changed by its new words, and what is gone by none', async () => {
      await under.record([put('moc', 'm9', { title: 'Windmill' })])
      expect(await found('windmill')).toEqual(['m9'])
      await under.record([put('moc', 'm9', { title: 'Watermill' })])
      expect(await found('windmill')).toEqual([])
      expect(await found('watermill')).toEqual(['m9'])
      await under.record([{ type: 'moc', id: 'm9', version: ++clock, content: { hidden: true } }])
      expect(await found('watermill')).toEqual([])
      await under.record([{ type: 'moc', id: 'm9', version: ++clock, content: { hidden: false } }])
      expect(await found('watermill')).toEqual(['m9'])
      await under.record([{ type: 'moc', id: 'm9', version: ++clock, content: 'gone' }])
      expect(await found('watermill')).toEqual([])
    })

    it('is well', () => under.engine.health())
  })
}
