import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { scannerFor } from './virus-scanner.ts'

/** EICAR's test file, backwards, so that scanners leave this file alone. */
const EICAR = [...'*H+H$!ELIF-TSET-SURIVITNA-DRADNATS-RACIE$}7)CC7)^P(45XZP\\4[PA@%P!O5X']
  .reverse()
  .join('')

describe('ClamAV', () => {
  const scanner = scannerFor(process.env.BANYAN_CLAMD_URL ?? 'clamd://127.0.0.1:8310')
  const scan = (bytes: Buffer) => scanner.scan(parts(bytes))
  async function* parts(bytes: Buffer) {
    for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000)
  }

  it('finds EICAR, also in an archive', async () => {
    const infected = { verdict: 'infected', finding: 'Eicar-Test-Signature.UNOFFICIAL' }
    expect(EICAR).toHaveLength(68)
    expect(await scan(Buffer.from(EICAR))).toEqual(infected)
    expect(await scan(gzipSync(EICAR))).toEqual(infected)
  })

  it('finds what is clean clean, empty and large', async () => {
    expect(await scan(Buffer.alloc(0))).toEqual({ verdict: 'clean' })
    expect(await scan(Buffer.alloc(20_000_000, 'clean '))).toEqual({ verdict: 'clean' })
  })

  it('does not call clean what is larger than it looks at', async () => {
    const verdict = await scan(Buffer.alloc(101 * 1024 * 1024))
    expect(verdict).toEqual({ verdict: 'unscannable', finding: 'larger than its StreamMaxLength' })
    // Small to send, too large to unpack.
    const bomb = await scan(gzipSync(Buffer.alloc(450_000_000)))
    expect(bomb).toMatchObject({ verdict: 'unscannable' })
  })

  it('says that it is there', () => scanner.check())
})
