import type { ControlStatus, ExtractionStatus, Why } from './status.ts'

/** Everything an operator needs to know about why an extraction stands where it stands, in one answer. */
export function explain(status: ExtractionStatus, { engine, gateways }: ControlStatus): Why {
  const last = status.handovers.at(-1)
  const inTheWay = gateways.flatMap(({ id, problem }) => (problem ? [{ id, problem }] : []))
  return {
    extraction: status.extraction,
    kind: status.kind,
    phase: status.phase,
    since: status.phaseSince,
    paused: status.paused,
    pausedWhy: status.pausedWhy,
    waitsFor: engine.active === null ? ['an engine (banyan serve)'] : status.waitsFor,
    trouble: status.trouble,
    gates: status.gates,
    throttle: status.phase === 'copying' ? status.copy.throttle : null,
    lastAborted: last?.outcome === 'aborted' ? last : null,
    gateways: inTheWay,
    keptFor: (['forward', 'reverse'] as const).flatMap((stream) => {
      const { keptFor, keptBytes } = status.streams[stream]
      return keptFor ? [{ stream, bytes: keptBytes, transaction: keptFor }] : []
    }),
    next: nextCommands(status, engine.active !== null),
  }
}

/** What the operator can do now, as commands to be typed. */
function nextCommands(status: ExtractionStatus, led: boolean): string[] {
  const { extraction, phase, paused, waitsFor, copy } = status
  if (!led) return ['banyan serve']
  const simple = (...names: string[]) => names.map((name) => `banyan ${name} ${extraction}`)
  const found = paused ? simple('resume') : []
  const given = status.kind === 'tables' && status.trouble !== null
  if (given && !['planned', 'cancelled', 'completed', 'abandoned'].includes(phase)) {
    found.push(`banyan abandon ${extraction} --confirm ${extraction}`)
  }
  switch (phase) {
    case 'planned':
    case 'cancelled':
      return simple('start')
    case 'copying': {
      const limited = copy.throttle.by === 'hand' ? [`banyan throttle ${extraction} --off`] : []
      return [...found, ...limited, ...simple('cancel')]
    }
    case 'verifying':
      return [...found, ...simple('cancel')]
    case 'shadowing':
      return [...found, ...simple('promote', 'cancel')]
    case 'canary':
      return [
        ...found,
        ...(waitsFor.includes('promote') ? simple('promote') : []),
        ...simple('rollback'),
      ]
    case 'cut over':
    case 'soaking':
      return [...found, ...simple('complete', 'rollback')]
    case 'completed':
      return afterTheEnd(status)
    case 'abandoned':
      return simple('cancel')
    case 'rolled back':
      return [...found, ...simple('promote', 'cancel')]
    default:
      return found
  }
}

function afterTheEnd({ extraction, oldTables }: ExtractionStatus): string[] {
  if (oldTables?.dropped) return []
  return oldTables?.archive
    ? [`banyan drop ${extraction} --archive ${oldTables.archive.place}`]
    : [`banyan archive ${extraction} --to FOLDER`]
}
