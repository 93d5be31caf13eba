import { expect, it } from 'vitest'
import type { ObjectStore, PutOptions } from '../object-store.ts'

/** What is not done, and said so. */
export function refusalCases(store: () => ObjectStore): void {
  it.each([
    '',
    '/',
    'a//b',
    '/a',
    'a/',
    '.',
    '..',
    'a/../b',
    '../../etc/passwd',
    'a/./b',
    '.unfinished/x',
    'a\\b',
    'a b',
    'a\0b',
    'a%2fb',
    'a~',
    'ключ',
    `a/${'b'.repeat(201)}`,
    'a/'.repeat(256).concat('b'),
  ])('refuses the key %j, whatever is asked', async (key) => {
    const refused = { code: 'BAD_OBJECT_KEY', status: 400 }
    const options = { contentType: 'text/plain' }
    await expect(store().put(key, Buffer.from('x'), options)).rejects.toMatchObject(refused)
    await expect(store().get(key)).rejects.toMatchObject(refused)
    await expect(store().head(key)).rejects.toMatchObject(refused)
    await expect(store().delete(key)).rejects.toMatchObject(refused)
    await expect(store().deleteMany(['fine', key])).rejects.toMatchObject(refused)
    const url = { expiresInS: 60, method: 'GET' } as const
    await expect(store().signedUrl(key, url)).rejects.toMatchObject(refused)
  })

  it('takes the longest key that is allowed', async () => {
    const key = `${'k'.repeat(200)}/${'k'.repeat(200)}/${'k'.repeat(110)}`
    expect(key).toHaveLength(512)
    await store().put(key, Buffer.from('x'), { contentType: 'text/plain' })
    expect(await store().head(key)).toMatchObject({ key, size: 1 })
    await store().delete(key)
  })

  it.each<[string, Partial<PutOptions>, string]>([
    ['no media type', { contentType: 'text' }, 'contentType is "text"'],
    ['a line in the media type', { contentType: 'text/plain\r\nx: y' }, 'contentType'],
    ['names in capitals', { metadata: { Name: 'x' } }, 'a name in metadata is "Name"'],
    ['half a character', { metadata: { name: '\ud800' } }, 'metadata name'],
    ['too much metadata', { metadata: { name: 'é'.repeat(400) } }, 'at most 1800 bytes'],
    ['a size that is none', { maxBytes: -1 }, 'maxBytes is -1'],
  ])('refuses %s', async (_, options, reason) => {
    const put = store().put('refused', Buffer.from('x'), { contentType: 'text/plain', ...options })
    await expect(put).rejects.toMatchObject({ code: 'BAD_OBJECT' })
    await expect(put).rejects.toThrow(reason)
    expect(await store().head('refused')).toBe(null)
  })

  it('refuses content that is larger than allowed as soon as it is, and stores nothing', async () => {
    let given = 0
    async function* endless() {
      for (;;) {
        given += 1000
        yield Buffer.alloc(1000)
      }
    }
    const options = { contentType: 'text/plain', maxBytes: 5_500 }
    const put = store().put('too-large', endless(), options)
    await expect(put).rejects.toMatchObject({ code: 'TOO_LARGE', values: { limitBytes: 5_500 } })
    expect(given).toBe(6_000)
    expect(await store().head('too-large')).toBe(null)
    const fits = await store().put('too-large', Buffer.alloc(5_500), options)
    expect(fits.size).toBe(5_500)
    await store().delete('too-large')
  })

  it('refuses pages of no size', async () => {
    await expect(store().list({ limit: 0 })).rejects.toThrow('limit is 0; allowed is an integer')
    await expect(store().list({ prefix: '../' })).rejects.toMatchObject({ code: 'BAD_OBJECT_KEY' })
  })
}
