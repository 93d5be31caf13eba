import { z } from 'zod'

export const PREFIXES = ['mocs', 'gallery', 'wishlist', 'avatars'] as const
export type Prefix = (typeof PREFIXES)[number]

export type FileState = 'uploading' | 'scanning' | 'clean' | 'processed' | 'infected' | 'deleted'

const VARIANTS = ['thumbnail200', 'thumbnail400', 'webp'] as const
export type VariantName = (typeof VARIANTS)[number]

const OwnerId = z.string().min(1).max(200)
const FileId = z.uuid().toLowerCase()

export const StoredVariant = z.object({
  name: z.enum(VARIANTS),
  contentType: z.string(),
  /** Bytes, and pixels. */
  size: z.int(),
  width: z.int(),
  height: z.int(),
})
export type StoredVariant = z.infer<typeof StoredVariant>

export const ImageFacts = z.object({
  width: z.int(),
  height: z.int(),
  /** Decodes into a blurred stand-in while the image loads. */
  blurhash: z.string(),
})
export type ImageFacts = z.infer<typeof ImageFacts>

export const StoredFile = z.object({
  id: z.uuid(),
  ownerId: OwnerId,
  prefix: z.enum(PREFIXES),
  fileName: z.string(),
  contentType: z.string(),
  size: z.int(),
  sha256: z.string(),
  /** `processed` once an image has its variants, or it is known that it cannot have them (`problem`). */
  state: z.enum(['clean', 'processed']),
  /** The scanner that found it clean; `none` where none is set. */
  scannedBy: z.string(),
  image: ImageFacts.nullable(),
  variants: z.array(StoredVariant),
  problem: z.string().nullable(),
  createdAt: z.iso.datetime(),
})
export type StoredFile = z.infer<typeof StoredFile>

export const FilesQuery = z.object({
  prefix: z.enum(PREFIXES),
  /** `OWNER/ID/NAME` of the last one of the page before; the first page without it. */
  after: z.string().max(500).default(''),
  limit: z.coerce.number().int().min(1).max(1_000).default(1_000),
})
export const StoredFiles = z.object({ files: z.array(StoredFile) })

export const NewFile = z.object({
  ownerId: OwnerId,
  prefix: z.enum(PREFIXES),
  /** What a browser saves it as; no path. */
  fileName: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[^/\\\p{Cc}\p{Surrogate}]+$/u, 'must be a name: no slash, no control character'),
  contentType: z
    .string()
    .max(200)
    .regex(/^[\w.+-]+\/[\w.+-]+(; ?charset=[\w-]+)?$/, 'must be a media type'),
  /** Makes the upload safe to repeat: the same id is stored once. */
  fileId: FileId.optional(),
  /** Whether the larger variants of an image carry the service's watermark. */
  watermark: z.stringbool().default(false),
})
export type NewFile = z.infer<typeof NewFile>

export const FileParams = z.object({ id: FileId })
export const OwnerParams = z.object({ ownerId: OwnerId })
export const FileIds = z.object({ fileIds: z.array(FileId).min(1).max(1_000) })
export const Deleted = z.object({ deleted: z.int() })

const Which = z.enum(['original', ...VARIANTS])
export type Which = z.infer<typeof Which>
export const WhichQuery = z.object({ variant: Which.default('original') })

export const SignedUrlQuery = z.object({
  fileId: FileId,
  variant: Which.default('original'),
  expiresInS: z.coerce.number().int().min(1).max(604_800).default(300),
  /** Whether a browser saves it, under its name, rather than showing it. */
  download: z.stringbool().default(false),
})
export const SignedUrl = z.object({ url: z.url(), expiresAt: z.iso.datetime() })

/** Bytes; uploads under way count with what is reserved for them. */
export const Usage = z.object({ usedBytes: z.int(), quotaBytes: z.int() })
export type Usage = z.infer<typeof Usage>
