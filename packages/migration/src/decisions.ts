import { BanyanError } from '@banyan/contracts'
import { answers } from './abandon.ts'
import type { ResolvedExtraction } from './plan.ts'
import type { ActionRequest, ArchivedRequest } from './requests.ts'
import { closedText, scheduleText } from './schedule/schedule.ts'
import type { Action, Phase } from './status.ts'
import type { ExtractionRow, Store, Wanted } from './store.ts'

type Change = Parameters<Store['change']>[2]

/** From the start until it goes one way or the other. */
const UNDER_WAY: readonly Phase[] = [
  'copying',
  'verifying',
  'shadowing',
  'canary',
  'cut over',
  'soaking',
]
/** Both sides are at work. */
const LIVE: readonly Phase[] = [...UNDER_WAY, 'rolling back', 'rolled back']

/** In which phases an operator may ask for what. */
export const ALLOWED: Record<Action, readonly Phase[]> = {
  start: ['planned', 'cancelled'],
  pause: UNDER_WAY,
  resume: UNDER_WAY,
  confirm: LIVE,
  promote: ['shadowing', 'canary', 'rolled back'],
  rollback: ['canary', 'cut over', 'soaking', 'rolling back'],
  verify: ['verifying', 'shadowing', 'canary', 'cut over', 'soaking', 'rolled back'],
  complete: ['cut over', 'soaking'],
  throttle: ['planned', 'copying', 'cancelled'],
  cancel: ['planned', 'copying', 'verifying', 'shadowing', 'rolled back', 'abandoned'],
  abandon: LIVE,
  drop: ['completed'],
}

/** What is said of rows, and of nothing else. */
const OF_TABLES: readonly string[] = ['confirm', 'verify', 'repair', 'throttle', 'abandon']

/** Once one of these has begun, it only goes on. */
const ENDING: readonly Wanted[] = ['completing', 'cancelling', 'abandoning']

/**
 * Writes an operator's decision down, with its ledger entry; the engine acts on it at its next look.
 *
 * @throws WRONG_PHASE, WRONG_KIND, OUTSIDE_SCHEDULE, BAD_REQUEST, NO_SUCH_EXTRACTION
 */
export async function decide(
  store: Store,
  plan: ResolvedExtraction,
  action: Action,
  request: ActionRequest,
): Promise<void> {
  for (;;) {
    const row = await store.read(plan.name)
    check(row, action)
    checkKind(plan, action)
    if (action === 'abandon') await checkGone(plan, request)
    const despite = action === 'promote' && isDespiteSchedule(plan, request)
    const change = changeFor(row, plan, action, request)
    const detail = {
      by: request.by ?? 'unknown',
      ...(request.why === undefined ? {} : { why: request.why }),
      ...(change.goal === undefined ? {} : { percent: change.goal }),
      ...(change.copyLimit === undefined ? {} : { rowsPerSecond: change.copyLimit }),
      ...(action === 'drop' ? { archive: request.archive } : {}),
      ...(request.despiteFunctions ? { despiteFunctions: true } : {}),
      ...(despite ? { despiteSchedule: true } : {}),
    }
    // The engine may have moved on between the look and the decision: then it is decided anew.
    if (await store.change(row, null, change, [{ kind: 'decision', what: action, detail }])) return
  }
}

/** @throws WRONG_PHASE where no streams run that could repair a row, WRONG_KIND where there are no rows. */
export function checkRepair(row: ExtractionRow, plans: readonly ResolvedExtraction[]): void {
  check(row, 'verify', 'repair')
  const plan = plans.find((one) => one.name === row.name)
  if (plan) checkKind(plan, 'repair')
}

/** Why an operator cannot ask for it now; null when he can. */
export function refusalOf(
  row: ExtractionRow,
  plan: ResolvedExtraction,
  action: Action,
): string | null {
  try {
    check(row, action)
    checkKind(plan, action)
    return null
  } catch (error) {
    if (error instanceof BanyanError) return error.message
    throw error
  }
}

function checkKind({ name, kind }: ResolvedExtraction, action: string): void {
  if (kind === 'tables' || !OF_TABLES.includes(action)) return
  if (kind === 'objects' && action === 'verify') return
  throw new BanyanError('WRONG_KIND', { action, extraction: name, kind })
}

function check(row: ExtractionRow, action: Action, called: string = action): void {
  const ending = row.wanted.some((one) => ENDING.includes(one))
  if (ALLOWED[action].includes(row.phase) && !ending) return
  throw new BanyanError('WRONG_PHASE', {
    action: called,
    extraction: row.name,
    phase: ending ? `${row.phase} and being ended` : row.phase,
    allowed: ALLOWED[action].join(', '),
  })
}

