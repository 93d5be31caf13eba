import { z } from 'zod'
import { FIELDS } from './formats/columns.ts'
import { FORMATS } from './formats/detect.ts'
import { ITEM_TYPES } from './formats/entry.ts'
import { ENCODINGS } from './formats/text.ts'

/** A file sent with the request has no more bytes than this; a larger one is stored first. */
export const MAX_INLINE_BYTES = 4 * 1024 * 1024

const Ids = z.enum(['rebrickable', 'bricklink', 'ldraw'])

/** How a file is to be read, and what the job is to whoever asks for it. */
const Reading = {
  fileName: z.string().trim().min(1).max(200).nullable().default(null),
  /** Known by the file's content when left out. */
  format: z.enum(FORMATS).optional(),
  /** Of text that does not say so itself; UTF-8 when left out. */
  encoding: z.enum(ENCODINGS).optional(),
  /** Of a CSV: the header that each field has in it. */
  columns: z.partialRecord(z.enum(FIELDS), z.string().min(1).max(200)).optional(),
  /** Of a CSV: whose numbers its parts and colours have. */
  ids: Ids.optional(),
  /** Given back with the job and its events, e.g. the id of a MOC. */
  reference: z.string().min(1).max(200).nullable().default(null),
  /** Where it is stored; its origin must be one that is allowed. */
  fileUrl: z
    .url({ protocol: /^https?$/ })
    .max(2_000)
    .optional(),
  /** The file itself, in base64. */
  content: z
    .string()
    .max(Math.ceil(MAX_INLINE_BYTES / 3) * 4)
    .optional(),
}
const ONE_FILE = { error: 'Give either fileUrl or content' }
type Given = { readonly fileUrl?: string | undefined; readonly content?: string | undefined }
const hasOneFile = ({ fileUrl, content }: Given) =>
  (fileUrl === undefined) !== (content === undefined)

export const NewJob = z.strictObject(Reading).refine(hasOneFile, ONE_FILE)
export type NewJob = z.infer<typeof NewJob>

/** A service asks on behalf of a user, also where no request of theirs is under way. */
export const NewJobForOwner = z
  .strictObject({ ...Reading, ownerId: z.string().min(1).max(200) })
  .refine(hasOneFile, ONE_FILE)

const Moment = z.iso.datetime()
const Count = z.int().min(0)

export const JobTotals = z.object({
  /** Lines that were read, and what they are added up to. */
  lines: Count,
  lots: Count,
  pieces: Count,
  spares: Count,
  /** Lines that could not be read. */
  problems: Count,
  /** Lines that count for nothing, by reason. */
  skipped: z.record(z.string(), Count),
  /** What the file itself says it has. */
  checksum: z.object({ pieces: Count, agrees: z.boolean() }).nullable(),
  /** Lots, and their pieces, that the catalogue does not know; null where it is empty. */
  unresolvedLots: Count.nullable(),
  unresolvedPieces: Count.nullable(),
})
export type JobTotals = z.infer<typeof JobTotals>

export const JobFailure = z.object({
  code: z.string(),
  message: z.string(),
  line: z.int().nullable(),
})
export type JobFailure = z.infer<typeof JobFailure>

const STATES = ['queued', 'running', 'completed', 'failed', 'cancelled'] as const

export const Job = z.object({
  jobId: z.uuid(),
  state: z.enum(STATES),
  reference: z.string().nullable(),
  fileName: z.string().nullable(),
  fileUrl: z.string().nullable(),
  format: z.enum(FORMATS).nullable(),
  progress: z.object({ bytesRead: Count, bytesTotal: Count.nullable(), linesRead: Count }),
  totals: JobTotals.nullable(),
  failure: JobFailure.nullable(),
  createdAt: Moment,
  startedAt: Moment.nullable(),
  endedAt: Moment.nullable(),
})
export type Job = z.infer<typeof Job>

export const Started = z.object({ jobId: z.uuid(), state: z.enum(STATES) })
export const JobId = z.object({ jobId: z.uuid().toLowerCase() })

