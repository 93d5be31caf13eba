import { Random } from '@banyan/lab'
import { Pool } from 'undici'
import type { Owned, Stock } from './stock.ts'
import { titleOf } from './titles.ts'
import { idIn, imageOf, itemOf } from './traffic.ts'
import type { User } from './users.ts'

export interface FillSizes {
  readonly mocs: number
  readonly images: number
  readonly items: number
}

const AT_ONCE = 16

/** Fills a system through its own API: so what is searched is filled by events, as it will be. */
export async function fill(
  url: string,
  users: readonly User[],
  sizes: FillSizes,
  seed: number,
): Promise<Stock> {
  const pool = new Pool(url, { connections: AT_ONCE })
  const random = new Random(seed)
  const post = async (user: number, method: 'POST' | 'PUT', path: string, body: object) => {
    const { statusCode, body: answer } = await pool.request({
      method,
      path,
      headers: {
        authorization: `Bearer ${users[user]!.token}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
    })
    const text = await answer.text()
    if (statusCode >= 300) throw new Error(`${method} ${path} answered ${statusCode}: ${text}`)
    return text
  }
  const made = (count: number, path: string, bodyOf: () => object) =>
    together(count, async (n): Promise<Owned> => {
      const user = n % users.length
      return { id: idIn(await post(user, 'POST', path, bodyOf())), user }
    })
  try {
    await together(users.length, (n) =>
      post(n, 'PUT', '/api/users/me', { displayName: `Builder number ${n}` }),
    )
    const images = await made(sizes.images, '/api/gallery', () => imageOf(random))
    const items = await made(sizes.items, '/api/wishlist', () => itemOf(random))
    const mocs = await made(sizes.mocs, '/api/mocs', () => ({
      ...titleOf(random),
      ...{ description: 'Built long ago', theme: 'Castle' },
      galleryImageIds: random.next() < 0.5 ? [random.pick(images).id] : [],
    }))
    return { mocs, images, items }
  } finally {
    await pool.close()
  }
}

async function together<T>(count: number, make: (n: number) => Promise<T>): Promise<T[]> {
  const all: T[] = []
  let next = 0
  const worker = async () => {
    while (next < count) {
      const n = next++
      all[n] = await make(n)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return all
}
