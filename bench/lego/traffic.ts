import type { Random } from '@banyan/lab'
import type { Stock } from './stock.ts'
import { type Owned, Shelf } from './stock.ts'
import { ROUTING_PATH } from './system.ts'
import { titleOf, wordsOf } from './titles.ts'

/** One request. */
export interface Ask {
  /** What it is counted as: `moc.read`. */
  readonly kind: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  /** Which of the users asks. */
  readonly user: number
  /** JSON. */
  readonly body?: string
  /** The status that it is to be answered with. */
  readonly wants: number
  /** Called with what was answered, when that is as it should be. */
  taken?(body: string): void
}

export type StreamName =
  | 'moc'
  | 'gallery'
  | 'wishlist'
  | 'profile'
  | 'search'
  | 'routing'
  | 'create'
  | 'parse'

/**
 * Of a hundred requests of each stream. A fifth of those to MOC management write, and a quarter of these have
 * Gallery validate an image.
 */
const MIX = {
  moc: {
    get: 45,
    newest: 20,
    mine: 10,
    lists: 5,
    create: 4,
    createLinked: 3,
    patch: 6,
    patchLinked: 2,
    delete: 5,
  },
  gallery: { get: 30, newest: 25, mine: 15, albums: 10, create: 8, patch: 8, delete: 4 },
  wishlist: { list: 40, get: 25, status: 5, create: 10, patch: 14, delete: 6 },
  profile: { me: 45, public: 40, put: 15 },
  search: { mocs: 60, images: 20, own: 10, suggest: 10 },
} as const

/** Longer than a request may take: see `Shelf`. */
const REST_MS = 11_000

/** Makes the requests that are due. Knows what there is by what was answered. */
export class Traffic {
  readonly #random: Random
  readonly #users: number
  readonly #mocs: Shelf
  readonly #linkable: readonly Owned[]
  readonly #images: Shelf
  readonly #items: Shelf
  readonly #lists: readonly string[]
  readonly #run: string
  readonly #created: (moc: { readonly word: string; readonly user: number }) => void
  #made = 0

  constructor(of: {
    readonly random: Random
    readonly users: number
    readonly stock: Stock
    /** Bodies of requests to read a parts list. */
    readonly lists: readonly string[]
    /** Tells what is made now from what was made before. */
    readonly run: string
    /** Called when a MOC of the stream `moc` was created, with a word that it alone has. */
    readonly onCreated: (moc: { readonly word: string; readonly user: number }) => void
  }) {
    this.#random = of.random
    this.#users = of.users
    this.#mocs = new Shelf(of.stock.mocs, REST_MS)
    this.#linkable = of.stock.images
    this.#images = new Shelf([], REST_MS)
    this.#items = new Shelf(of.stock.items, REST_MS)
    this.#lists = of.lists
    this.#run = of.run
    this.#created = of.onCreated
  }

