// What the API answers, as far as the page reads it: the same from the monolith and from the services.

export interface Pagination {
  readonly page: number
  readonly totalPages: number
  readonly total: number
}

export interface MocSummary {
  readonly id: string
  readonly userId: string
  readonly title: string
  readonly description: string | null
  readonly author: string | null
  readonly theme: string | null
  readonly tags: readonly string[]
  readonly thumbnailUrl: string | null
  readonly status: 'draft' | 'complete'
  readonly totalPieceCount: number
}

export interface Moc extends MocSummary {
  readonly galleryImageIds: readonly string[]
}

export interface PartsListSummary {
  readonly id: string
  readonly title: string
  readonly format: string
  readonly lotCount: number
  readonly pieceCount: number
  readonly acquiredCount: number
}

/** Of an upload: lines of the file that could not be read. */
export interface AddedPartsList extends PartsListSummary {
  readonly rejected: readonly { readonly at: number; readonly reason: string }[]
}

export type FileKind = 'instruction' | 'parts-list' | 'thumbnail' | 'other'

export interface MocFile {
  readonly id: string
  readonly kind: FileKind
  readonly fileName: string
  readonly sizeBytes: number
}

/** A file that came with its MOC, and how far its parts list is read. */
export interface StoredFile extends MocFile {
  readonly reading: 'none' | 'waiting' | 'read' | 'unreadable'
  readonly problem: string | null
}

/** How the creation of a MOC with its files stands. */
export interface Creation {
  readonly mocId: string
  readonly status: 'creating' | 'created' | 'incomplete' | 'failed'
  readonly problem: { readonly message: string; readonly refused: boolean } | null
  readonly files: readonly StoredFile[]
}

export interface Image {
  readonly id: string
  readonly userId: string
  readonly title: string
  readonly description: string | null
  readonly tags: readonly string[]
  readonly imageUrl: string
  readonly thumbnailUrl: string | null
  readonly flagged: boolean
}

export interface WishlistItem {
  readonly id: string
  readonly title: string
  readonly description: string | null
  readonly productLink: string | null
  readonly imageUrl: string | null
  readonly category: string | null
  readonly quantity: number
  readonly price: number | null
  readonly isAcquired: boolean
}

export interface Profile {
  readonly userId: string
  readonly displayName: string
  readonly bio: string | null
  readonly avatarUrl: string | null
  readonly location: string | null
  readonly preferences: Readonly<Record<string, string | number | boolean>>
}

export interface Hit {
  readonly id: string
  readonly title: string
  readonly description: string | null
}

/** LEGO themes: what the API takes as a MOC's theme and as a wishlist item's category. */
export const THEMES = [
  ...['Architecture', 'Art', 'BIONICLE', 'Botanicals', 'Castle', 'City', 'Classic', 'Creator'],
  ...['Disney', 'DUPLO', 'Friends', 'Harry Potter', 'Icons', 'Ideas', 'Jurassic World', 'Marvel'],
  ...['Minecraft', 'Monkie Kid', 'NINJAGO', 'Pirates', 'Space', 'Speed Champions', 'Star Wars'],
  ...['Super Mario', 'Technic', 'Trains', 'Other'],
]
