import { z } from 'zod'
import { PageQuery, Pagination } from '../../monolith-pages.ts'
import { FORMATS } from './parts/parts.ts'

/** LEGO themes, by the names clients know. */
const THEMES = [
  'Architecture',
  'Art',
  'BIONICLE',
  'Botanicals',
  'Castle',
  'City',
  'Classic',
  'Creator',
  'Disney',
  'DUPLO',
  'Friends',
  'Harry Potter',
  'Icons',
  'Ideas',
  'Jurassic World',
  'Marvel',
  'Minecraft',
  'Monkie Kid',
  'NINJAGO',
  'Pirates',
  'Space',
  'Speed Champions',
  'Star Wars',
  'Super Mario',
  'Technic',
  'Trains',
  'Other',
] as const
const Theme = z.enum(THEMES)
const Title = z.string().trim().min(1).max(200)
const Moment = z.iso.datetime()
const Status = z.enum(['draft', 'complete'])

const Fields = {
  title: Title,
  description: z.string().max(10_000).nullable(),
  author: z.string().max(120).nullable(),
  theme: Theme.nullable(),
  tags: z.array(z.string().trim().min(1).max(40)).max(20),
  thumbnailUrl: z
    .url({ protocol: /^https?$/ })
    .max(1_000)
    .nullable(),
}
/** Each once, however often it is named, and in the spelling that Gallery answers. */
const GalleryIds = z
  .array(z.uuid())
  .max(100)
  .transform((ids) => [...new Set(ids.map((id) => id.toLowerCase()))])

const NAMES_A_FIELD = { error: 'Name at least one field' }
const namesAField = (change: object) => Object.keys(change).length > 0

export const NewMoc = z.strictObject({
  title: Title,
  description: Fields.description.default(null),
  author: Fields.author.default(null),
  theme: Fields.theme.default(null),
  tags: Fields.tags.default([]),
  thumbnailUrl: Fields.thumbnailUrl.default(null),
  galleryImageIds: GalleryIds.default([]),
  galleryAlbumIds: GalleryIds.default([]),
})
export type NewMoc = z.infer<typeof NewMoc>

export const MocChange = z
  .strictObject({
    ...Fields,
    status: Status,
    galleryImageIds: GalleryIds,
    galleryAlbumIds: GalleryIds,
  })
  .partial()
  .refine(namesAField, NAMES_A_FIELD)
export type MocChange = z.infer<typeof MocChange>

export const MocQuery = PageQuery.extend({
  theme: Theme.optional(),
  mine: z.enum(['true', 'false']).optional(),
})
export type MocQuery = z.infer<typeof MocQuery>

export const MocSummary = z.object({
  id: z.uuid(),
  userId: z.string(),
  title: z.string(),
  description: z.string().nullable(),
  author: z.string().nullable(),
  theme: z.string().nullable(),
  tags: z.array(z.string()),
  thumbnailUrl: z.string().nullable(),
  status: Status,
  /** The sum of its parts lists. */
  totalPieceCount: z.int(),
  createdAt: Moment,
  updatedAt: Moment,
})
export type MocSummary = z.infer<typeof MocSummary>

export const Moc = MocSummary.extend({
  galleryImageIds: z.array(z.uuid()),
  galleryAlbumIds: z.array(z.uuid()),
})
export type Moc = z.infer<typeof Moc>

export const MocPage = z.object({ mocs: z.array(MocSummary), pagination: Pagination })
export type MocPage = z.infer<typeof MocPage>

export const PartsListForm = z.object({
  title: Title.optional(),
  format: z.enum(FORMATS).optional(),
})
export type PartsListForm = z.infer<typeof PartsListForm>

export const PartsListChange = z
  .strictObject({
    title: Title.optional(),
    acquiredCount: z.number().int().min(0).optional(),
  })
  .refine(namesAField, NAMES_A_FIELD)
export type PartsListChange = z.infer<typeof PartsListChange>

const listBeforeParts = {
  id: z.uuid(),
  mocId: z.uuid(),
  title: z.string(),
  format: z.enum(FORMATS),
}
const listAfterParts = {
  lotCount: z.int(),
  pieceCount: z.int(),
  acquiredCount: z.int(),
  createdAt: Moment,
  updatedAt: Moment,
}
const Part = z.object({
  part: z.string(),
  color: z.int().nullable(),
  spare: z.boolean(),
  quantity: z.int(),
})

export const PartsListSummary = z.object({ ...listBeforeParts, ...listAfterParts })
export type PartsListSummary = z.infer<typeof PartsListSummary>

export const PartsList = z.object({
  ...listBeforeParts,
  parts: z.array(Part),
  ...listAfterParts,
})
export type PartsList = z.infer<typeof PartsList>

export const AddedPartsList = PartsList.extend({
  /** Lines (CSV) or items (XML) that could not be read, 1-based. */
  rejected: z.array(z.object({ at: z.int(), reason: z.string() })),
})
export type AddedPartsList = z.infer<typeof AddedPartsList>

export const PartsLists = z.object({ partsLists: z.array(PartsListSummary) })
export type PartsLists = z.infer<typeof PartsLists>

export const FILE_KINDS = ['instruction', 'parts-list', 'thumbnail', 'other'] as const

export const FileForm = z.object({ kind: z.enum(FILE_KINDS).default('instruction') })
export type FileForm = z.infer<typeof FileForm>

export const MocFile = z.object({
  id: z.uuid(),
  mocId: z.uuid(),
  kind: z.enum(FILE_KINDS),
  fileName: z.string(),
  mimeType: z.string(),
  sizeBytes: z.int(),
  createdAt: Moment,
})
export type MocFile = z.infer<typeof MocFile>

export const MocFiles = z.object({ files: z.array(MocFile) })
export type MocFiles = z.infer<typeof MocFiles>

/** How far a parts list has come: Processing reads it. */
export const READINGS = ['none', 'waiting', 'read', 'unreadable'] as const

/** A file that Storage holds. */
export const StoredMocFile = MocFile.extend({
  reading: z.enum(READINGS),
  /** Of a parts list: what it was read into, and the job that reads it. */
  partsListId: z.uuid().nullable(),
  jobId: z.uuid().nullable(),
  /** Why it could not be read. */
  problem: z.string().nullable(),
})
export type StoredMocFile = z.infer<typeof StoredMocFile>

export const StoredMocFiles = z.object({ files: z.array(StoredMocFile) })
export type StoredMocFiles = z.infer<typeof StoredMocFiles>

export const DownloadUrl = z.object({ url: z.url(), expiresAt: Moment })

export const CREATION_STATUSES = ['creating', 'created', 'incomplete', 'failed'] as const

export const Problem = z.object({
  code: z.string(),
  message: z.string(),
  /** Whether the same request would be refused again. */
  refused: z.boolean(),
})
export type Problem = z.infer<typeof Problem>

/** A form: `metadata` is the MOC as JSON; files are named `instruction`, `parts-list`, `thumbnail` or `other`. */
export const CreationForm = z.object({
  metadata: z
    .string('Send the MOC as JSON in the field "metadata"')
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text)
      } catch {
        context.addIssue({ code: 'custom', message: 'must be JSON' })
        return z.NEVER
      }
    })
    .pipe(NewMoc),
})

/** How the creation of a MOC with files stands. */
export const Creation = z.object({
  mocId: z.uuid(),
  /** `incomplete`: the MOC and its files are there, but its parts lists are not read. */
  status: z.enum(CREATION_STATUSES),
  problem: Problem.nullable(),
  moc: Moc.nullable(),
  files: z.array(StoredMocFile),
})
export type Creation = z.infer<typeof Creation>
