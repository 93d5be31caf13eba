import type { Client, Random, Step } from '@banyan/lab'
import { read } from './steps.ts'
import type { Worker } from './wisher.ts'

/** What is looked for: in titles of the generator, in tags, in none at all, and as people write it. */
const WORDS = [
  'castle',
  'red dragon',
  'space or moon',
  '"pirate ship"',
  'train -red',
  'nothingatall',
]

/**
 * A user who looks for creations and images of others. Not for what is on their own wishlist: by the time
 * Search moves, the monolith's part of that has stood still since Wishlist left it.
 */
export class Searcher implements Client {
  readonly user: string
  readonly headers: Readonly<Record<string, string>>

  constructor(person: Worker) {
    this.user = person.id
    this.headers = { authorization: `Bearer ${person.token}` }
  }

  next(random: Random): Step {
    const type = random.pick(['moc', 'image'])
    const query = new URLSearchParams({ q: random.pick(WORDS), type, limit: '10' })
    return read(`search ${type}s`, `/api/search?${query}`)
  }
}