  /** What the next run may ask about. */
  get stock(): Stock {
    return { mocs: this.#mocs.there, images: this.#linkable, items: this.#items.there }
  }

  next(stream: StreamName, nowMs: number): Ask {
    switch (stream) {
      case 'moc':
        return this.#moc(nowMs)
      case 'gallery':
        return this.#gallery(nowMs)
      case 'wishlist':
        return this.#wishlist(nowMs)
      case 'profile':
        return this.#profile()
      case 'search':
        return this.#search()
      case 'routing':
        return this.#read('routing', ROUTING_PATH)
      case 'create':
        return this.#createMoc('create', {})
      case 'parse': {
        const body = this.#random.pick(this.#lists)
        const path = '/api/parts-lists/parse'
        return { kind: 'parse', method: 'POST', path, user: this.#anybody(), body, wants: 200 }
      }
    }
  }

  #moc(nowMs: number): Ask {
    const op = this.#random.weighted(MIX.moc)
    const link = () => ({ galleryImageIds: [this.#random.pick(this.#linkable).id] })
    switch (op) {
      case 'get':
        return this.#read('moc.read', `/api/mocs/${this.#mocs.pick(this.#random).id}`)
      case 'newest':
        return this.#read('moc.read', '/api/mocs?limit=10')
      case 'mine':
        return this.#read('moc.read', '/api/mocs?mine=true&limit=10')
      case 'lists':
        return this.#read('moc.read', `/api/mocs/${this.#mocs.pick(this.#random).id}/parts-lists`)
      case 'create':
        return this.#createMoc('moc.write', {})
      case 'createLinked':
        return this.#createMoc('moc.validated', link())
      case 'patchLinked':
        return this.#patch('moc.validated', '/api/mocs', this.#mocs, link())
      case 'delete': {
        const gone = this.#mocs.take(this.#random, nowMs)
        if (gone) return this.#delete('moc.write', '/api/mocs', gone)
        break
      }
    }
    const description = `Change ${++this.#made}`
    return this.#patch('moc.write', '/api/mocs', this.#mocs, { description })
  }

  #createMoc(kind: string, links: object): Ask {
    const user = this.#anybody()
    const word = `${this.#run}x${++this.#made}`
    const { title, tags } = titleOf(this.#random)
    const body = {
      title: `${title} ${word}`,
      description: `What I built of what was there: ${title}`,
      theme: 'Castle',
      tags,
      ...links,
    }
    return {
      ...{ kind, method: 'POST', path: '/api/mocs', user, body: JSON.stringify(body), wants: 201 },
      taken: (answer) => {
        this.#mocs.add({ id: idIn(answer), user })
        if (kind !== 'create') this.#created({ word, user })
      },
    }
  }

  #gallery(nowMs: number): Ask {
    const op = this.#random.weighted(MIX.gallery)
    const own = this.#images.there.length > 0
    switch (op) {
      case 'get':
        return this.#read('gallery.read', `/api/gallery/${this.#random.pick(this.#linkable).id}`)
      case 'newest':
        return this.#read('gallery.read', '/api/gallery?limit=10')
      case 'mine':
        return this.#read('gallery.read', '/api/gallery?mine=true&limit=10')
      case 'albums':
        return this.#read('gallery.read', '/api/gallery/albums?limit=10')
      case 'delete': {
        const gone = own ? this.#images.take(this.#random, nowMs) : null
        if (gone) return this.#delete('gallery.write', '/api/gallery', gone)
        break
      }
      case 'patch':
        if (own) {
          const change = { description: `Change ${++this.#made}` }
          return this.#patch('gallery.write', '/api/gallery', this.#images, change)
        }
    }
    const user = this.#anybody()
    return {
      ...{ kind: 'gallery.write', method: 'POST', path: '/api/gallery', user, wants: 201 },
      body: JSON.stringify(imageOf(this.#random)),
      taken: (answer) => this.#images.add({ id: idIn(answer), user }),
    }
  }

  #wishlist(nowMs: number): Ask {
    const op = this.#random.weighted(MIX.wishlist)
    switch (op) {
      case 'list':
        return this.#read('wishlist.read', '/api/wishlist?limit=20')
      case 'status':
        return this.#read('wishlist.read', '/api/wishlist/reorder/status')
      case 'get': {
        const { id, user } = this.#items.pick(this.#random)
        return this.#read('wishlist.read', `/api/wishlist/${id}`, user)
      }
      case 'create': {
        const user = this.#anybody()
        return {
          ...{ kind: 'wishlist.write', method: 'POST', path: '/api/wishlist', user, wants: 201 },
          body: JSON.stringify(itemOf(this.#random)),
          taken: (answer) => this.#items.add({ id: idIn(answer), user }),
        }
      }
      case 'delete': {
        const gone = this.#items.take(this.#random, nowMs)
        if (gone) return this.#delete('wishlist.write', '/api/wishlist', gone)
        break
      }
    }
    const change = { quantity: 1 + this.#random.below(99) }
    return this.#patch('wishlist.write', '/api/wishlist', this.#items, change)
  }

  #profile(): Ask {
    const op = this.#random.weighted(MIX.profile)
    if (op === 'me') return this.#read('profile.read', '/api/users/me')
    const user = this.#anybody()
    // Whose public profile is asked for is told by the sender, who knows the users' ids.
    if (op === 'public') return this.#read('profile.read', `/api/users/{user ${user}}/public`)
    const body = JSON.stringify({ displayName: `Builder ${++this.#made}` })
    const path = '/api/users/me'
    return { kind: 'profile.write', method: 'PUT', path, user, body, wants: 200 }
  }

  #search(): Ask {
    const op = this.#random.weighted(MIX.search)
    const words = wordsOf(this.#random)
    if (op === 'suggest') {
      const start = encodeURIComponent(words.slice(0, 4))
      return this.#read('search', `/api/search/suggest?q=${start}&type=moc`)
    }
    const type = { mocs: 'moc', images: 'image', own: 'wishlist' }[op]
    return this.#read(
      'search',
      `/api/search?${new URLSearchParams({ q: words, type, limit: '20' })}`,
    )
  }

  #read(kind: string, path: string, user = this.#anybody()): Ask {
    return { kind, method: 'GET', path, user, wants: 200 }
  }

  #patch(kind: string, below: string, shelf: Shelf, change: object): Ask {
    const { id, user } = shelf.pick(this.#random)
    const body = JSON.stringify(change)
    return { kind, method: 'PATCH', path: `${below}/${id}`, user, body, wants: 200 }
  }

  #delete(kind: string, below: string, { id, user }: Owned): Ask {
    return { kind, method: 'DELETE', path: `${below}/${id}`, user, wants: 204 }
  }

  #anybody(): number {
    return this.#random.below(this.#users)
  }
}

export function imageOf(random: Random): object {
  const { title, tags } = titleOf(random)
  return { title, tags, imageUrl: `https://pictures.example/${random.below(1e9)}.jpg` }
}

export function itemOf(random: Random): object {
  const { title } = titleOf(random)
  return { title, quantity: 1 + random.below(9), price: random.below(10_000) / 100 }
}

export function idIn(answer: string): string {
  return (JSON.parse(answer) as { id: string }).id
}
