import { consequence } from './consequences.ts'
import { closedNow, refusalOf } from './decisions.ts'
import type { ResolvedExtraction } from './plan.ts'
import { type StepPreview, stepsOf } from './preview/index.ts'
import type { Action, ActionPreview, ExtractionStatus } from './status.ts'
import type { ExtractionRow } from './store.ts'

/** Those that are decided with a reason alone; the others want a number, a name typed or an archive. */
const PREVIEWED = [
  'start',
  'promote',
  'pause',
  'resume',
  'verify',
  'rollback',
  'complete',
  'cancel',
  'confirm',
] as const satisfies readonly Action[]

interface Asked {
  readonly row: ExtractionRow
  readonly plan: ResolvedExtraction
  readonly status: ExtractionStatus
  /** Of the monolith's database: a start is previewed with what it holds. */
  readonly sourceUrl: string
}

/** What each action would do now, in the plan's own words, and why it is refused where it is. */
export async function previewActions(asked: Asked): Promise<ActionPreview[]> {
  const { row, plan, status } = asked
  const previews = PREVIEWED.map(async (action): Promise<ActionPreview[]> => {
    const closed = action === 'promote' ? (closedNow(plan)?.message ?? null) : null
    const refused = refusalOf(row, plan, action) ?? pointless(action, status) ?? closed
    const says = consequence(action, status)
    if (refused !== null) return [{ action, refused, says, does: [] }]
    if (action === 'promote') return promotions(asked, says)
    return [{ action, refused, says, does: await detailsOf(action, asked) }]
  })
  return (await Promise.all(previews)).flat()
}

/** What is allowed, and would change nothing. */
function pointless(action: Action, { paused, trouble, extraction }: ExtractionStatus) {
  if (action === 'pause' && paused) return `"${extraction}" is paused.`
  if (action === 'resume' && !paused) return `"${extraction}" is not paused.`
  if (action === 'confirm' && !trouble) return 'Both sides are on the servers they were on before.'
  return null
}

async function detailsOf(action: Action, asked: Asked): Promise<readonly string[]> {
  const { plan, status, sourceUrl } = asked
  switch (action) {
    case 'start': {
      const [first, second] = await stepsOf(plan, sourceUrl)
      const all = plan.kind === 'tables' ? [first, second] : [first]
      return all.flatMap((step) => step?.does ?? [])
    }
    case 'resume':
      return status.pausedWhy === null ? [] : [`it paused: ${status.pausedWhy}`]
    case 'complete':
      return stepNamed(await stepsOf(plan, null), 'complete')
    case 'cancel':
      return stepNamed(await stepsOf(plan, null), 'cancel')
    case 'rollback': {
      const back = /^way back: banyan rollback; (.*)$/
      const lines = (await stepsOf(plan, null)).flatMap(({ does }) => does)
      const how = lines.map((line) => back.exec(line)?.[1]).find((line) => line !== undefined)
      const lost = (status.losesOnRollback ?? []).map((one) => `not brought back: ${one}`)
      return [...(how === undefined ? [] : [how]), ...lost]
    }
    default:
      return []
  }
}

/** One for each share of the plan above where it stands or goes to. */
async function promotions({ row, plan, status }: Asked, says: string): Promise<ActionPreview[]> {
  const ahead = plan.steps.filter(({ percent }) => percent > row.goal)
  return Promise.all(
    ahead.map(async (step) => {
      // Counted from the share that is there now, which need not be one of the plan's.
      const here = status.percent
      const steps = here > 0 ? [{ ...step, percent: here }, step] : [step]
      const previews = await stepsOf({ ...plan, steps }, null)
      const name = step.percent === 100 ? 'cut over (100 %)' : `canary ${step.percent} %`
      const does = stepNamed(previews, name)
      return { action: 'promote', percent: step.percent, refused: null, says, does } as const
    }),
  )
}

function stepNamed(steps: readonly StepPreview[], name: string): readonly string[] {
  return steps.find(({ step }) => step.startsWith(name))?.does ?? []
}
