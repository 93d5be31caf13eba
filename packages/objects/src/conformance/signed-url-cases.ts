import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import type { ObjectStore } from '../object-store.ts'

/** URLs that carry their own permission, asked over HTTP as a browser would. */
export function signedUrlCases(store: () => ObjectStore): void {
  const content = Buffer.from('0123456789')
  const putOne = async () => {
    const key = `t${randomUUID()}/a+b=c@d.txt`
    await store().put(key, content, { contentType: 'text/plain' })
    return key
  }

  it('gives an object, and parts of it, to whoever has its signed URL', async () => {
    const key = await putOne()
    const url = await store().signedUrl(key, { expiresInS: 60, method: 'GET' })
    const answer = await fetch(url)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toContain('text/plain')
    expect(answer.headers.get('content-length')).toBe('10')
    expect(answer.headers.get('content-disposition')).toBe(null)
    expect(await answer.text()).toBe('0123456789')
    const part = await fetch(url, { headers: { range: 'bytes=2-4' } })
    expect(part.status).toBe(206)
    expect(part.headers.get('content-range')).toBe('bytes 2-4/10')
    expect(await part.text()).toBe('234')
    const tail = await fetch(url, { headers: { range: 'bytes=-3' } })
    expect(await tail.text()).toBe('789')
    expect((await fetch(url, { headers: { range: 'bytes=10-' } })).status).toBe(416)
  })

  it('answers HEAD to a URL that was signed for it', async () => {
    const key = await putOne()
    const url = await store().signedUrl(key, { expiresInS: 60, method: 'HEAD' })
    const answer = await fetch(url, { method: 'HEAD' })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-length')).toBe('10')
    expect((await fetch(url)).status).toBe(403)
  })

  it('has a browser save it under the name that is given', async () => {
    const key = await putOne()
    const fileName = 'Château "42".pdf'
    const url = await store().signedUrl(key, { expiresInS: 60, method: 'GET', fileName })
    const saved = (await fetch(url)).headers.get('content-disposition')
    expect(saved).toBe(
      `attachment; filename="Ch_teau _42_.pdf"; filename*=UTF-8''Ch%C3%A2teau%20%2242%22.pdf`,
    )
  })

  it('refuses a URL that was changed, is for another method, or has expired', async () => {
    const [key, other] = [await putOne(), await putOne()]
    const signed = { expiresInS: 60, method: 'GET', fileName: 'a.txt' } as const
    const url = await store().signedUrl(key, signed)
    const changed = [
      url.replace(encodeURIComponent(key.split('/')[0]!), other.split('/')[0]!),
      url.replace('a.txt', 'b.html'),
      url.replace(/([Ee]xpires=)\d/, '$19'),
      url.slice(0, url.indexOf('?')),
    ]
    for (const one of changed) {
      expect(one).not.toBe(url)
      expect((await fetch(one)).status).toBe(403)
    }
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(403)
    const short = await store().signedUrl(key, { expiresInS: 1, method: 'GET' })
    const deadline = Date.now() + 20_000
    let status = 0
    while (status !== 403 && Date.now() < deadline) {
      status = (await fetch(short)).status
      await new Promise((go) => setTimeout(go, 50))
    }
    expect(status).toBe(403)
  })

  it('answers 404 for an object that is gone, and refuses to sign for ever', async () => {
    const key = await putOne()
    const url = await store().signedUrl(key, { expiresInS: 60, method: 'GET' })
    await store().delete(key)
    expect((await fetch(url)).status).toBe(404)
    for (const expiresInS of [0, 1.5, 604_801]) {
      const signing = store().signedUrl(key, { expiresInS, method: 'GET' })
      await expect(signing).rejects.toThrow('allowed is an integer from 1 to 604800')
    }
  })
}
