import { type Goal, type GoalOf, judgeAll } from '../goals.ts'
import type { Batch, ListBatch } from './files.ts'
import type { Propagation } from './propagation.ts'
import type { Summary } from './samples.ts'

/** A minute of load on everything. Times are ms from the moment a request was due. */
export interface Minute {
  /** What counts of it. */
  readonly seconds: number
  readonly moc: Summary
  readonly mocReads: Summary
  readonly mocWrites: Summary
  /** Writes that ask Gallery whether there is such an image. */
  readonly mocValidated: Summary
  readonly gallery: Summary
  readonly wishlist: Summary
  readonly profile: Summary
  readonly search: Summary
  /** Through the gateway to an upstream that answers at once. */
  readonly routing: Summary
  readonly requests: number
  readonly failedShare: number
  readonly failures: Readonly<Record<string, number>>
  /** Requests a second that MOC management has answered as it should. */
  readonly mocRate: number
  /** How many of those that were due each second it has not. */
  readonly mocShortfall: number
  readonly indexLag: Summary
  readonly neverFound: number
  readonly propagation: Propagation
  readonly partsLists: ListBatch
  /** How late the generator sent what was due: in all of the above. */
  readonly generatorLate: Summary
  /** CPU time in the load's whole time, ms, by process. */
  readonly cpuMs: Readonly<Record<string, number>>
}

/** Of `POST /api/mocs`, ms. */
export interface Creation {
  readonly services: Summary
  readonly monolith: Summary
  /** Median over the rounds of the services' p95 by the monolith's. */
  readonly timeRatio: number
  readonly rounds: readonly {
    readonly services: number
    readonly monolith: number
    readonly ratio: number
  }[]
  /** Of all that was asked. */
  readonly failures: Readonly<Record<string, number>>
  readonly failedShare: number
}

export interface Figures {
  steady?: Minute
  /** The same while so many files are worked on; requests of that time alone. */
  spike?: Minute & { readonly uploads: Batch }
  /** In everyday's load; alone; and while parts lists are read. */
  creation?: {
    readonly everyday: Creation
    readonly alone: Creation
    readonly besideLists: Creation
  }
}

/** The document has less than 500 requests a second as a failure; this is one of ten thousand. */
const SHORTFALL = 0.05
const FAILED = 0.0001

const ofMinute = (name: 'steady' | 'spike'): readonly GoalOf<Figures>[] => {
  const goal = (key: string, atMost: number, of: (minute: Minute) => number): GoalOf<Figures> => ({
    name: `${name}.${key}`,
    of: (figures) => figures[name] && of(figures[name]),
    atMost,
  })
  return [
    goal('moc.p95', 200, (minute) => minute.moc.p95),
    goal('mocValidated.p95', 400, (minute) => minute.mocValidated.p95),
    goal('gallery.p95', 250, (minute) => minute.gallery.p95),
    goal('wishlist.p95', 200, (minute) => minute.wishlist.p95),
    goal('profile.p95', 150, (minute) => minute.profile.p95),
    goal('mocShortfall', SHORTFALL, (minute) => minute.mocShortfall),
    goal('failedShare', FAILED, (minute) => minute.failedShare),
    goal('partsLists.tookMs.p95', 5_000, (minute) => minute.partsLists.tookMs.p95),
    goal('partsLists.readMs.p95', 5_000, (minute) => minute.partsLists.readMs.p95),
    goal('partsLists.failedShare', 0.005, (minute) => minute.partsLists.failedShare),
    goal('search.p95', 500, (minute) => minute.search.p95),
    goal('indexLag.p95', 5_000, (minute) => minute.indexLag.p95),
    goal('neverFound', 0, (minute) => minute.neverFound),
    goal('propagation.tookMs.p95', 10_000, (minute) => minute.propagation.tookMs.p95),
    goal('routing.p95', 50, (minute) => minute.routing.p95),
  ]
}

/** What the document, and the issue that asks for this, hold LEGO to. */
const GOALS: readonly GoalOf<Figures>[] = [
  ...ofMinute('steady'),
  ...ofMinute('spike'),
  {
    name: 'spike.uploads.failedShare',
    of: ({ spike }) => spike?.uploads.failedShare,
    atMost: 0.005,
  },
  ...(['everyday', 'alone', 'besideLists'] as const).flatMap((name): GoalOf<Figures>[] => [
    {
      name: `creation.${name}.services.p95`,
      of: ({ creation }) => creation?.[name].services.p95,
      atMost: 500,
    },
    {
      name: `creation.${name}.timeRatio`,
      of: ({ creation }) => creation?.[name].timeRatio,
      atMost: 0.4,
    },
  ]),
]

export function judge(figures: Figures): Goal[] {
  return judgeAll(GOALS, figures)
}
