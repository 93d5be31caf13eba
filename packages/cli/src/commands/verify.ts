import type { ControlClient, ExtractionStatus } from '@banyan/migration'
import { EXIT, type ExitCode } from '../exit.ts'
import { badCommand } from '../failure.ts'
import { parseRow, shownRow } from '../row-name.ts'
import type { Session } from '../settings.ts'
import { clock, number } from '../text.ts'

export interface VerifyCommandOptions {
  readonly wait: boolean
  readonly rows?: boolean
  readonly repair?: string
  readonly showValues?: boolean
}

/** Compares, lists what differs, or repairs a row. */
export function verifyAs(
  session: Session,
  control: ControlClient,
  extraction: string,
  options: VerifyCommandOptions,
): Promise<ExitCode> {
  const { wait, rows, repair, showValues } = options
  if (rows && repair !== undefined) throw badCommand('--rows and --repair exclude each other', HOW)
  if (showValues && repair === undefined) throw badCommand('--show-values needs --repair', HOW)
  if (!wait && (rows || repair !== undefined)) {
    throw badCommand('--no-wait is for a comparison of all rows', HOW)
  }
  if (repair !== undefined) {
    return repairRow(session, control, extraction, parseRow(repair), showValues === true)
  }
  return rows
    ? listRows(session, control, extraction)
    : runVerify(session, control, extraction, wait)
}

const HOW = 'See "banyan help verify".'
const SIDES = { source: 'monolith', target: 'service' } as const

async function listRows(
  session: Session,
  control: ControlClient,
  extraction: string,
): Promise<ExitCode> {
  const { verify } = await control.extraction(extraction)
  const { divergent, divergentRows } = verify
  const code = divergent > 0 ? EXIT.negative : EXIT.ok
  if (session.json) {
    session.printJson({ extraction, divergent, rows: divergentRows })
    return code
  }
  const seen = verify.at === null ? 'no comparison has ended yet' : `last one ${clock(verify.at)}`
  session.print(`${extraction}: ${number(divergent)} rows differ (${seen})`)
  for (const { table, key, kind, columns } of divergentRows) {
    session.print(
      `  ${shownRow(table, key)}  ${kind}${columns.length ? ` ${columns.join(', ')}` : ''}`,
    )
  }
  if (divergent > divergentRows.length) {
    session.print(`  … and ${number(divergent - divergentRows.length)} more`)
  }
  if (divergent > 0) session.print(`Repair one with: banyan verify ${extraction} --repair ROW`)
  return code
}

async function repairRow(
  session: Session,
  control: ControlClient,
  extraction: string,
  row: { table: string; key: string[] },
  values: boolean,
): Promise<ExitCode> {
  const { why } = session.options
  const done = await control.repair(extraction, {
    ...row,
    ...(values ? { values } : {}),
    by: session.by(),
    ...(why === undefined ? {} : { why }),
  })
  if (session.json) {
    session.printJson({ extraction, ...done })
    return EXIT.ok
  }
  const [owner, other] = [SIDES[done.owner], SIDES[done.written]]
  const what = {
    missing: `was missing at the ${other}`,
    extra: `was at the ${other} only`,
    changed: `differed in ${done.columns.join(', ')}`,
    swapped: `had ${done.columns.join(' and ')} in each other’s place`,
  }[done.kind]
  session.print(`${done.row} ${what}`)
  for (const one of done.values ?? []) {
    const [mine, theirs] = [one.owner, one.other].map((value) =>
      value === null ? 'NULL' : JSON.stringify(value),
    )
    session.print(`  ${one.column}: ${mine} at the ${owner}, ${theirs} at the ${other}`)
  }
  session.print(
    done.outcome === 'written'
      ? `Written at the ${other} as it is at the ${owner}, which owns it.`
      : `Deleted at the ${other}: the ${owner}, which owns it, has no such row.`,
  )
  return EXIT.ok
}

/** Asks for a comparison of all rows and, unless told not to, waits for a run that began after asking. */
async function runVerify(
  session: Session,
  control: ControlClient,
  extraction: string,
  wait: boolean,
): Promise<ExitCode> {
  const { why } = session.options
  const before = await control.act(extraction, 'verify', {
    by: session.by(),
    ...(why === undefined ? {} : { why }),
  })
  if (!wait) {
    if (session.json) session.printJson(before)
    else
      session.print(
        `${extraction}: verify decided. See its answer with: banyan status ${extraction}`,
      )
    return EXIT.ok
  }
  const after = await nextRun(session, control, before)
  if (after === null) return EXIT.ok
  const { verify } = after
  if (session.json) session.printJson({ extraction, ...verify })
  else {
    session.print(
      `${extraction}: ${number(verify.rows)} rows compared, ${number(verify.divergent)} differ`,
    )
    for (const example of verify.examples) session.print(`  · ${example}`)
    if (verify.divergent > 0) {
      session.print(
        `Stop and look before going on: banyan pause ${extraction}; banyan verify ${extraction} --rows`,
      )
    }
  }
  return verify.divergent > 0 ? EXIT.negative : EXIT.ok
}

/** The state with the next finished run in it; null when the command was asked to end first. */
async function nextRun(
  session: Session,
  control: ControlClient,
  before: ExtractionStatus,
): Promise<ExtractionStatus | null> {
  for await (const { event, data } of control.follow(session.terminal.ending)) {
    if (event !== 'status') continue
    const now = data.extractions.find((one) => one.extraction === before.extraction)
    if (!now) continue
    // A new engine counts its runs from zero; then the time of the run tells.
    const finished = now.verify.runs > before.verify.runs || now.verify.at !== before.verify.at
    if (finished && now.verify.at !== null) return now
  }
  return null
}
