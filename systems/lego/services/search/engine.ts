import type { DocumentType } from './document.ts'

/** A document as an engine is given it: found by everybody, or, a wishlist item, by its owner alone. */
export interface IndexedDocument {
  readonly type: DocumentType
  readonly id: string
  readonly ownerId: string | null
  readonly title: string
  readonly description: string | null
  readonly tags: readonly string[]
  readonly theme: string | null
  readonly author: string | null
  readonly pieces: number | null
  /** Grows with each change; an engine keeps what has the greatest. */
  readonly revision: number
}

export interface RemovedDocument {
  readonly type: DocumentType
  readonly id: string
  readonly revision: number
}

/** What narrows a search, as facets name it. */
export interface Filters {
  readonly theme?: string | undefined
  readonly author?: string | undefined
  readonly pieces?: PieceRange | undefined
}

export interface Query extends Filters {
  /** Words, "phrases", `or`, and `-word` for what must not be there. */
  readonly text: string
  readonly type: DocumentType
  /** Who asks: only they find what is on their wishlist. */
  readonly viewer: string
  readonly limit: number
  readonly offset: number
}

export interface Hit {
  readonly id: string
  readonly title: string
  readonly description: string | null
  readonly rank: number
}

export interface FacetCount {
  readonly value: string
  readonly count: number
}

/**
 * How many documents there are of each kind: those that match the text, whatever the filters, so that the
 * other choices stay in sight.
 */
export interface Facets {
  /** Over all types that the viewer may see; the others within the type that is asked for. */
  readonly type: readonly FacetCount[]
  /** The 20 that occur most, as is `author`. */
  readonly theme: readonly FacetCount[]
  readonly author: readonly FacetCount[]
  readonly pieces: readonly FacetCount[]
}

export interface SuggestQuery {
  /** The beginning of something, perhaps mistyped. */
  readonly text: string
  readonly type: DocumentType | undefined
  readonly viewer: string
  readonly limit: number
}

/** What finds documents. The conformance suite says how each must behave. */
export interface SearchEngine {
  readonly name: 'postgres' | 'opensearch'
  search(query: Query): Promise<readonly Hit[]>
  facets(query: Omit<Query, keyof Filters | 'limit' | 'offset'>): Promise<Facets>
  /** Titles, the best first, each once. */
  suggest(query: SuggestQuery): Promise<readonly string[]>
  /** @throws when it cannot answer */
  health(): Promise<void>
}

/** What is kept outside of our table, and has to be told of its changes. */
export interface FedEngine extends SearchEngine {
  /** The index that searches see; null when there is none. */
  current(): Promise<string | null>
  /** Makes an empty index, unless it is there. */
  create(index: string): Promise<void>
  /** Searches see this index from now on, in one step; the one before it is deleted. */
  switchTo(index: string): Promise<void>
  /**
   * Puts documents into an index and takes others out; what has a greater revision there stays.
   *
   * @returns the documents that it will not have, ever
   * @throws when it is not sure that all others are in
   */
  feed(changes: FeedBatch, into: string): Promise<readonly Refusal[]>
  close(): Promise<void>
}

export interface FeedBatch {
  readonly index: readonly IndexedDocument[]
  readonly remove: readonly RemovedDocument[]
}

export interface Refusal {
  readonly type: DocumentType
  readonly id: string
  readonly reason: string
}

/** From, and below: pieces of a document. */
export const PIECE_RANGES = {
  'under-100': [0, 100],
  '100-499': [100, 500],
  '500-999': [500, 1_000],
  '1000-2499': [1_000, 2_500],
  '2500-and-more': [2_500, null],
} as const satisfies Record<string, readonly [number, number | null]>

export type PieceRange = keyof typeof PIECE_RANGES
export const PIECE_RANGE_NAMES = Object.keys(PIECE_RANGES) as [PieceRange, ...PieceRange[]]

/** Values of a facet at most. */
export const MOST_VALUES = 20
