import type { ExtractionStatus } from '@banyan/migration'
import { Panel } from '../ui/panel.tsx'
import { Progress } from '../ui/progress.tsx'
import { Scroll } from '../ui/scroll.tsx'
import { moment, number } from '../ui/text.ts'

/** The comparison of all rows, and what differs. */
export function VerifyPanel({ status }: { readonly status: ExtractionStatus }) {
  const { verify, copy } = status
  const { runs, rows, rowsInRun, rowsPerSecond, divergent, at, divergentRows } = verify
  return (
    <Panel
      title="Comparison of all rows"
      aside={
        at && (
          <span className="muted">
            run {runs}, ended {moment(at)}
          </span>
        )
      }
    >
      {rowsInRun !== null && (
        <Progress
          label={`${number(rowsInRun)} rows compared in this run`}
          share={copy.rows > 0 ? rowsInRun / copy.rows : 0}
          text={`${number(rowsPerSecond)} rows/s`}
        />
      )}
      <p className={divergent > 0 ? 'note bad' : ''}>
        {at === null
          ? 'No run has ended yet.'
          : `${number(divergent)} of ${number(rows)} rows differ.`}
      </p>
      {divergentRows.length > 0 && (
        <Scroll label="Rows that differ">
          <table>
            <thead>
              <tr>
                <th scope="col">Table</th>
                <th scope="col">Key</th>
                <th scope="col">How</th>
                <th scope="col">Columns</th>
              </tr>
            </thead>
            <tbody>
              {divergentRows.map(({ table, key, kind, columns }) => (
                <tr key={`${table} ${key.join(' ')}`}>
                  <th scope="row">{table}</th>
                  <td>{key.join(', ')}</td>
                  <td>{kind}</td>
                  <td>{columns.join(', ')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Panel>
  )
}
