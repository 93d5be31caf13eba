import { randomUUID } from 'node:crypto'
import type { Pool } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createLog } from '../log.ts'
import { Metrics } from '../metrics.ts'
import { eventually } from '../testing/index.ts'
import type { CacheRules } from './cache.ts'
import { StoredCaches } from './caches.ts'
import type { CacheStore } from './store.ts'

const Price = z.object({ cents: z.int() })
type Price = z.infer<typeof Price>

const PRICES: CacheRules<Price> = { name: 'prices', schema: Price, ttlMs: 60_000 }

/** Caches over a store, as one service's process has them. */
export function cachesOver(
  store: CacheStore,
  service = 'shop',
  log: (line: string) => void = () => {},
  pool?: Pool,
) {
  const metrics = new Metrics(service)
  const parts = { service, log: createLog(service, 'info', log), metrics, pool }
  const caches = new StoredCaches(store, parts)
  return { caches, metrics }
}

/** A load that ends when it is told to. */
export function heldLoad<T>(value: T) {
  let release = () => {}
  const held = new Promise<T>((resolve) => {
    release = () => resolve(value)
  })
  let count = 0
  return {
    load: () => {
      count++
      return held
    },
    release,
    count: () => count,
  }
}

/** What every store of caches must do, and what caches do over each. */
export function cacheConformance(name: string, open: () => Promise<CacheStore>): void {
  describe(name, () => {
    let store: CacheStore
    /** Another process. */
    let other: CacheStore
    beforeAll(async () => {
      store = await open()
      other = await open()
    })
    afterAll(async () => {
      await store.close()
      await other.close()
    })

    const key = () => `conformance:${randomUUID()}`
    const pricesOver = (rules: Partial<CacheRules<Price>> = {}, over = store) =>
      cachesOver(over).caches.open({ ...PRICES, ...rules })

    it('gives back what was set, until its time is over', async () => {
      const at = key()
      expect(await store.get(at)).toBeNull()
      await store.set(at, 'Größe "€"\n', 60_000)
      expect(await store.get(at)).toBe('Größe "€"\n')
      await store.set(at, 'short', 30)
      await eventually('it is over', async () => (await store.get(at)) === null)
    })

    it('sets only where nothing is, and replaces only what is there', async () => {
      const at = key()
      expect(await store.setIfNone(at, 'first', 60_000)).toBeNull()
      expect(await store.setIfNone(at, 'second', 60_000)).toBe('first')
      expect(await store.replace(at, 'second', 'third', 60_000)).toBe(false)
      expect(await store.replace(at, 'first', 'third', 60_000)).toBe(true)
      expect(await store.get(at)).toBe('third')
      expect(await store.replace(at, 'third', 'short', 30)).toBe(true)
      await eventually('it is over', async () => (await store.get(at)) === null)
      expect(await store.replace(at, 'short', 'again', 60_000)).toBe(false)
    })

    it('deletes many at once, those that are not there too', async () => {
      const keys = Array.from({ length: 1_200 }, key)
      await Promise.all(keys.map((at) => store.set(at, 'x', 60_000)))
      await store.delete([...keys, key()])
      const left = await Promise.all(keys.map((at) => store.get(at)))
      expect(left.filter((text) => text !== null)).toEqual([])
    })

    it('keeps the caches of each service and each name apart', async () => {
      const id = randomUUID()
      const shop = cachesOver(store, 'shop').caches
      const bank = cachesOver(store, 'bank').caches
      await shop.open(PRICES).set(id, { cents: 1 })
      expect(await shop.open({ ...PRICES, name: 'offers' }).get(id)).toBeUndefined()
      expect(await bank.open(PRICES).get(id)).toBeUndefined()
      expect(await store.get(`shop:prices:${id}`)).toBe('={"cents":1}')
    })

    it('loads once for all that ask at the same time, then not at all', async () => {
      const id = randomUUID()
      const prices = pricesOver()
      const { load, release, count } = heldLoad({ cents: 5 })
      const asked = Array.from({ length: 50 }, () => prices.getOrLoad(id, load))
      release()
      expect(await Promise.all(asked)).toEqual(asked.map(() => ({ cents: 5 })))
      expect(await prices.getOrLoad(id, load)).toEqual({ cents: 5 })
      expect(await prices.get(id)).toEqual({ cents: 5 })
      expect(count()).toBe(1)
    })

    it('does not keep what was loaded before a delete', async () => {
      const id = randomUUID()
      const prices = pricesOver()
      const old = heldLoad({ cents: 1 })
      const asked = prices.getOrLoad(id, old.load)
      await eventually('it loads', () => old.count() === 1)
      await prices.delete(id)
      // Who asks now does not get the former load's answer either.
      expect(await prices.getOrLoad(id, async () => ({ cents: 2 }))).toEqual({ cents: 2 })
      old.release()
      expect(await asked).toEqual({ cents: 1 })
      expect(await prices.get(id)).toEqual({ cents: 2 })
    })

    it('remembers that there is none where it is told to, and only there', async () => {
      const id = randomUUID()
      const none = async () => null
      const forgetful = pricesOver()
      expect(await forgetful.getOrLoad(id, none)).toBeNull()
      expect(await forgetful.get(id)).toBeUndefined()
      const prices = pricesOver({ missingTtlMs: 60_000 })
      expect(await prices.getOrLoad(id, none)).toBeNull()
      expect(await prices.get(id)).toBeNull()
      expect(await prices.getOrLoad(id, async () => ({ cents: 1 }))).toBeNull()
      await prices.delete(id)
      expect(await prices.getOrLoad(id, async () => ({ cents: 1 }))).toEqual({ cents: 1 })
    })

    it('keeps nothing of a load that failed, and loads again', async () => {
      const id = randomUUID()
      const prices = pricesOver()
      const failing = prices.getOrLoad(id, () => Promise.reject(new Error('no price today')))
      await expect(failing).rejects.toThrow('no price today')
      expect(await prices.getOrLoad(id, async () => ({ cents: 3 }))).toEqual({ cents: 3 })
      expect(await prices.get(id)).toEqual({ cents: 3 })
    })

    it('loads anew what another version kept in another shape', async () => {
      const id = randomUUID()
      await store.set(`shop:prices:${id}`, '={"amount":"1.00"}', 60_000)
      const prices = pricesOver()
      expect(await prices.get(id)).toBeUndefined()
      expect(await prices.getOrLoad(id, async () => ({ cents: 100 }))).toEqual({ cents: 100 })
      expect(await prices.get(id)).toEqual({ cents: 100 })
      await store.set(`shop:prices:${id}`, '=no json', 60_000)
      expect(await prices.get(id)).toBeUndefined()
    })

    it('keeps values under long keys, and lets one go that is too large', async () => {
      const texts = cachesOver(store).caches.open({
        name: 'texts',
        schema: z.string(),
        ttlMs: 60_000,
      })
      const long = randomUUID().repeat(100)
      await texts.set(long, 'small')
      expect(await texts.get(long)).toBe('small')
      await texts.set(long, 'x'.repeat(300_000))
      expect(await texts.get(long)).toBeUndefined()
    })

    it('counts what was there, what was not, and what was written', async () => {
      const { caches, metrics } = cachesOver(store)
      const prices = caches.open(PRICES)
      const ids = [randomUUID(), randomUUID()]
      await prices.getOrLoad(ids[0]!, async () => ({ cents: 1 }))
      await prices.getOrLoad(ids[0]!, async () => ({ cents: 1 }))
      await prices.deleteMany(ids)
      await prices.deleteMany([])
      const lines = (await metrics.registry.metrics()).split('\n')
      const counted = (name: string, result: string) =>
        lines.find((line) => line.startsWith(`${name}{cache="prices",result="${result}"`))?.at(-1)
      expect(counted('cache_reads_total', 'hit')).toBe('1')
      expect(counted('cache_reads_total', 'miss')).toBe('1')
      expect(counted('cache_writes_total', 'ok')).toBe('2')
    })
  })
}
