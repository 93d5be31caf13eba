import type { Client, Random, Step } from '@banyan/lab'
import { read, readAll, readOne, write } from './steps.ts'
import { versionOf, type Worker } from './wisher.ts'

export interface MocRow {
  readonly id: string
  readonly title: string
  readonly description: string | null
}

interface Moc {
  readonly id: string
  /** Names it in the history: the token in the title of those the load made, else its id. */
  readonly entity: string
  version: number
  /** A change of it had no answer, and may still come: it is changed no more. */
  doubtful: boolean
}

/** A list answers 100 MOCs at most: beyond this many, one is deleted instead of another added. */
const MOST_MOCS = 60

const WEIGHTS = {
  create: 20,
  patch: 32,
  delete: 8,
  get: 16,
  mine: 12,
  newest: 8,
  lists: 4,
} as const

/** What a MOC is called and is worth in the history; see the same of items. */
export function mocEntity({ id, title, description }: MocRow): { entity: string; value: string } {
  const token = /^made (\S+) v\d+$/.exec(title)?.[1] ?? id
  return { entity: `moc/${token}`, value: `${title}: ${description ?? ''}` }
}

/** One user's own creations. */
export class Builder implements Client {
  readonly user: string
  readonly headers: Readonly<Record<string, string>>
  readonly #tag: string
  #mocs: Moc[]
  #made = 0

  constructor(person: Worker, mocs: readonly MocRow[]) {
    this.user = person.id
    this.#tag = `${person.tag}-${person.id.slice(0, 8)}`
    this.headers = { authorization: `Bearer ${person.token}` }
    this.#mocs = mocs.map((moc) => ({
      id: moc.id,
      entity: mocEntity(moc).entity,
      version: versionOf(moc.title),
      doubtful: false,
    }))
  }

  next(random: Random): Step {
    const sure = this.#mocs.filter((moc) => !moc.doubtful)
    switch (this.#choose(random, sure.length)) {
      case 'create':
        return this.#create()
      case 'patch':
        return this.#patch(random.pick(sure))
      case 'delete':
        return this.#delete(random.pick(sure))
      case 'get':
        return this.#get(random.pick(sure))
      case 'mine':
        return this.#mine()
      case 'newest':
        return read('newest MOCs', '/api/mocs?limit=10')
      case 'lists':
        return read('parts lists', `/api/mocs/${random.pick(sure).id}/parts-lists`)
    }
  }

  #choose(random: Random, sure: number): keyof typeof WEIGHTS {
    const op = random.weighted(WEIGHTS)
    if (op === 'create') return this.#mocs.length < MOST_MOCS || sure === 0 ? op : 'delete'
    return sure > 0 || op === 'mine' || op === 'newest' ? op : 'create'
  }

  #create(): Step {
    const token = `${this.#tag}-${++this.#made}`
    const title = `made ${token} v1`
    const description = `Begun by ${token}`
    const entity = `moc/${token}`
    return write('create MOC', 'POST', '/api/mocs', {
      body: { title, description, tags: ['load', token], theme: 'Castle' },
      writes: (answer) => {
        if (answer) {
          const { id } = answer.body as { id: string }
          this.#mocs.push({ id, entity, version: 1, doubtful: false })
        }
        return [{ entity, set: `${title}: ${description}` }]
      },
    })
  }

  #patch(moc: Moc): Step {
    const version = ++moc.version
    const title = `made ${moc.entity.slice('moc/'.length)} v${version}`
    const description = `Number ${version}`
    return write('change MOC', 'PATCH', `/api/mocs/${moc.id}`, {
      body: { title, description },
      writes: (answer) => {
        if (!answer) moc.doubtful = true
        return [{ entity: moc.entity, set: `${title}: ${description}` }]
      },
    })
  }

  #delete(moc: Moc): Step {
    return write('delete MOC', 'DELETE', `/api/mocs/${moc.id}`, {
      writes: () => {
        this.#mocs = this.#mocs.filter((one) => one !== moc)
        return [{ entity: moc.entity, set: null }]
      },
    })
  }

  #get(moc: Moc): Step {
    return readOne('get MOC', `/api/mocs/${moc.id}`, moc.entity, mocEntity)
  }

  #mine(): Step {
    const shown = ({ mocs }: { mocs: MocRow[] }) => mocs.map(mocEntity)
    return readAll('my MOCs', '/api/mocs?mine=true&limit=100', 'moc/', shown)
  }
}
