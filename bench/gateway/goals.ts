import { type Goal, type GoalOf, judgeAll } from '../goals.ts'

/** What was measured; what could not be is left out. */
export interface Figures {
  bare?: {
    readonly ratioToFastifyHttpProxy: number
    readonly ratioToHttpProxyMiddleware: number
    readonly ratioToNginx?: number
    readonly ratioToHaproxy?: number
  }
  full?: { readonly ratioToBare: number; readonly ratioToBareFastifyHttpProxy: number }
  /** Requests a second answered by kept answers, to those of the same chain that ask an upstream. */
  cachedRatioToFull?: number
  /** CPU of a request with a log line, to that without. */
  loggedCpuRatio?: number
  shadowHungP99Ratio?: number
  reloads?: {
    readonly changes: number
    /** Reloads of all workers in the same time. */
    readonly processes: number
    readonly requests: number
    readonly failed: number
  }
  propagationMsP99?: number
}

const GOALS: readonly GoalOf<Figures>[] = [
  {
    name: 'bare.ratioToFastifyHttpProxy',
    of: ({ bare }) => bare?.ratioToFastifyHttpProxy,
    atLeast: 1.6,
  },
  { name: 'bare.ratioToNginx', of: ({ bare }) => bare?.ratioToNginx, atLeast: 0.36 },
  { name: 'full.ratioToBare', of: ({ full }) => full?.ratioToBare, atLeast: 0.8 },
  {
    name: 'full.ratioToBareFastifyHttpProxy',
    of: ({ full }) => full?.ratioToBareFastifyHttpProxy,
    atLeast: 1.2,
  },
  { name: 'shadowHungP99Ratio', of: (figures) => figures.shadowHungP99Ratio, atMost: 1.15 },
  { name: 'reloads.changes', of: ({ reloads }) => reloads?.changes, atLeast: 200 },
  { name: 'reloads.failed', of: ({ reloads }) => reloads?.failed, atMost: 0 },
  { name: 'propagationMsP99', of: (figures) => figures.propagationMsP99, atMost: 50 },
]

export function judge(figures: Figures): Goal[] {
  return judgeAll(GOALS, figures)
}
