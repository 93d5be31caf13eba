import { encode } from 'blurhash'
import sharp, { type Sharp } from 'sharp'
import type { ImageFacts, VariantName } from './messages.ts'

/** Formats that sharp decodes without running anything: no SVG, no PDF. */
export const IMAGE_TYPES = ['image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/avif']

/** No variant is larger than this on a side, pixels: screens show no more. */
const LARGEST = 2_048
const BLURHASH_SIDE = 32
/** An image that takes longer to decode was made to. */
const SECONDS = 20

export interface Variant {
  readonly name: VariantName
  readonly bytes: Buffer
  readonly contentType: 'image/webp'
  readonly width: number
  readonly height: number
}

/** An image that cannot be processed, however often it is tried. */
export class UnusableImage extends Error {}

/**
 * Makes the variants of an image, upright, without its metadata (where a photo was taken is nobody's business).
 *
 * @param pixels more, frames counted one by one, are not decoded
 * @throws UnusableImage
 */
export async function variantsOf(
  original: Buffer,
  { pixels, watermark }: { pixels: number; watermark: Buffer | null },
): Promise<{ image: ImageFacts; variants: Variant[] }> {
  try {
    const { width, height } = await measure(original, pixels)
    const open = () =>
      sharp(original, { limitInputPixels: pixels, failOn: 'error' })
        .timeout({ seconds: SECONDS })
        .autoOrient()
    const square = (side: number) => open().resize(side, side, { fit: 'cover' })
    const whole = open().resize(LARGEST, LARGEST, { fit: 'inside', withoutEnlargement: true })
    const variants = [
      await written('thumbnail200', square(200)),
      await written('thumbnail400', square(400), watermark),
      await written('webp', whole, watermark),
    ]
    return { image: { width, height, blurhash: await blurhashOf(open()) }, variants }
  } catch (error) {
    throw new UnusableImage((error as Error).message.split('\n')[0]!, { cause: error })
  }
}

/** As it is seen: an image on its side is turned. */
async function measure(original: Buffer, limit: number) {
  const {
    autoOrient,
    width,
    height,
    pages = 1,
  } = await sharp(original, {
    limitInputPixels: limit,
  }).metadata()
  if (width * height * pages > limit) {
    throw new Error(`it has ${width * height * pages} pixels, ${limit} are allowed`)
  }
  return autoOrient
}

async function written(
  name: VariantName,
  image: Sharp,
  watermark: Buffer | null = null,
): Promise<Variant> {
  const marked = watermark ? await mark(image, watermark) : image
  const { data, info } = await marked.webp({ quality: 80 }).toBuffer({ resolveWithObject: true })
  const { width, height } = info
  return { name, bytes: data, contentType: 'image/webp', width, height }
}

/** A quarter of the image's width, in its lower right corner. */
async function mark(image: Sharp, watermark: Buffer): Promise<Sharp> {
  const { data, info } = await image.png().toBuffer({ resolveWithObject: true })
  const [width, height] = [Math.ceil(info.width / 4), Math.ceil(info.height / 4)]
  const fitted = await sharp(watermark).resize(width, height, { fit: 'inside' }).png().toBuffer()
  return sharp(data).composite([{ input: fitted, gravity: 'southeast' }])
}

async function blurhashOf(image: Sharp): Promise<string> {
  const { data, info } = await image
    .resize(BLURHASH_SIDE, BLURHASH_SIDE, { fit: 'inside' })
    .ensureAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
  return encode(new Uint8ClampedArray(data), info.width, info.height, 4, 3)
}
