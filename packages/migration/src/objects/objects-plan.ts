import type { ObjectSide } from '@banyan/objects'
import { z } from 'zod'

/** Files that move with an extraction. */
export interface ObjectsPlan {
  /** Where the monolith has them. */
  readonly source: ObjectPlace
  /** Where the service has them. */
  readonly target: ObjectPlace
  /** Copied a second at most; unlimited by default. */
  readonly bytesPerSecond?: number
  /**
   * Objects that may be missing on their owner's side, or refused by the other, and the extraction moves
   * nevertheless; 0 by default.
   */
  readonly mostProblems?: number
  /** More of all objects gone at once, 0 to 1, are taken for a folder that is not there; 0.5 by default. */
  readonly mostGoneShare?: number
}

/** Where objects are; keys are the same on both sides, but for a store's prefix. */
export type ObjectPlace = (FolderPlace | StorePlace | CustomPlace) & {
  /** The rows that say which objects there are; what the place itself lists when left out. */
  readonly rows?: ObjectRows
}

interface FolderPlace {
  /** Plain files, as an application keeps them. */
  readonly folder: string
  /** Which folder of a file's path is its owner, from 0. */
  readonly ownerSegment?: number
}

interface StorePlace {
  /** `file:///folder` (encrypted, with its master keys) or `s3://bucket?region=…`, as the package of objects has it. */
  readonly store: string
  /** Of a `file:` store: those it is encrypted with. */
  readonly masterKeys?: string
  /** Of the keys there, e.g. `uploads/`. */
  readonly prefix?: string
  /** Which part of a key, between slashes, is its owner, from 0. */
  readonly ownerSegment?: number
}

interface CustomPlace {
  /** Anything else: called when the objects are taken in hand, closed by whoever has called. */
  readonly open: () => ObjectSide | Promise<ObjectSide>
}

/** Columns, or SQL over them. */
export interface ObjectRows {
  /** With its schema. */
  readonly table: string
  /** The object's key. */
  readonly key: string
  /** The owner key, as the routes have it; left out: nothing says whose an object is. */
  readonly owner?: string
  /** Changes whenever the content does, alike on both sides; left out: what is under a key never changes. */
  readonly version?: string
  /** Bytes; for figures alone. */
  readonly size?: string
  /** Of the object, as it is stored with it. */
  readonly contentType?: string
  /** Rows that have an object; all by default. */
  readonly where?: string
  /** The side's own database when left out. */
  readonly databaseUrl?: string
}

export type ResolvedObjects = Required<ObjectsPlan>

const sql = z.string().min(1)
const rows = z.strictObject({
  table: z.string().regex(/^[^.]+\.[^.]+$/, 'must be named with its schema'),
  key: sql,
  owner: sql.optional(),
  version: sql.optional(),
  size: sql.optional(),
  contentType: sql.optional(),
  where: sql.optional(),
  databaseUrl: z
    .string()
    .regex(/^postgres(ql)?:\/\//)
    .optional(),
})
const ownerSegment = z.number().int().min(0).optional()

const place = z.union([
  z.strictObject({ folder: z.string().startsWith('/'), ownerSegment, rows: rows.optional() }),
  z.strictObject({
    store: z.string().regex(/^(file|s3):\/\//),
    masterKeys: z.string().optional(),
    prefix: z.string().optional(),
    ownerSegment,
    rows: rows.optional(),
  }),
  z.strictObject({
    open: z.custom<CustomPlace['open']>((given) => typeof given === 'function', 'a function'),
    rows: rows.optional(),
  }),
])

/** What `objects` of a plan must be, with the defaults it is given. */
export const objectsSchema = z.strictObject({
  source: place,
  target: place,
  // zod's number() refuses Infinity, which says "no limit".
  bytesPerSecond: z
    .custom<number>((given) => typeof given === 'number' && given > 0, 'a number above 0')
    .default(Number.POSITIVE_INFINITY),
  mostProblems: z.number().int().min(0).default(0),
  mostGoneShare: z.number().min(0).max(1).default(0.5),
})