export const LotFound = z.object({
  /** Of its first line. */
  line: z.int(),
  type: z.enum(ITEM_TYPES),
  /** The part's numbers as the file has them. */
  ids: z.partialRecord(Ids, z.string()),
  element: z.string().nullable(),
  colour: z
    .union([
      z.object({ system: Ids, id: z.int() }),
      z.object({ system: z.literal('name'), name: z.string() }),
    ])
    .nullable(),
  quantity: Count,
  spare: z.boolean(),
  name: z.string().nullable(),
  remarks: z.string().nullable(),
  /** Rebrickable's numbers; null where it is unresolved, or the catalogue is empty. */
  part: z.string().nullable(),
  partColour: z.int().nullable(),
  match: z.enum(['exact', 'alias', 'bricklink', 'ldraw', 'element']).nullable(),
  ambiguousColour: z.boolean(),
  unresolved: z
    .enum(['UNKNOWN_PART', 'UNKNOWN_COLOUR', 'UNKNOWN_ELEMENT', 'NOT_A_PART', 'NO_ID'])
    .nullable(),
  /** Parts, or colours, that may be meant. */
  suggestions: z.array(z.object({ id: z.string(), name: z.string() })),
})
export type LotFound = z.infer<typeof LotFound>

const LineProblem = z.object({ line: z.int(), code: z.string(), message: z.string() })

/** Pages by position: `after` is the `next` of the page before. */
export const PageQuery = z.object({
  after: z.coerce.number().int().min(-1).max(2_147_483_647).default(-1),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
})
export const LotsQuery = PageQuery.extend({
  /** Only those that the catalogue does not know. */
  unresolved: z.enum(['true', 'false']).default('false'),
})
/** What the lots would be bought as, and paid in. */
export const EstimateQuery = z.object({
  /** New or used. */
  condition: z.enum(['N', 'U']).default('N'),
  /** ISO 4217. */
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'must be three capital letters, e.g. EUR')
    .default('USD'),
})
export type EstimateQuery = z.infer<typeof EstimateQuery>

const UNPRICED = [
  'SPARE',
  'UNRESOLVED',
  'NO_COLOUR',
  'UNKNOWN_TO_BRICKLINK',
  'NOT_OFFERED',
  'NOT_ASKED_YET',
] as const

const EstimateFound = z.object({
  /** Of the lots that have a price, exactly, with four decimals: "12.3400". */
  total: z.string(),
  lots: Count,
  pricedLots: Count,
  /** Lots without a price, by reason. */
  unpriced: z.partialRecord(z.enum(UNPRICED), Count),
  /** Of the priced lots, those of which fewer pieces are offered than asked for. */
  shortLots: Count,
  /** When BrickLink said the oldest of the prices; null where there is none. */
  oldestPriceAt: Moment.nullable(),
})
export type EstimateFound = z.infer<typeof EstimateFound>

export const Estimate = EstimateFound.extend({
  jobId: z.uuid(),
  /** `waiting`: not all prices could be had, and the rest is asked for later. */
  state: z.enum(['working', 'waiting', 'completed']),
  condition: z.enum(['N', 'U']),
  currency: z.string(),
  /** Why it waits: the calls of the day are spent, BrickLink is away, or refuses the keys. */
  stopped: z
    .object({ code: z.enum(['BUDGET_SPENT', 'UNAVAILABLE', 'KEYS_REFUSED']), until: Moment })
    .nullable(),
})
export type Estimate = z.infer<typeof Estimate>

export const LotPage = z.object({ lots: z.array(LotFound), next: z.int().nullable() })
export const ProblemPage = z.object({ problems: z.array(LineProblem), next: z.int().nullable() })

/** A list to be read at once, as the text it is. */
export const ReadBody = z.strictObject({
  fileName: z.string().trim().min(1).max(200),
  content: z.string().min(1),
  /** Known by its content when left out. */
  format: z.enum(FORMATS).optional(),
})

/** What it holds, in the file's own numbers; nothing of it is kept. */
export const ReadAnswer = z.object({
  format: z.enum(FORMATS),
  parts: z.array(
    z.object({
      part: z.string(),
      color: z.int().nullable(),
      quantity: z.int(),
      spare: z.boolean(),
    }),
  ),
  lotCount: Count,
  pieceCount: Count,
  rejected: z.array(z.object({ at: z.int(), reason: z.string() })),
})
