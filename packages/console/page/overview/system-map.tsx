import type {
  ControlStatus,
  ExtractionStatus,
  MappedExtraction,
  SystemMap,
} from '@banyan/migration'
import { Link } from 'wouter'
import { useLiveState } from '../api/live.ts'
import { PhaseBadge } from '../extraction/phase.tsx'
import { Sparkline } from '../ui/sparkline.tsx'
import { figure, ms, percent } from '../ui/text.ts'

/** Monolith, services and what is between them: each extraction is a row from the one to the other. */
export function SystemMapView({
  system,
  status,
}: {
  readonly system: SystemMap
  readonly status: ControlStatus
}) {
  const standing = new Map(status.extractions.map((one) => [one.extraction, one]))
  return (
    <section className="map" aria-label="Who owns what share">
      <div className="map-monolith">
        <h2>Monolith</h2>
        <p className="address">{system.monolith.url.replace(/^https?:\/\//, '')}</p>
        <p className="muted small">
          {status.retired ? 'Retired.' : 'Answers whatever no extraction has moved.'}
        </p>
      </div>
      <ul className="map-rows">
        {system.extractions.map((one) => {
          const now = standing.get(one.name)
          return now && <ExtractionRow key={one.name} planned={one} now={now} />
        })}
      </ul>
      {system.services.length > 0 && (
        <p className="map-beside muted">
          Beside the monolith from the start:{' '}
          {system.services
            .map(({ name, url }) => `${name} (${url.replace(/^https?:\/\//, '')})`)
            .join(', ')}
        </p>
      )}
    </section>
  )
}

function ExtractionRow({
  planned,
  now,
}: {
  readonly planned: MappedExtraction
  readonly now: ExtractionStatus
}) {
  const samples = useLiveState().samples[planned.name] ?? []
  const { phase, streams, traffic, verify, kind } = now
  const both = [traffic.source.recent, traffic.target.recent]
  const rate = both.reduce((sum, side) => sum + (side?.requestsPerSecond ?? 0), 0)
  // What rests has no figures of now.
  const rests = ['planned', 'cancelled', 'completed'].includes(phase)
  const lags = [streams.forward.lagMs, streams.reverse.lagMs]
  return (
    <li className="map-row">
      <div className="map-name">
        <h3>
          <Link href={`/extractions/${encodeURIComponent(planned.name)}`}>{planned.name}</Link>
        </h3>
        <PhaseBadge status={now} />
      </div>
      <div className="map-share">
        <ShareBar of={now.percent} goal={now.goal} />
        <p className="map-waits">{waiting(now)}</p>
      </div>
      {rests ? (
        <div />
      ) : (
        <dl className="map-figures">
          <div>
            <dt>requests/s</dt>
            <dd>
              {figure(rate)}
              <Sparkline
                values={samples.map(
                  ({ source, target }) =>
                    (source?.requestsPerSecond ?? 0) + (target?.requestsPerSecond ?? 0),
                )}
              />
            </dd>
          </div>
          <div>
            <dt>p95 monolith, service</dt>
            <dd>
              {ms(traffic.source.recent?.p95Ms ?? null)}, {ms(traffic.target.recent?.p95Ms ?? null)}
            </dd>
          </div>
          {kind === 'tables' && (
            <>
              <div>
                <dt>lag there, back</dt>
                <dd>{lags.map(ms).join(', ')}</dd>
              </div>
              <div>
                <dt>rows differ</dt>
                <dd className={verify.divergent > 0 ? 'bad-text' : ''}>
                  {verify.at === null ? '–' : figure(verify.divergent)}
                </dd>
              </div>
            </>
          )}
        </dl>
      )}
      <div className="map-service">
        <p className="service-name">{planned.name}</p>
        <p className="address">{planned.url.replace(/^https?:\/\//, '')}</p>
      </div>
    </li>
  )
}

/** Who owns how much: the monolith from the left, the service from the right. */
export function ShareBar({ of, goal }: { readonly of: number; readonly goal: number }) {
  const words =
    of === goal
      ? `${percent(100 - of)} monolith, ${percent(of)} service`
      : `${percent(100 - of)} monolith, ${percent(of)} service, going to ${percent(goal)}`
  return (
    <div className="share">
      <svg viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={words}>
        <rect className="share-source" width={100 - of} height="6" />
        <rect className="share-target" x={100 - of} width={of} height="6" />
        {goal !== of && <path className="share-goal" d={`M${100 - goal} 0V6`} />}
      </svg>
      <p aria-hidden="true">
        <span>{percent(100 - of)} monolith</span>
        <span>
          {percent(of)}
          {goal !== of && ` → ${percent(goal)}`} service
        </span>
      </p>
    </div>
  )
}

function waiting({ phase, waitsFor, trouble, paused, copy }: ExtractionStatus): string {
  if (trouble) return `Trouble: ${trouble.why}`
  if (phase === 'copying' && copy.total > 0 && !paused) {
    return `${percent(Math.min(100, (copy.rows / copy.total) * 100))} of ${figure(copy.total)} rows copied`
  }
  return waitsFor.length > 0 ? `Waits for ${waitsFor.join('; ')}` : ''
}
