import type { ControlClient, ExtractionStatus } from '@banyan/migration'
import { EXIT, type ExitCode } from '../exit.ts'
import type { Session } from '../settings.ts'
import { number } from '../text.ts'

/** Asks for a comparison of all rows and, unless told not to, waits for a run that began after asking. */
export async function runVerify(
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
      session.print(`Stop and look before going on: banyan pause ${extraction}`)
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
