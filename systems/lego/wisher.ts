import { createHash } from 'node:crypto'
import type { Client, Observation, Random, Step, Write } from '@banyan/lab'
import type { MocRow } from './builder.ts'
import type { KeptFile } from './filer.ts'
import type { ImageRow } from './photographer.ts'
import { read, readOne, write } from './steps.ts'

/** Who works: a user, signed in. */
export interface Worker {
  readonly id: string
  /** Marks what is made in one trial, apart from that of another before it. */
  readonly tag: string
  readonly token: string
}

/** A user as the load begins: what is in the database, read by the orchestrator. */
export interface Person extends Worker {
  /** In their order. */
  readonly items: readonly {
    readonly id: string
    readonly title: string
    readonly quantity: number
  }[]
  readonly displayName: string | null
  /** Their images; null for who does nothing in the gallery. */
  readonly images: readonly ImageRow[] | null
  /** Null for who builds nothing. */
  readonly mocs: readonly MocRow[] | null
  /** Whether they look for what others have. */
  readonly searches: boolean
  /** Whether they look at what parts lists hold. */
  readonly parses: boolean
  /** Files of their own; null for who keeps none. */
  readonly files: readonly KeptFile[] | null
}

interface Item {
  readonly id: string
  /** Names it in the history: the token in the title of those the load made, else its id. */
  readonly entity: string
  version: number
  /** A change of it had no answer, and may still come: it keeps its place, and is changed no more. */
  doubtful: boolean
}

/** A list answers 100 items at most: beyond this many, one is deleted instead of another added. */
const MOST_ITEMS = 80

const WEIGHTS = {
  create: 14,
  patch: 34,
  delete: 8,
  get: 12,
  list: 14,
  reorder: 4,
  debounced: 3,
  status: 3,
  // Routes that do not move: they must go on as if nothing happened.
  mocs: 3,
  profile: 2,
  rename: 3,
} as const

/**
 * What a title and a quantity say of an item, in the words of the history. Titles that the load
 * writes are `made TOKEN vN`; whatever else stands there is the item as it was found.
 */
export function entityOf(row: { id: string; title: string; quantity: number }): {
  entity: string
  value: string
} {
  const token = /^made (\S+) v\d+$/.exec(row.title)?.[1] ?? row.id
  return { entity: `item/${token}`, value: `${row.title}, ${row.quantity}` }
}

/** How often the load has changed what bears this title, in trials before; 0 for what it found. */
export function versionOf(title: string): number {
  return Number(/^made \S+ v(\d+)$/.exec(title)?.[1] ?? 0)
}

/** The order of items as one value. */
export function orderOf(entities: readonly string[]): string {
  return `${entities.length}:${createHash('sha1').update(entities.join('\n')).digest('hex').slice(0, 16)}`
}

/** One user of the wishlist: does one thing after the other, and knows what it was acknowledged. */
export class Wisher implements Client {
  readonly user: string
  readonly headers: Readonly<Record<string, string>>
  readonly #tag: string
  /** In their order, as far as that is known. */
  #items: Item[]
  #deleted: Item[] = []
  #waitingOrder: Item[] | null = null
  #orderKnown = true
  #made = 0
  #renames = 0