function changeFor(
  row: ExtractionRow,
  plan: ResolvedExtraction,
  action: Action,
  request: ActionRequest,
): Change {
  switch (action) {
    case 'start':
      return {
        // Where there is nothing to be copied, there is nothing to be compared either.
        phase: plan.kind === 'routes' ? 'shadowing' : 'copying',
        goal: 0,
        paused: false,
        pausedWhy: null,
        wanted: [],
        sequences: [],
        servers: null,
      }
    case 'pause':
      return { paused: true, pausedWhy: request.why ?? `by ${request.by ?? 'an operator'}` }
    case 'resume':
      return { paused: false, pausedWhy: null }
    case 'confirm':
      return { servers: null, paused: false, pausedWhy: null }
    case 'promote':
      return { phase: 'canary', goal: goalOf(row, plan, request), paused: false, pausedWhy: null }
    case 'rollback':
      return { phase: 'rolling back', goal: 0, paused: false, pausedWhy: null, wanted: [] }
    case 'verify':
    case 'complete':
      return { wanted: [...new Set([...row.wanted, action])] }
    case 'throttle':
      return { copyLimit: copyLimitOf(request) }
    case 'drop':
      return dropOf(row, request)
    case 'abandon':
      return { wanted: ['abandoning'], paused: false, pausedWhy: null }
    case 'cancel':
      return row.phase === 'planned' ? { phase: 'cancelled' } : { wanted: ['cancel'] }
  }
}

/** Only what an archive holds is dropped, and only when whoever asks has that archive. */
function dropOf(row: ExtractionRow, { archive, despiteFunctions }: ActionRequest): Change {
  const { seal, dropped } = row.oldTables
  const refuse = (reason: string) =>
    new BanyanError('DROP_REFUSED', { extraction: row.name, reason })
  if (dropped) throw refuse(`they were dropped at ${dropped.at}`)
  if (!seal) throw refuse('they are not archived')
  if (archive !== seal.sha256) {
    const given = archive === undefined ? 'none was given' : `archive ${archive} was given`
    throw refuse(`the newest archive is ${seal.sha256} (${seal.place}); ${given}`)
  }
  return {
    wanted: ['drop'],
    oldTables: { ...row.oldTables, refused: null, despiteFunctions: despiteFunctions ?? false },
  }
}

/**
 * Writes down that the tables are archived: from then on they may be dropped.
 *
 * @throws WRONG_PHASE, NO_SUCH_EXTRACTION, DROP_REFUSED
 */
export async function noteArchived(
  store: Store,
  name: string,
  { archive, by = 'unknown', why }: ArchivedRequest,
): Promise<void> {
  for (;;) {
    const row = await store.read(name)
    check(row, 'drop', 'archive')
    if (row.oldTables.dropped) {
      const reason = `they were dropped at ${row.oldTables.dropped.at}`
      throw new BanyanError('DROP_REFUSED', { extraction: name, reason })
    }
    const { sha256, place, tables } = archive
    const rows = tables.map(({ table, rows, sha256 }) => ({ table, rows, sha256 }))
    const detail = {
      by,
      place,
      archive: sha256,
      tables: rows,
      ...(why === undefined ? {} : { why }),
    }
    // A drop that was asked for is of the archive before.
    const change: Change = { oldTables: { seal: archive, by }, wanted: [] }
    if (await store.change(row, null, change, [{ kind: 'fact', what: 'archived', detail }])) return
  }
}

/** Why nobody is promoted now, by the plan's schedule; null where it is open. */
export function closedNow({ name, schedule }: ResolvedExtraction): BanyanError | null {
  const waitsFor = schedule && closedText(schedule, new Date())
  if (!waitsFor) return null
  return new BanyanError('OUTSIDE_SCHEDULE', {
    ...{ extraction: name, schedule: scheduleText(schedule), waitsFor },
  })
}

/** Whether it is done though the schedule is closed. @throws OUTSIDE_SCHEDULE where nobody said that it shall be */
function isDespiteSchedule(
  plan: ResolvedExtraction,
  { despiteSchedule = false }: ActionRequest,
): boolean {
  const closed = closedNow(plan)
  if (closed && !despiteSchedule) throw closed
  return closed !== null
}

/** It cannot be undone, so the name must be typed, and nobody abandons what is there. */
async function checkGone(plan: ResolvedExtraction, { confirm }: ActionRequest): Promise<void> {
  if (confirm !== plan.name) {
    throw new BanyanError('BAD_REQUEST', {
      reason: `confirm is ${confirm === undefined ? 'missing' : `"${confirm}"`}, allowed is the extraction's name, "${plan.name}"`,
    })
  }
  if (plan.kind === 'tables' && (await answers(plan.service.databaseUrl))) {
    throw new BanyanError('TARGET_ANSWERS', { extraction: plan.name })
  }
}

function copyLimitOf({ rowsPerSecond }: ActionRequest): number | null {
  if (rowsPerSecond === null || (rowsPerSecond !== undefined && rowsPerSecond >= 0)) {
    return rowsPerSecond
  }
  throw new BanyanError('BAD_REQUEST', {
    reason: `rowsPerSecond is ${rowsPerSecond ?? 'missing'}, allowed is a number from 0 (the copy stands still), or null (as the plan says)`,
  })
}

function goalOf(row: ExtractionRow, plan: ResolvedExtraction, request: ActionRequest): number {
  const { percent } = request
  if (percent === undefined) {
    return (plan.steps.find((step) => step.percent > row.goal) ?? plan.steps.at(-1)!).percent
  }
  if (percent <= 0 || percent > 100) {
    throw new BanyanError('BAD_REQUEST', {
      reason: `percent is ${percent}, allowed is above 0 up to 100; to give everything back use rollback`,
    })
  }
  return percent
}
