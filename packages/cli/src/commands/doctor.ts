import { diagnose, type Finding, resolvePlan } from '@banyan/migration'
import { Command } from 'commander'
import { EXIT, type ExitCode } from '../exit.ts'
import type { Bind } from '../program.ts'
import type { Session } from '../settings.ts'
import { paint, wrap } from '../text.ts'

export function doctorCommand(bind: Bind): Command {
  return new Command('doctor')
    .description(
      'look for what would spoil an extraction; changes nothing. Exit code 1 on an error',
    )
    .argument('[extraction]', 'all of the plan when left out')
    .action(bind(doctor))
}

async function doctor(session: Session, given: string | undefined): Promise<ExitCode> {
  const plan = await session.plan()
  const names = given === undefined ? resolvePlan(plan).map((one) => one.name) : [given]
  const reports: { extraction: string; findings: Finding[] }[] = []
  for (const extraction of names) {
    reports.push({ extraction, findings: await diagnose(plan, extraction) })
  }
  const bad = reports.some(({ findings }) => findings.some((one) => one.severity === 'error'))
  if (session.json) session.printJson({ ok: !bad, extractions: reports })
  else for (const report of reports) show(session, report)
  return bad ? EXIT.negative : EXIT.ok
}

const COLOURS = { error: 'red', warning: 'yellow', note: 'cyan' } as const

function show(
  session: Session,
  { extraction, findings }: { extraction: string; findings: readonly Finding[] },
): void {
  const { terminal } = session
  const width = Math.min(terminal.columns(), 120)
  for (const one of findings) {
    const severity = paint(terminal, COLOURS[one.severity], one.severity)
    session.print(`${severity} ${paint(terminal, 'bold', one.check)}  ${one.subject}`)
    session.print(wrap(one.finding, width, '  '))
    session.print(wrap(one.mend, width, '  mend: ', '        '))
    session.print('')
  }
  const count = (severity: Finding['severity']) =>
    findings.filter((one) => one.severity === severity).length
  const errors = count('error')
  session.print(
    `${extraction}: ${errors} ${errors === 1 ? 'error' : 'errors'}, ${count('warning')} warnings, ${count('note')} notes. ` +
      (errors > 0
        ? 'Mend the errors, then run doctor again.'
        : `Nothing stands in the way: banyan start ${extraction}`),
  )
}