  constructor(person: Person) {
    this.user = person.id
    this.#tag = `${person.tag}-${person.id.slice(0, 8)}`
    this.headers = { authorization: `Bearer ${person.token}` }
    this.#items = person.items.map((item) => ({
      id: item.id,
      entity: entityOf(item).entity,
      version: versionOf(item.title),
      doubtful: false,
    }))
  }

  next(random: Random): Step {
    switch (this.#choose(random)) {
      case 'create':
        return this.#create(random)
      case 'patch':
        return this.#patch(random.pick(this.#sure))
      case 'delete':
        return this.#delete(random.pick(this.#sure))
      case 'get':
        return this.#get(random.pick([...this.#sure, ...this.#deleted]))
      case 'list':
        return this.#list()
      case 'reorder':
        return this.#reorder(random.shuffled(this.#items))
      case 'debounced':
        return this.#reorderLater(random.shuffled(this.#items))
      case 'status':
        return this.#status()
      case 'mocs':
        return read('mocs', '/api/mocs?limit=5')
      case 'profile':
        return this.#profile()
      case 'rename':
        return this.#rename()
    }
  }

  get #sure(): Item[] {
    return this.#items.filter((item) => !item.doubtful)
  }

  #choose(random: Random): keyof typeof WEIGHTS {
    const op = random.weighted(WEIGHTS)
    const some = this.#sure.length > 0
    if (op === 'create') return this.#items.length < MOST_ITEMS || !some ? op : 'delete'
    // Two waiting orders at once: whether the first was done or replaced, nobody could say.
    if (op === 'debounced' && this.#waitingOrder) return 'status'
    if (op === 'reorder' || op === 'debounced') {
      return this.#orderKnown && this.#items.length > 1 ? op : 'list'
    }
    if (op === 'patch' || op === 'delete' || op === 'get') return some ? op : 'create'
    return op
  }

  #create(random: Random): Step {
    const token = `${this.#tag}-${++this.#made}`
    const title = `made ${token} v1`
    const quantity = 1 + random.below(9)
    const entity = `item/${token}`
    const price = Math.round(random.next() * 10_000) / 100
    return write('create', 'POST', '/api/wishlist', {
      body: { title, description: `Begun by ${token} – ${'☂'.repeat(3)}`, quantity, price },
      writes: (answer) => {
        const made = { entity, set: `${title}, ${quantity}` }
        if (!answer) return [made, ...this.#loseOrder()]
        const item = { id: (answer.body as { id: string }).id, entity, version: 1, doubtful: false }
        this.#items.push(item)
        this.#waitingOrder?.push(item)
        return [made, ...this.#order()]
      },
    })
  }

  #patch(item: Item): Step {
    const version = ++item.version
    const token = item.entity.slice('item/'.length)
    const title = `made ${token} v${version + 1}`
    const quantity = 1 + (version % 999)
    return write('patch', 'PATCH', `/api/wishlist/${item.id}`, {
      body: { title, quantity, isAcquired: version % 2 === 0, price: version / 4 },
      writes: (answer) => {
        if (!answer) item.doubtful = true
        return [{ entity: item.entity, set: `${title}, ${quantity}` }]
      },
    })
  }

  #delete(item: Item): Step {
    return write('delete', 'DELETE', `/api/wishlist/${item.id}`, {
      writes: (answer) => {
        const gone = { entity: item.entity, set: null }
        this.#items = this.#items.filter((one) => one !== item)
        if (!answer) return [gone, ...this.#loseOrder()]
        this.#waitingOrder = this.#waitingOrder?.filter((one) => one !== item) ?? null
        this.#deleted = [item, ...this.#deleted].slice(0, 3)
        return [gone, ...this.#order()]
      },
    })
  }

  #reorder(items: Item[]): Step {
    return write('reorder', 'POST', '/api/wishlist/reorder', {
      body: { itemIds: items.map((item) => item.id) },
      writes: (answer) => {
        if (!answer) return this.#loseOrder()
        this.#items = items
        this.#waitingOrder = null
        return this.#order()
      },
    })
  }

  #reorderLater(items: Item[]): Step {
    return write('debounced', 'POST', '/api/wishlist/reorder/debounced', {
      body: { itemIds: items.map((item) => item.id) },
      writes: (answer) => {
        if (!answer) return this.#loseOrder()
        this.#waitingOrder = items
        return this.#order()
      },
    })
  }

  #status(): Step {
    return {
      ...read('status', '/api/wishlist/reorder/status'),
      conclude: (outcome, answer) => {
        const pending = (answer?.body as { pending?: boolean } | undefined)?.pending
        if (outcome !== 'acknowledged' || pending !== false || !this.#waitingOrder) return {}
        this.#items = this.#waitingOrder
        this.#waitingOrder = null
        return { reads: [{ entity: 'order', settled: true }] }
      },
    }
  }

  #get(item: Item): Step {
    return readOne<Shown>('get', `/api/wishlist/${item.id}`, item.entity, entityOf)
  }

  #list(): Step {
    return {
      ...read('list', '/api/wishlist?limit=100'),
      conclude: (outcome, answer) => {
        if (outcome !== 'acknowledged') return {}
        const { items } = answer!.body as { items: Shown[] }
        const shown = items.map(entityOf)
        const reads: Observation[] = [
          { within: 'item/', values: shown.map(({ entity, value }) => [entity, value] as const) },
        ]
        if (this.#orderKnown) {
          reads.push({ entity: 'order', value: orderOf(shown.map(({ entity }) => entity)) })
        }
        return { reads }
      },
    }
  }

  #profile(): Step {
    return {
      ...read('profile', '/api/users/me'),
      accepts: (status) => status === 200 || status === 404,
      conclude: (outcome, answer) => {
        if (outcome !== 'acknowledged') return {}
        const found = answer?.status === 200
        const value = found ? (answer.body as { displayName: string }).displayName : null
        return { reads: [{ entity: 'profile', value }] }
      },
    }
  }

  #rename(): Step {
    const displayName = `Builder ${this.#tag} the ${++this.#renames}.`
    return write('rename', 'PUT', '/api/users/me', {
      body: { displayName },
      writes: () => [{ entity: 'profile', set: displayName }],
    })
  }

  /** The order as it stands, and the one that is waiting to be applied. */
  #order(): Write[] {
    if (!this.#orderKnown) return []
    const value = (items: Item[]) => orderOf(items.map((item) => item.entity))
    const now: Write = { entity: 'order', set: value(this.#items) }
    if (!this.#waitingOrder) return [now]
    return [now, { entity: 'order', set: value(this.#waitingOrder), eventually: true }]
  }

  #loseOrder(): Write[] {
    this.#orderKnown = false
    this.#waitingOrder = null
    return [{ entity: 'order', unsure: true }]
  }
}

type Shown = { id: string; title: string; quantity: number }
