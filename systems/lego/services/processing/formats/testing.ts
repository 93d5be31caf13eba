import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js'
import { collectLots } from './lots.ts'
import { openPartList, type ReadOptions } from './part-list.ts'

/** A file in pieces of `size` bytes, to be cut anywhere. */
export async function* inPieces(file: string | Uint8Array, size = 7): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(file as Uint8Array)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/** What a file holds, briefly: `[format, lots as "ids colour xquantity", problems as "line CODE", totals]`. */
export async function readAll(file: string | Uint8Array, options?: ReadOptions, size?: number) {
  const { format, entries } = await openPartList(inPieces(file, size), options)
  const lots = await collectLots(entries)
  return {
    format,
    lots: [...lots.lots()].map(
      ({ ids, element, colour, quantity, spare, name }) =>
        `${Object.values(ids).join('/') || element || name} ${colour ? ('id' in colour ? `${colour.system} ${colour.id}` : colour.name) : '-'} x${quantity}${spare ? ' spare' : ''}`,
    ),
    problems: lots.problems.map(({ line, code }) => `${line} ${code}`),
    totals: lots.totals,
  }
}

/** A ZIP as Studio writes it. */
export async function studioZip(
  files: Readonly<Record<string, string | Uint8Array>>,
  password: string | null = 'soho0909',
): Promise<Uint8Array> {
  const zip = new ZipWriter(new Uint8ArrayWriter())
  for (const [name, content] of Object.entries(files)) {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
    const options = password === null ? {} : { password, zipCrypto: true }
    await zip.add(name, new Uint8ArrayReader(bytes), options)
  }
  return zip.close()
}
