import { createReadStream, createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { Digester } from './contents.ts'
import { type Archive, type ArchivedTable, badArchive, type Digest } from './manifest.ts'

/** Rows may be anybody's personal data. */
const OWNER_ONLY = 0o600

/** Passes everything on and keeps count of it. */
function counting(digester: Digester): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      digester.add(chunk)
      done(null, chunk)
    },
  })
}

/** Compresses rows into a file; when this resolves they are on the disk. */
export async function keepRows(
  path: string,
  rows: Readable,
): Promise<{ contents: Digest; fileBytes: number }> {
  const digester = new Digester()
  const file = createWriteStream(path, { flags: 'wx', mode: OWNER_ONLY, flush: true })
  await pipeline(rows, counting(digester), createGzip(), file)
  return { contents: digester.digest, fileBytes: file.bytesWritten }
}

/** Writes a small file; when this resolves it is on the disk. */
export async function keepText(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', OWNER_ONLY)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** So that a name given to a file, or taken from it, is on the disk too. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * The rows of a table out of its file. Ends with an error where they are not those that the manifest speaks of:
 * who takes them has to wait for the end before believing them.
 *
 * @param into takes them; `Digester` alone when left out.
 * @throws BanyanError BAD_ARCHIVE
 */
export async function passRows(
  { folder }: Pick<Archive, 'folder'>,
  table: ArchivedTable,
  into?: NodeJS.WritableStream,
): Promise<void> {
  const digester = new Digester()
  const path = join(folder, table.file)
  const file = createReadStream(path)
  const counted = counting(digester)
  let broken: Error | null = null
  // What is wrong with the file, not what its reader makes of that.
  const note = (error: Error) => {
    broken ??= badArchive(path, `it cannot be read: ${error.message}`)
  }
  file.once('error', note)
  const gunzip = createGunzip().once('error', note)
  const judged = new Transform({
    transform: (chunk: Buffer, _encoding, done) => done(null, chunk),
    flush: (done) => {
      const { rows, bytes, sha256 } = digester.digest
      const { contents } = table
      const same = sha256 === contents.sha256 && rows === contents.rows && bytes === contents.bytes
      const reason = `it holds ${rows} rows with hash ${sha256.slice(0, 12)}…, and not the ${contents.rows} rows with hash ${contents.sha256.slice(0, 12)}… that were written`
      done(same ? null : badArchive(path, reason))
    },
  })
  try {
    if (into) await pipeline(file, gunzip, counted, judged, into)
    else {
      judged.resume()
      await pipeline(file, gunzip, counted, judged)
    }
  } catch (error) {
    throw broken ?? error
  }
}

/**
 * Reads every file of an archive to its end.
 *
 * @throws BanyanError BAD_ARCHIVE naming the first that is not what was written.
 */
export async function checkFiles(archive: Archive): Promise<void> {
  for (const table of archive.manifest.tables) await passRows(archive, table)
}
