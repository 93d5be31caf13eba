import type { ExtractionStatus, HandoverRecord } from '@banyan/migration'
import { Panel } from '../ui/panel.tsx'
import { moment, ms, number } from '../ui/text.ts'

const SIDES = { source: 'monolith', target: 'service' } as const
const NEWEST = 12

/** Who was given how much, and how long writes were held for it; newest first. */
export function Handovers({
  status: { handovers, holdMs },
}: {
  readonly status: ExtractionStatus
}) {
  const shown = handovers.slice(-NEWEST).reverse()
  const longest = Math.max(...shown.map((one) => one.holdMs), 1)
  const done = handovers.filter(({ outcome }) => outcome === 'done').length
  return (
    <Panel
      title="Handovers"
      aside={
        done > 0 && (
          <span className="muted">
            held p50 {ms(holdMs.p50)}, p99 {ms(holdMs.p99)}
          </span>
        )
      }
    >
      {shown.length === 0 && <p className="muted">None yet.</p>}
      <ol className="handovers">
        {shown.map((one) => (
          <Handover key={`${one.at} ${one.attempt}`} one={one} longest={longest} />
        ))}
      </ol>
    </Panel>
  )
}

function Handover({ one, longest }: { readonly one: HandoverRecord; readonly longest: number }) {
  const { from, to, buckets, holdMs, outcome, why, at } = one
  return (
    <li>
      <time dateTime={at}>{moment(at)}</time>
      <span>
        {number(buckets)} of 1,024 {SIDES[from]} → {SIDES[to]}
      </span>
      <span className="hold">
        <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
          <rect className={outcome} width={(holdMs / longest) * 100} height="4" />
        </svg>
        held {ms(holdMs)}
      </span>
      {outcome === 'aborted' && <p className="note warn">Aborted: {why}</p>}
    </li>
  )
}
