/**
 * Closes the files of a folder with the first of its master keys, while the service runs. Put the new key
 * first in the service's OBJECTS_KEYS and restart it, run this with the same, take the former key away:
 * `OBJECTS_URL=file:///folder OBJECTS_KEYS=k2:…,k1:… node --import tsx rotate-keys/main.ts`
 */
import { FolderStore, openObjectStore } from '@banyan/objects'

const { OBJECTS_URL: url, OBJECTS_KEYS: masterKeys } = process.env
try {
  if (!url || !masterKeys) throw new Error('OBJECTS_URL and OBJECTS_KEYS must be set')
  // It signs nothing.
  const store = await openObjectStore({ url, masterKeys, publicUrl: 'http://127.0.0.1' })
  if (!(store instanceof FolderStore)) {
    throw new Error(`OBJECTS_URL is ${url}: only a folder's files are closed with master keys`)
  }
  let unreadable = 0
  const rotated = await store.rotateKeys(({ message }) => {
    unreadable++
    console.error(`rotate-keys: ${message}`)
  })
  console.log(JSON.stringify({ rotated, unreadable }))
  // Whoever takes the former key away now would lose what it may still open.
  if (unreadable > 0) process.exitCode = 1
} catch (error) {
  console.error(`rotate-keys: ${(error as Error).message}`)
  process.exitCode = 1
}
