import {
  type Facets,
  type Filters,
  MOST_VALUES,
  PIECE_RANGES,
  type Query,
  type SuggestQuery,
} from './engine.ts'
import { type Alternative, readWebSearch } from './web-search.ts'

type Clause = Readonly<Record<string, unknown>>

/** The searches that OpenSearch is sent, as its query language says them. */

export function searchBody(query: Query): Clause {
  const { text, type, viewer, theme, author, pieces, limit, offset } = query
  const [gte, lt] = pieces === undefined ? [] : PIECE_RANGES[pieces]
  return {
    from: offset,
    size: limit,
    track_total_hits: false,
    _source: ['id', 'title', 'description'],
    query: {
      bool: {
        filter: [
          { term: { type } },
          seenBy(viewer),
          ...(theme === undefined ? [] : [{ term: { theme } }]),
          ...(author === undefined ? [] : [{ term: { author } }]),
          ...(pieces === undefined
            ? []
            : [{ range: { pieces: { gte, ...(lt === null ? {} : { lt }) } } }]),
          matching(text),
        ],
        should: [ranking(text)],
      },
    },
    // Of two that are as good, always the same comes first: pages must not overlap.
    sort: [{ _score: 'desc' }, { id: 'asc' }],
  }
}

export function facetsBody({
  text,
  type,
  viewer,
}: Omit<Query, keyof Filters | 'limit' | 'offset'>): Clause {
  const values = (field: string) => ({
    terms: { field, size: MOST_VALUES, order: [{ _count: 'desc' }, { _key: 'asc' }] },
  })
  const ranges = Object.entries(PIECE_RANGES).map(([key, [from, to]]) => {
    return { key, from, ...(to === null ? {} : { to }) }
  })
  return {
    size: 0,
    query: { bool: { filter: [seenBy(viewer), matching(text)] } },
    aggs: {
      type: values('type'),
      within: {
        filter: { term: { type } },
        aggs: {
          theme: values('theme'),
          author: values('author'),
          pieces: { range: { field: 'pieces', ranges } },
        },
      },
    },
  }
}

interface Buckets {
  readonly buckets: readonly { readonly key: string; readonly doc_count: number }[]
}

export interface FacetsAnswer {
  readonly type: Buckets
  readonly within: { readonly theme: Buckets; readonly author: Buckets; readonly pieces: Buckets }
}

export function readFacets({ type, within }: FacetsAnswer): Facets {
  const counts = ({ buckets }: Buckets) =>
    buckets
      .filter((bucket) => bucket.doc_count > 0)
      .map(({ key, doc_count }) => ({ value: key, count: doc_count }))
  // Ranges come as they were asked for; the others as often as they occur.
  const pieces = counts(within.pieces).sort(
    (a, b) => b.count - a.count || (a.value < b.value ? -1 : 1),
  )
  return {
    type: counts(type),
    theme: counts(within.theme),
    author: counts(within.author),
    pieces,
  }
}

export function suggestBody({ text, type, viewer, limit }: SuggestQuery): Clause {
  return {
    size: limit,
    track_total_hits: false,
    _source: ['title'],
    query: {
      bool: {
        filter: [seenBy(viewer), ...(type === undefined ? [] : [{ term: { type } }])],
        minimum_should_match: 1,
        should: [
          { prefix: { 'title.whole': { value: text, boost: 100 } } },
          { match: { 'title.begun': { query: text, operator: 'and', boost: 3 } } },
          { match: { 'title.typed': { query: text, operator: 'and', fuzziness: 'AUTO' } } },
        ],
      },
    },
    collapse: { field: 'title.whole' },
    sort: [{ _score: 'desc' }, { 'title.whole': 'asc' }],
  }
}

/** A wishlist is its owner's. */
function seenBy(viewer: string): Clause {
  return {
    bool: {
      minimum_should_match: 1,
      should: [
        { bool: { must_not: { term: { type: 'wishlist' } } } },
        { term: { ownerId: viewer } },
      ],
    },
  }
}

/** What is found: as in PostgreSQL, a word that is none ("the") asks for nothing, and alone finds nothing. */
function matching(text: string): Clause {
  const alternatives = readWebSearch(text)
  if (alternatives.length === 0) return { match_none: {} }
  return { bool: { minimum_should_match: 1, should: alternatives.map(alternative) } }
}

function alternative({ words, phrases, without }: Alternative): Clause {
  const asked = [...words, ...phrases].join(' ')
  return {
    bool: {
      must: [
        ...(words.length === 0 ? [] : [match('match', words.join(' '), { operator: 'and' })]),
        ...phrases.map((phrase) => match('match_phrase', phrase)),
        ...(asked === '' ? [] : [{ match: { text: { query: asked, zero_terms_query: 'none' } } }]),
      ],
      must_not: without.map(({ text, phrase }) => {
        const query = { query: text, zero_terms_query: 'none' }
        return phrase
          ? { match_phrase: { text: query } }
          : { match: { text: { ...query, operator: 'and' } } }
      }),
    },
  }
}

function match(kind: 'match' | 'match_phrase', query: string, more: object = {}): Clause {
  return { [kind]: { text: { query, zero_terms_query: 'all', ...more } } }
}

/**
 * A title counts more than a tag, a tag more than a description, however rare a word is there; among those
 * that match in the same places the better match is first.
 */
function ranking(text: string): Clause {
  const asked = readWebSearch(text).flatMap(({ words, phrases }) => [...words, ...phrases])
  const query = asked.join(' ')
  const places = Object.entries({ title: 1_000, tags: 400, description: 200 })
  return {
    bool: {
      should: [
        ...places.map(([field, boost]) => ({
          constant_score: { filter: { match: { [field]: query } }, boost },
        })),
        { multi_match: { query, type: 'most_fields', fields: places.map(([field]) => field) } },
      ],
    },
  }
}
