import { signIdentity } from '@banyan/contracts'
import type { Client, Random, Step } from '@banyan/lab'

const MOST_MOCS = 30
const WEIGHTS = { create: 25, link: 20, patch: 15, get: 20, list: 15, delete: 5 } as const

const anything = { conclude: () => ({}) }

/** One who makes MOCs, links pictures of the gallery to them, changes, reads and deletes them. */
export class Creator implements Client {
  readonly user: string
  readonly #key: string
  readonly #images: readonly string[]
  #mocs: string[] = []
  #made = 0

  constructor(user: string, identityKey: string, images: readonly string[]) {
    this.user = user
    this.#key = identityKey
    this.#images = images
  }

  /** Signed anew each time: what the gateway signs is good for a minute. */
  get headers(): Readonly<Record<string, string>> {
    return {
      'x-banyan-identity': signIdentity({ userId: this.user, email: null, roles: [] }, this.#key),
    }
  }

  next(random: Random): Step {
    const op = this.#choose(random)
    const one = op === 'create' || op === 'list' ? '' : `/v1/mocs/${random.pick(this.#mocs)}`
    switch (op) {
      case 'create':
        return this.#create(random)
      case 'link': {
        const body = { galleryImageIds: [random.pick(this.#images)] }
        return { op, method: 'PATCH', path: one, body, writes: true, ...anything }
      }
      case 'patch': {
        const body = { description: `Change ${++this.#made}` }
        return { op, method: 'PATCH', path: one, body, writes: true, ...anything }
      }
      case 'get':
        return { op, method: 'GET', path: one, writes: false, ...anything }
      case 'list':
        return { op, method: 'GET', path: '/v1/mocs?limit=10', writes: false, ...anything }
      case 'delete': {
        const id = one.slice('/v1/mocs/'.length)
        this.#mocs = this.#mocs.filter((other) => other !== id)
        return { op, method: 'DELETE', path: one, writes: true, ...anything }
      }
    }
  }

  #choose(random: Random): keyof typeof WEIGHTS {
    if (this.#mocs.length === 0) return 'create'
    const op = random.weighted(WEIGHTS)
    return op === 'create' && this.#mocs.length >= MOST_MOCS ? 'delete' : op
  }

  #create(random: Random): Step {
    const title = `Castle ${this.user} ${++this.#made}`
    return {
      op: 'create',
      method: 'POST',
      path: '/v1/mocs',
      body: { title, theme: 'Castle', galleryImageIds: [random.pick(this.#images)] },
      writes: true,
      conclude: (_outcome, answer) => {
        if (answer?.status === 201) this.#mocs.push((answer.body as { id: string }).id)
        return {}
      },
    }
  }
}
