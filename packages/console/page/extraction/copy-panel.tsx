import type { ExtractionStatus } from '@banyan/migration'
import { Panel } from '../ui/panel.tsx'
import { Progress } from '../ui/progress.tsx'
import { Scroll } from '../ui/scroll.tsx'
import { bytes, duration, ms, number } from '../ui/text.ts'

/** How far the copy is, and both streams. */
export function CopyPanel({ status }: { readonly status: ExtractionStatus }) {
  const { copy, streams, lagMs, refusals } = status
  const { rows, total, rowsPerSecond, etaSeconds, done } = copy
  return (
    <Panel title="Rows">
      {done ? (
        <p>{number(rows)} rows copied.</p>
      ) : (
        <Progress
          label={`${number(rows)} of about ${number(total)} rows copied, ${number(rowsPerSecond)} rows/s`}
          share={total > 0 ? rows / total : 0}
          text={etaSeconds === null ? '' : `${duration(etaSeconds)} left`}
        />
      )}
      <Scroll label="Streams">
        <table>
          <thead>
            <tr>
              <th scope="col">Stream</th>
              <th scope="col">State</th>
              <th scope="col" className="num">
                Lag
              </th>
              <th scope="col" className="num">
                Log
              </th>
              <th scope="col" className="num">
                Rows
              </th>
            </tr>
          </thead>
          <tbody>
            {(['forward', 'reverse'] as const).map((name) => (
              <tr key={name}>
                <th scope="row">{name === 'forward' ? 'to the service' : 'back'}</th>
                <td>{streams[name].state}</td>
                <td className="num">{ms(streams[name].lagMs)}</td>
                <td className="num">{bytes(streams[name].lagBytes)}</td>
                <td className="num">{number(streams[name].rows)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <p className="muted small">
        Lag p50 {ms(lagMs.p50)}, p99 {ms(lagMs.p99)}. Writes past the gateway refused:{' '}
        {number(refusals.source)} at the monolith, {number(refusals.target)} at the service.
      </p>
    </Panel>
  )
}
