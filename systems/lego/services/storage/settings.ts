import { z } from 'zod'

const GIB = 1024 ** 3
const MIB = 1024 ** 2

const Bytes = z.coerce.number().int().min(1)

export const StorageSettings = z.object({
  /** Where files are kept: `file:///folder`, or `s3://bucket?region=…`. */
  OBJECTS_URL: z.url({ protocol: /^(file|s3)$/ }),
  /** Of a folder: its master keys, `id:base64` with commas, the one in use first. */
  OBJECTS_KEYS: z.string().optional(),
  /** Of a folder: how those who get signed URLs reach `/v1/objects` of this service. */
  OBJECTS_PUBLIC_URL: z.url({ protocol: /^https?$/ }).default('http://127.0.0.1:9800/v1/objects'),
  /** No default: going without has to be said. */
  VIRUS_SCANNER: z
    .string()
    .regex(
      /^(none|clamd:\/\/[^/]+|clamd:\/[^/].*)$/,
      'must be "clamd://host:port", "clamd:/path/of/its.socket" or "none"',
    ),
  /** Of each user. */
  QUOTA_BYTES: Bytes.default(GIB),
  /** Of one file. */
  UPLOAD_BYTES: Bytes.default(100 * MIB),
  /** For a file to arrive, and again to be scanned, ms; then it counts no more. */
  UPLOAD_MS: z.coerce.number().int().min(100).max(600_000).default(120_000),
  /** How often leftovers of uploads are looked for, ms. */
  SWEEP_MS: z.coerce.number().int().min(100).default(60_000),
  /** Pixels of an image, frames of an animation counted one by one; more are not decoded. */
  IMAGE_PIXELS: z.coerce.number().int().min(1).default(50_000_000),
  /** An image with transparency that is laid over the larger variants where an upload asks for it. */
  WATERMARK_FILE: z.string().optional(),
})
export type StorageSettings = z.infer<typeof StorageSettings>
