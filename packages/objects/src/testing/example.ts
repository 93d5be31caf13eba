import { createReadStream } from 'node:fs'
import { openObjectStore } from '@banyan/objects'

const objects = await openObjectStore({
  url: process.env.OBJECTS_URL!, // file:///var/lib/objects or s3://bucket?region=eu-central-1
  masterKeys: process.env.OBJECTS_KEYS, // of a folder: k1:<32 bytes in base64>
  publicUrl: 'http://127.0.0.1:9800/v1/objects', // of a folder: where its signed URLs are answered
})

const info = await objects.put('plans/17/cover.txt', createReadStream(process.argv[2]!), {
  contentType: 'text/plain',
  metadata: { 'file-name': 'Château.txt' },
  maxBytes: 10_000_000, // more is refused, and nothing is stored
})
console.log(`${info.size} bytes, SHA-256 ${info.sha256}`)

const { stream } = await objects.get('plans/17/cover.txt', { range: { start: 0, end: 4 } })
for await (const part of stream) process.stdout.write(`begins with "${part}"\n`)

const { objects: found } = await objects.list({ prefix: 'plans/17/' })
console.log(found.map(({ key }) => key).join())

const url = await objects.signedUrl('plans/17/cover.txt', { expiresInS: 300, method: 'GET' })
console.log(new URL(url).pathname)
await objects.deleteMany(found.map(({ key }) => key))
await objects.close()
