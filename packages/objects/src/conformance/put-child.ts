/** Puts an object of which it never gets the rest; killed by the suite when it has said so. */
import { setTimeout as delay } from 'node:timers/promises'
import { type ObjectStoreSettings, openObjectStore } from '../open-object-store.ts'

const [settings, key] = process.argv.slice(2)
const store = await openObjectStore(JSON.parse(settings!) as ObjectStoreSettings)
await store.put(key!, half(), { contentType: 'text/plain' })

async function* half() {
  for (let i = 0; i < 48; i++) yield Buffer.alloc(64 * 1024, i)
  console.log('halfway')
  await delay(2 ** 30)
}
