import type { ExtractionStatus, MappedExtraction, Phase } from '@banyan/migration'
import { percent } from '../ui/text.ts'

/** What colours a phase: at rest, under way, wants a look. */
function toneOf({ phase, paused, trouble }: ExtractionStatus): string {
  if (trouble || phase === 'abandoned') return 'bad'
  if (paused || phase === 'rolling back' || phase === 'rolled back') return 'warn'
  if (phase === 'planned' || phase === 'cancelled') return 'rest'
  return phase === 'completed' ? 'done' : 'busy'
}

export function PhaseBadge({ status }: { readonly status: ExtractionStatus }) {
  const { phase, paused } = status
  return <span className={`badge ${toneOf(status)}`}>{paused ? `${phase}, paused` : phase}</span>
}

interface Stop {
  readonly name: string
  readonly phase: Phase
  readonly percent?: number
}

/** The way from the first to the last phase, with each share of the plan, and where it is now. */
export function PhaseTrack({
  status,
  planned,
}: {
  readonly status: ExtractionStatus
  readonly planned: MappedExtraction
}) {
  const stops = stopsOf(planned)
  const here = stops.findIndex(
    (stop) =>
      stop.phase === status.phase && (stop.percent === undefined || stop.percent >= status.goal),
  )
  return (
    <ol className="track" aria-label="Phases">
      {stops.map((stop, i) => (
        <li
          key={stop.name}
          className={i < here ? 'past' : i === here ? `here ${toneOf(status)}` : ''}
          aria-current={i === here ? 'step' : undefined}
        >
          {stop.name}
        </li>
      ))}
    </ol>
  )
}

function stopsOf({ kind, steps, shadow }: MappedExtraction): Stop[] {
  const filled: Phase[] = kind === 'routes' ? [] : ['copying', 'verifying']
  const before: Phase[] = ['planned', ...filled, ...(shadow ? (['shadowing'] as const) : [])]
  return [
    ...before.map((phase) => ({ name: phase, phase })),
    ...steps.map((step) => ({ name: percent(step), phase: 'canary' as const, percent: step })),
    ...(['cut over', 'soaking', 'completed'] as const).map((phase) => ({ name: phase, phase })),
  ]
}
