import { request } from 'undici'

export interface ForumUser {
  readonly token: string
  readonly account: string
}

/** What a user knows of its own posts: those acknowledged, by id, with the title last acknowledged. */
export type Known = Map<string, string>

export interface LoadResult {
  readonly known: Map<string, Known>
  readonly requests: number
  readonly failures: string[]
  /** Reads by a writer that missed its own acknowledged write. */
  readonly stale: string[]
}

/**
 * Every user writes and reads, one request at a time, until stopped, and remembers every acknowledged
 * write. Nothing is retried.
 */
export function startForumLoad(gatewayUrl: string, users: readonly ForumUser[]) {
  let stopped = false
  const known = new Map<string, Known>(users.map((user) => [user.account, new Map()]))
  const failures: string[] = []
  const stale: string[] = []
  let requests = 0

  async function call(
    user: ForumUser,
    method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE',
    path: string,
    body?: object,
  ) {
    requests++
    const answer = await request(new URL(path, gatewayUrl), {
      method,
      headers: { 'x-session': user.token, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    const text = await answer.body.text()
    if (answer.statusCode >= 400) failures.push(`${method} ${path}: ${answer.statusCode} ${text}`)
    return text ? JSON.parse(text) : null
  }

  async function live(user: ForumUser): Promise<void> {
    const mine = known.get(user.account)!
    for (let turn = 0; !stopped; turn++) {
      const title = `${user.account} wrote ${turn}`
      const post = await call(user, 'POST', '/api/posts', { title })
      mine.set(post.id, title)
      await call(user, 'PUT', `/api/posts/${post.id}/tags/${1 + (turn % 20)}`)
      await call(user, 'PATCH', `/api/posts/${post.id}`, { title: `${title}, edited` })
      mine.set(post.id, `${title}, edited`)
      if (turn % 3 === 0) {
        await call(user, 'DELETE', `/api/posts/${post.id}`)
        mine.delete(post.id)
      }
      const list = (await call(user, 'GET', '/api/posts')) as { id: string; title: string }[]
      const seen = new Map(list.map((one) => [one.id, one.title]))
      for (const [id, expected] of mine) {
        if (seen.get(id) !== expected)
          stale.push(`${user.account} reads ${seen.get(id)} for ${id}, wrote ${expected}`)
      }
      if (turn % 5 === 0) await call(user, 'GET', '/leaders')
    }
  }

  const running = Promise.all(users.map(live))
  return {
    async stop(): Promise<LoadResult> {
      stopped = true
      await running
      return { known, requests, failures, stale }
    },
  }
}
