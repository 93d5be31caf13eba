import { spawn } from 'node:child_process'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ObjectStore } from '../object-store.ts'
import type { ObjectStoreSettings } from '../open-object-store.ts'
import { refusalCases } from './refusal-cases.ts'
import { signedUrlCases } from './signed-url-cases.ts'

export interface StoreBench {
  readonly store: ObjectStore
  /** Opens the same store in another process. */
  readonly settings: ObjectStoreSettings
  stop(): Promise<void>
}

const text = { contentType: 'text/plain' }
/** What is in use, not what waits to be collected. */
function bufferedBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().arrayBuffers
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** What every object store does; each adapter passes it against what it stores into. */
export function objectStoreConformance(name: string, open: () => Promise<StoreBench>): void {
  describe(name, () => {
    let bench: StoreBench
    let store: ObjectStore
    beforeAll(async () => {
      bench = await open()
      store = bench.store
    })
    afterAll(() => bench?.stop())

    const space = () => `t${randomUUID()}`
    const read = async (key: string, range?: { start: number; end?: number }) =>
      buffer((await store.get(key, range ? { range } : {})).stream)
    const keysOf = async (prefix: string) =>
      (await store.list({ prefix })).objects.map(({ key }) => key)

    it.each([0, 1, 65_535, 65_536, 65_537, 3_000_000, 20_000_000])(
      'gives back %i bytes as they were put, and what is known of them',
      async (size) => {
        const key = `${space()}/file`
        const bytes = randomBytes(size)
        const metadata = { 'file-name': 'Château “42”, 100 %.pdf', empty: '' }
        const put = await store.put(key, bytes, { contentType: 'application/pdf', metadata })
        const known = {
          ...{ key, size, metadata, contentType: 'application/pdf' },
          sha256: sha256(bytes),
        }
        expect(put).toMatchObject(known)
        expect(await store.head(key)).toMatchObject(known)
        const { info, stream, range } = await store.get(key)
        expect({ info, range }).toMatchObject({ info: known, range: null })
        expect((await buffer(stream)).equals(bytes)).toBe(true)
        expect(Math.abs(info.storedAt.getTime() - Date.now())).toBeLessThan(60_000)
        const { version } = info
        const listed = { objects: [{ key, size, version }], next: null }
        expect(await store.list({ prefix: key })).toEqual(listed)
      },
    )

    it('takes a stream in parts of any size', async () => {
      const key = `${space()}/file`
      const bytes = randomBytes(2_500_000)
      async function* parts() {
        for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7) % 190_001) {
          yield bytes.subarray(at, at + size)
        }
      }
      expect(await store.put(key, parts(), text)).toMatchObject({ sha256: sha256(bytes) })
      expect((await read(key)).equals(bytes)).toBe(true)
    })

    it('gives ranges, over the borders of whatever it is stored in', async () => {
      const key = `${space()}/file`
      const bytes = randomBytes(200_000)
      await store.put(key, bytes, text)
      const given = [
        [0, 0],
        [65_535, 65_536],
        [1, 199_998],
        [131_072, 131_072],
        [199_999, 300_000],
      ] as const
      for (const [start, end] of given) {
        expect((await read(key, { start, end })).equals(bytes.subarray(start, end + 1))).toBe(true)
      }
      expect((await read(key, { start: 150_000 })).equals(bytes.subarray(150_000))).toBe(true)
      const { info, range, stream } = await store.get(key, { range: { start: 5, end: 10 ** 9 } })
      stream.destroy()
      expect({ info, range }).toMatchObject({ info: { size: 200_000 }, range: { end: 199_999 } })
      for (const range of [{ start: 200_000 }, { start: 5, end: 4 }, { start: -1 }]) {
        await expect(store.get(key, { range })).rejects.toMatchObject({ code: 'BAD_RANGE' })
      }
    })

    it('replaces what is put again', async () => {
      const key = `${space()}/file`
      await store.put(key, Buffer.from('long before'), { ...text, metadata: { old: 'yes' } })
      const before = await store.head(key)
      await store.put(key, Buffer.from('now'), { contentType: 'text/css' })
      expect((await store.head(key))!.version).not.toBe(before!.version)
      expect(await store.head(key)).toMatchObject({
        size: 3,
        contentType: 'text/css',
        metadata: {},
      })
      expect((await read(key)).toString()).toBe('now')
    })

    it('knows what is not there, and deletes as often as it is told to', async () => {
      const key = `${space()}/file`
      expect(await store.head(key)).toBe(null)
      await expect(store.get(key)).rejects.toMatchObject({ code: 'NOT_FOUND' })
      await store.delete(key)
      await store.put(key, Buffer.from('x'), text)
      await store.delete(key)
      await store.delete(key)
      expect(await store.head(key)).toBe(null)
      expect(await keysOf(key)).toEqual([])
    })

    it('deletes many, there or not', async () => {
      const root = space()
      const keys = ['a', 'b', 'c/d', 'c/e'].map((part) => `${root}/${part}`)
      for (const key of keys) await store.put(key, Buffer.from(key), text)
      await store.deleteMany([...keys.slice(1), `${root}/never`])
      expect(await keysOf(root)).toEqual([keys[0]])
      await store.deleteMany([])
    })

    it('lists by prefix, in order and by pages', async () => {
      const root = space()
      const names = ['a-b', 'a.b', 'a/b', 'a/c/d', 'a0', 'aB', 'b/a', 'B/a']
      for (const name of names) await store.put(`${root}/${name}`, Buffer.from(name), text)
      const inOrder = (some: string[]) => some.map((name) => `${root}/${name}`).sort()
      expect(await keysOf(`${root}/`)).toEqual(inOrder(names))
      expect(await keysOf(`${root}/a/`)).toEqual(inOrder(['a/b', 'a/c/d']))
      expect(await keysOf(`${root}/a`)).toEqual(inOrder(names.filter((n) => n.startsWith('a'))))
      expect(await keysOf(`${root}/none/`)).toEqual([])
      const paged: string[] = []
      let after: string | null = ''
      while (after !== null) {
        const page = await store.list({
          ...{ prefix: `${root}/`, limit: 3 },
          ...(after === '' ? {} : { after }),
        })
        expect(page.objects.length).toBeLessThanOrEqual(3)
        paged.push(...page.objects.map(({ key }) => key))
        after = page.next
      }
      expect(paged).toEqual(inOrder(names))
    })

    it('shows nothing of what is being put, nor of a put that failed', async () => {
      const key = `${space()}/file`
      const seen: (string[] | null)[] = []
      async function* broken() {
        for (let i = 0; i < 40; i++) yield Buffer.alloc(64 * 1024)
        seen.push(await keysOf(key), (await store.head(key)) && [key])
        throw new Error('the line went dead')
      }
      await expect(store.put(key, broken(), text)).rejects.toThrow('the line went dead')
      expect(seen).toEqual([[], null])
      expect(await keysOf(key)).toEqual([])
    })

    it('shows nothing of a put whose process was killed, and keeps what was there before', async () => {
      const root = space()
      await store.put(`${root}/before`, Buffer.from('still here'), text)
      for (const name of ['new', 'before']) {
        const file = fileURLToPath(new URL('put-child.ts', import.meta.url))
        const args = ['--import', 'tsx', file, JSON.stringify(bench.settings), `${root}/${name}`]
        const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
        const [line] = (await once(child.stdout, 'data')) as [Buffer]
        expect(line.toString()).toContain('halfway')
        child.kill('SIGKILL')
        await once(child, 'close')
      }
      expect(await keysOf(root)).toEqual([`${root}/before`])
      expect((await read(`${root}/before`)).toString()).toBe('still here')
      await store.removeUnfinished(0)
      expect(await store.removeUnfinished(0)).toBe(0)
      expect((await read(`${root}/before`)).toString()).toBe('still here')
    })

    it('holds no more of an object in memory than a few parts', async () => {
      const key = `${space()}/file`
      const MIB = 1024 * 1024
      const before = bufferedBytes()
      let most = 0
      const look = (at: number) => {
        if (at % (16 * MIB) < MIB) most = Math.max(most, bufferedBytes() - before)
      }
      async function* large() {
        for (let at = 0; at < 64 * MIB; at += MIB) {
          look(at)
          yield randomBytes(MIB)
        }
      }
      await store.put(key, large(), { contentType: 'application/zip' })
      let size = 0
      for await (const part of (await store.get(key)).stream as AsyncIterable<Buffer>) {
        size += part.length
        look(size)
      }
      expect(size).toBe(64 * MIB)
      expect(most).toBeLessThan(40 * MIB)
      await store.delete(key)
    })

    it('is well', () => store.check())

    refusalCases(() => store)
    signedUrlCases(() => store)
  })
}
