export const TYPES = ['moc', 'image', 'wishlist', 'set'] as const
export type DocumentType = (typeof TYPES)[number]

/** What is known of a document; a member is missing until somebody has said it. */
export interface Content {
  readonly ownerId: string | null
  readonly title: string
  readonly description: string | null
  readonly tags: readonly string[]
  readonly theme: string | null
  readonly author: string | null
  readonly pieces: number | null
  /** Flagged: nobody finds it. */
  readonly hidden: boolean
}

/** Something said of a document: some of its content, or that it is gone. */
export interface Change {
  readonly type: DocumentType
  readonly id: string
  /** When it was said, ms since 1970; of two that say the same member the later is believed. */
  readonly version: number
  readonly content: Partial<Content> | 'gone'
}

/** A document as it is kept. */
export interface StoredDocument {
  readonly type: DocumentType
  readonly id: string
  readonly content: Partial<Content>
  readonly versions: Readonly<Partial<Record<keyof Content, number>>>
  /** Ids are never used again: what is gone stays gone, whatever is said later. */
  readonly gone: boolean
}

export interface Merged extends StoredDocument {
  /** Whether anything but versions changed. */
  readonly seen: boolean
}

/**
 * The document after a change. Each member has its own version, so changes may come late, twice, in part and
 * in any order, and the end is the same. Null when the change tells nothing new.
 */
export function merge(document: StoredDocument, change: Change): Merged | null {
  if (document.gone) return null
  // Nothing of it is kept: it was somebody's.
  if (change.content === 'gone') {
    return { ...document, content: {}, versions: {}, gone: true, seen: true }
  }
  const said = Object.entries(change.content) as [keyof Content, Content[keyof Content]][]
  const newer = said.filter(
    ([member, value]) =>
      value !== undefined && change.version >= (document.versions[member] ?? -Infinity),
  )
  if (newer.length === 0) return null
  const content = { ...document.content, ...Object.fromEntries(newer) }
  const versions = Object.fromEntries(newer.map(([member]) => [member, change.version]))
  const seen = newer.some(([member, value]) => !same(document.content[member], value))
  return { ...document, content, versions: { ...document.versions, ...versions }, seen }
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
