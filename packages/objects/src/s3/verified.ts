import { createHash } from 'node:crypto'
import { pipeline, type Readable, Transform } from 'node:stream'
import { BanyanError } from '@banyan/contracts'

/** Passes content on, and fails at its end when its hash is another than the one it was stored with. */
export function verified(body: Readable, key: string, sha256: string): Readable {
  const hash = createHash('sha256')
  const check = new Transform({
    transform(part: Buffer, _encoding, done) {
      hash.update(part)
      done(null, part)
    },
    flush(done) {
      if (hash.digest('hex') === sha256) return done()
      const reason = 'its SHA-256 is not the one it was stored with'
      done(new BanyanError('OBJECT_UNREADABLE', { key, reason }))
    },
  })
  // Either one's end, or failure, is the other's; who reads hears of it.
  return pipeline(body, check, () => {})
}
