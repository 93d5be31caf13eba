import { buffer } from 'node:stream/consumers'
import { defineSaga } from '@banyan/durable'
import { z } from 'zod'
import { getStored, markProcessed } from './files.ts'
import { IMAGE_TYPES, UnusableImage, type Variant, variantsOf } from './images.ts'
import { type Context, partsOf } from './parts.ts'
import { keyOf, removeBytes } from './stored-bytes.ts'

/** What is larger is no photo for a page, bytes: it is read into memory. */
const LARGEST_BYTES = 32 * 1024 * 1024
const STEP_MS = 120_000

export function isImage(contentType: string): boolean {
  return IMAGE_TYPES.includes(contentType.split(';')[0]!)
}

/** Makes an image's variants, durably: tried again, by whichever process is there, until it is done. */
export function imageProcessing(context: Context) {
  return defineSaga({
    name: 'image processing',
    version: 1,
    timeoutMs: 4 * STEP_MS,
    input: z.object({ fileId: z.uuid() }),
    steps: (saga) =>
      saga.step('variants', {
        timeoutMs: STEP_MS,
        invoke: ({ input }) => process(context, input.fileId),
        // It failed each time: said, so that nobody waits.
        compensate: ({ input }) => giveUp(context, input.fileId, 'it could not be processed'),
      }),
  })
}

async function process(context: Context, fileId: string): Promise<void> {
  const row = await getStored(context.db, fileId).catch(() => null)
  if (row?.state !== 'clean') return
  const { store, watermark } = await partsOf(context)
  if (row.size > LARGEST_BYTES) {
    return giveUp(context, fileId, `it is larger than ${LARGEST_BYTES} bytes`)
  }
  const original = await buffer((await store.get(keyOf(row, 'original'))).stream)
  const options = {
    pixels: context.config.IMAGE_PIXELS,
    watermark: row.watermark ? watermark : null,
  }
  const made = await variantsOf(original, options).catch((error: unknown) => {
    if (error instanceof UnusableImage) return error
    throw error
  })
  if (made instanceof UnusableImage) return giveUp(context, fileId, made.message)
  for (const { name, bytes, contentType } of made.variants) {
    await store.put(keyOf(row, name), bytes, { contentType })
  }
  const variants = made.variants.map(described)
  const found = { image: made.image, variants, problem: null }
  const kept = await context.transaction((tx) => markProcessed(tx, fileId, found))
  // Deleted meanwhile: what was put since then goes too.
  if (!kept && !(await getStored(context.db, fileId).catch(() => null))) {
    await removeBytes(store, row)
  }
}

async function giveUp(context: Context, fileId: string, problem: string): Promise<void> {
  const found = { image: null, variants: [], problem: problem.slice(0, 500) }
  await context.transaction((tx) => markProcessed(tx, fileId, found))
}

function described({ name, bytes, contentType, width, height }: Variant) {
  return { name, contentType, size: bytes.length, width, height }
}
