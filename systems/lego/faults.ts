import { Random } from '@banyan/lab'
import { HANDOVER_STEPS } from '@banyan/migration'
import type { DataPlane } from './haproxy.ts'
import type { ExtractionName } from './topology.ts'

/** What `npm run prove` moves, all at once: enough for what is looked for, and quick. */
export const PROVED = ['wishlist', 'profile'] as const satisfies readonly ExtractionName[]

/**
 * What is struck, and how. Without a word: kill -9, and started again. `paused`: SIGSTOP and SIGCONT;
 * an engine until another has taken over, a gateway until its lease is over, all others for longer than
 * writes may be held. `gone`: killed, and started again after its lease is over.
 */
const VICTIMS = [
  'engine',
  'engine paused',
  'standby engine',
  'gateway',
  'gateway paused',
  'gateway gone',
  'service',
  'service paused',
  'monolith',
  'monolith paused',
  'source PostgreSQL',
  'source PostgreSQL paused',
  'target PostgreSQL',
  'target PostgreSQL paused',
] as const

/**
 * Where requests go through HAProxy, `gateway` is that process, and its driver is struck apart from it: `driver gone`
 * leaves an HAProxy that nobody tells anything any more. `gateway gone` is both.
 */
const DRIVERS = ['driver', 'driver paused', 'driver gone'] as const
export type Victim = (typeof VICTIMS)[number] | (typeof DRIVERS)[number]

export function victimsOf(dataPlane: DataPlane): readonly Victim[] {
  return dataPlane === 'haproxy' ? [...VICTIMS, ...DRIVERS] : VICTIMS
}

/** The steps of a handover that the ledger names before they are done. */
export const STEPS = HANDOVER_STEPS.filter((step) => step !== 'ready')
export type Step = (typeof STEPS)[number]

/** The phases something is struck in, in their order. */
export const PHASES = [
  'copying',
  'verifying',
  'shadowing',
  'canary',
  'cut over',
  'soaking',
  'rolling back',
  'rolled back',
  'completing',
  'completed',
  'cancelling',
  'cancelled',
] as const
export type StruckPhase = (typeof PHASES)[number]

export type Place = StruckPhase | Step

/** One part of a run: the operator asks for something, and waits until it is there. */
export type Stage = 'begin' | 'promote' | 'roll back' | 'promote again' | 'end'

/**
 * Where a run may be struck, a list a fault. The numbers of places share no factor with the victims',
 * so that counting through both meets every pair.
 */
const PLACES = [
  { stage: 'begin', places: ['copying', 'verifying', 'shadowing', 'canary', ...STEPS] },
  { stage: 'promote', places: ['cut over', 'soaking', ...STEPS] },
  { stage: 'roll back', places: ['rolling back', 'rolled back', ...STEPS] },
  { stage: 'end', places: ['completing', 'completed', 'cancelling', 'cancelled', 'cut over'] },
] as const satisfies readonly { stage: Stage; places: readonly Place[] }[]

export const FAULTS_A_RUN = PLACES.length

export interface Fault {
  readonly stage: Stage
  /** Whose phase or handover it is about; its service is the one that is struck. */
  readonly extraction: ExtractionName
  readonly place: Place
  /** Where the buckets go in the handover; null outside of one. */
  readonly direction: 'to target' | 'to source' | null
  readonly victim: Victim
  /** How long after the place was come to, ms; null: while its ledger entry is being written. */
  readonly afterMs: number | null
  /** Which of the gateways, where it is one. */
  readonly gateway: number
}

/**
 * The faults of one run, one for each list above. Victims and places are dealt by counting, so that as
 * many runs in a row as a list has pairs (182 at most, 221 with drivers) meet every victim at every place of it; the
 * seed decides whose it is, and the milliseconds.
 */
export function planFaults(seed: number, dataPlane: DataPlane = 'banyan'): Fault[] {
  const victims = victimsOf(dataPlane)
  const random = new Random(`faults ${seed}`)
  return PLACES.map(({ stage, places }, list): Fault => {
    const place = places[seed % places.length]!
    // Each list begins elsewhere: otherwise one run would strike the same victim four times.
    const victim = victims[(seed + list * 4) % victims.length]!
    const spread = SPREAD_MS[place] ?? 30
    const certain = place === 'copying' || place === 'rolling back'
    return {
      stage: stage === 'end' && place === 'cut over' ? 'promote again' : stage,
      extraction: random.pick(PROVED),
      place,
      direction: isStep(place) ? (stage === 'roll back' ? 'to source' : 'to target') : null,
      victim,
      afterMs: certain || random.next() < 0.6 ? random.below(spread) : null,
      gateway: random.below(2),
    }
  })
}

/** Within how long after the place was come to, ms; 30 where nothing is said. */
const SPREAD_MS: Partial<Record<Place, number>> = {
  copying: 1_000,
  verifying: 150,
  shadowing: 300,
  canary: 300,
  'cut over': 300,
  soaking: 300,
  'rolled back': 200,
  completing: 150,
  cancelling: 150,
}

export function isStep(place: Place): place is Step {
  return (STEPS as readonly Place[]).includes(place)
}
