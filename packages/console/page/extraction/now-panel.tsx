import type { ExtractionStatus } from '@banyan/migration'
import { useNow } from '../api/live.ts'
import { useWhy } from '../api/queries.ts'
import { Panel, Unread } from '../ui/panel.tsx'
import { Scroll } from '../ui/scroll.tsx'
import { bytes, duration, moment } from '../ui/text.ts'

/** Why it stands where it stands. */
export function NowPanel({ status }: { readonly status: ExtractionStatus }) {
  const { extraction, phase, phaseSince, waitsFor, gates, trouble } = status
  const now = useNow()
  const why = useWhy(extraction)
  const since = duration((now - Date.parse(phaseSince)) / 1000)
  return (
    <Panel
      title="Waits for"
      aside={
        <span className="muted">
          {phase} for {since}
        </span>
      }
    >
      {trouble && (
        <p className="note bad">
          Since {moment(trouble.since)}, tried {trouble.failures} times: {trouble.why}
        </p>
      )}
      {waitsFor.length === 0 ? (
        <p className="muted">Nothing.</p>
      ) : (
        <ul className="waits">
          {waitsFor.map((one) => (
            <li key={one}>{one}</li>
          ))}
        </ul>
      )}
      {gates.length > 0 && (
        <Scroll label="Gates">
          <table>
            <thead>
              <tr>
                <th scope="col">Gate</th>
                <th scope="col">Measured</th>
                <th scope="col">Required</th>
                <th scope="col">State</th>
              </tr>
            </thead>
            <tbody>
              {gates.map(({ gate, measured, required, state }) => (
                <tr key={gate}>
                  <th scope="row">{gate}</th>
                  <td>{measured}</td>
                  <td>{required}</td>
                  <td>
                    <span className={`state ${state}`}>{state}</span>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      <Unread error={why.error} />
      {why.data && <InTheWay why={why.data} />}
    </Panel>
  )
}

function InTheWay({ why }: { readonly why: NonNullable<ReturnType<typeof useWhy>['data']> }) {
  const { throttle, lastAborted, gateways, keptFor, next } = why
  return (
    <>
      {throttle && throttle.rowsPerSecond !== null && (
        <p className="note">
          The copy goes at most {throttle.rowsPerSecond} rows/s: {throttle.why}
        </p>
      )}
      {lastAborted && (
        <p className="note warn">
          The last handover was aborted at {moment(lastAborted.at)} (attempt {lastAborted.attempt}):{' '}
          {lastAborted.why}
        </p>
      )}
      {gateways.map(({ id, problem }) => (
        <p key={id} className="note warn">
          Gateway {id}: {problem}
        </p>
      ))}
      {keptFor.map(({ stream, bytes: kept, transaction }) => (
        <p key={stream} className="note warn">
          {bytes(kept)} of log are kept for the {stream} stream, because of {transaction}
        </p>
      ))}
      {next.length > 0 && (
        <details>
          <summary>By command line</summary>
          <ul className="commands">
            {next.map((command) => (
              <li key={command}>
                <code>{command}</code>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  )
}
