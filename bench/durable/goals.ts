import { type Goal, type GoalOf, judgeAll } from '../goals.ts'
import { median, type Round, rounded } from '../statistics.ts'
import { RACES } from './contender.ts'

/** Rates, 1/s: medians over the rounds. */
export interface Beaten {
  readonly ours: number
  readonly pgBoss: number
  readonly graphileWorker: number
  /** Median over the rounds of ours / the better of both. */
  readonly ratio: number
}

export interface Figures {
  relay?: Beaten
  saga?: Beaten
  schedule?: Beaten
}

export type Runners = 'ours' | 'pgBoss' | 'graphileWorker'

/** What the durable primitive is held to. */
const GOALS: readonly GoalOf<Figures>[] = RACES.map((race) => ({
  name: `${race}.ratio`,
  of: (figures) => figures[race]?.ratio,
  atLeast: 2,
}))

export function judge(figures: Figures): Goal[] {
  return judgeAll(GOALS, figures)
}

/** Sets ours against whichever of the others was faster, round by round. */
export function against(rounds: readonly Round<Runners>[]): Beaten {
  if (rounds.length === 0) throw new RangeError('nothing was measured')
  const middle = (name: Runners) => Math.round(median(rounds.map((round) => round[name])))
  const ratios = rounds.map(
    ({ ours, pgBoss, graphileWorker }) => ours / Math.max(pgBoss, graphileWorker),
  )
  return {
    ours: middle('ours'),
    pgBoss: middle('pgBoss'),
    graphileWorker: middle('graphileWorker'),
    ratio: rounded(median(ratios)),
  }
}
