import { expect, it } from 'vitest'
import { z } from 'zod'
import { defineService, startService } from '../index.ts'
import { ask, IDENTITY_KEY } from '../testing/index.ts'
import { cacheConformance, cachesOver } from './conformance.ts'
import { MemoryStore } from './memory-store.ts'
import type { CacheStore } from './store.ts'

cacheConformance('in the process', async () => new MemoryStore())

it('keeps no more in the process than it may, and lets go what was used longest ago', async () => {
  const store = new MemoryStore(1_000)
  for (let i = 0; i < 20; i++) {
    await store.set(`key-${i}`, 'x'.repeat(94), 60_000)
    await store.get('key-0')
  }
  const kept = []
  for (let i = 0; i < 20; i++) if (await store.get(`key-${i}`)) kept.push(i)
  expect(kept).toHaveLength(10)
  expect(kept[0]).toBe(0)
  expect(kept.at(-1)).toBe(19)
})

it('answers without a store that fails, says so twice, and keeps a load single', async () => {
  let away = true
  const working = new MemoryStore()
  const store = new Proxy<CacheStore>(working, {
    get: (target, name: keyof CacheStore) =>
      away ? () => Promise.reject(new Error('away')) : target[name].bind(target),
  })
  const lines: string[] = []
  const { caches, metrics } = cachesOver(store, 'shop', (line) => lines.push(line))
  const names = caches.open({ name: 'names', schema: z.string(), ttlMs: 60_000 })
  let loads = 0
  const load = async () => `load ${++loads}`
  expect(await Promise.all([1, 2, 3].map(() => names.getOrLoad('a', load)))).toEqual(
    Array(3).fill('load 1'),
  )
  expect(await names.get('a')).toBeUndefined()
  await names.set('a', 'b')
  await names.delete('a')
  await expect(names.getOrLoad('a', () => Promise.reject(new Error('its own')))).rejects.toThrow(
    'its own',
  )
  away = false
  expect(await names.getOrLoad('a', load)).toBe('load 2')
  expect(await names.get('a')).toBe('load 2')
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual([
    'the cache is away; done without',
    'the cache is back',
  ])
  const text = await metrics.registry.metrics()
  expect(text).toContain('cache_reads_total{cache="names",result="error",service="shop"} 3')
  expect(text).toContain('cache_writes_total{cache="names",result="error",service="shop"} 2')
})

it('is had by a service that asks for it alone, in memory if nothing else is set', async () => {
  const service = (cache: { cache?: true }) =>
    defineService({
      name: 'clock',
      port: 0,
      title: 'Clock',
      ...cache,
      routes: {
        '/v1/ticks': (app, context) => {
          let ticks = 0
          const kept = context.cache.open({ name: 'ticks', schema: z.int(), ttlMs: 60_000 })
          app.get('/', { config: { access: 'anybody' } }, async () => ({
            tick: await kept.getOrLoad('now', async () => ++ticks),
          }))
        },
      },
    })
  const env = { BANYAN_IDENTITY_KEY: IDENTITY_KEY, LOG_LEVEL: 'silent' }
  await expect(startService(service({}), { env })).rejects.toThrow(
    'clock has no cache: add "cache" to its definition',
  )
  await expect(
    startService(service({ cache: true }), { env: { ...env, CACHE_URL: 'http://x' } }),
  ).rejects.toThrow(/CACHE_URL: must be "memory", redis:/)
  const running = await startService(service({ cache: true }), { env })
  expect((await ask(`${running.url}/v1/ticks`)).body).toEqual({ tick: 1 })
  expect((await ask(`${running.url}/v1/ticks`)).body).toEqual({ tick: 1 })
  expect((await ask(`${running.url}/health/ready`)).body).toMatchObject({
    checks: [{ name: 'cache', ok: true, required: false }],
  })
  await running.stop()
})

it('refuses a cache whose name or time is none', () => {
  const { caches } = cachesOver(new MemoryStore())
  const rules = { name: 'a', schema: z.string(), ttlMs: 1 }
  expect(() => caches.open({ ...rules, name: 'A:b' })).toThrow('"A:b" is no name of a cache')
  expect(() => caches.open({ ...rules, ttlMs: 0 })).toThrow('must be more than 0 ms')
})
