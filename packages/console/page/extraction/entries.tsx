import type { LedgerEntry } from '@banyan/migration'
import { Link } from 'wouter'
import { moment } from '../ui/text.ts'

/** Entries of the ledger, as they are given. @param named with the extraction that each is of. */
export function Entries({
  entries,
  named,
}: {
  readonly entries: readonly LedgerEntry[]
  readonly named?: boolean
}) {
  if (entries.length === 0) return <p className="muted">There is no such entry.</p>
  return (
    <ol className="entries">
      {entries.map((entry) => (
        <Entry key={entry.seq} entry={entry} named={named ?? false} />
      ))}
    </ol>
  )
}

function Entry({ entry, named }: { readonly entry: LedgerEntry; readonly named: boolean }) {
  const { seq, at, extraction, kind, what, detail } = entry
  const { by, why, ...more } = detail
  const rest = Object.entries(more)
  return (
    <li>
      <time dateTime={at}>{moment(at)}</time>
      <span className={`entry-kind ${kind}`}>{kind}</span>
      <div className="entry-what">
        <b>{what}</b>
        {named && (
          <>
            {' of '}
            <Link href={`/extractions/${encodeURIComponent(extraction)}`}>{extraction}</Link>
          </>
        )}
        {by !== undefined && <span> by {String(by)}</span>}
        {why !== undefined && <q>{String(why)}</q>}
        <details>
          <summary>
            <span className="unseen">Details of entry </span>#{seq}
          </summary>
          <dl className="entry-detail">
            {rest.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{typeof value === 'string' ? value : JSON.stringify(value)}</dd>
              </div>
            ))}
            <div>
              <dt>hash</dt>
              <dd>{entry.hash}</dd>
            </div>
          </dl>
        </details>
      </div>
    </li>
  )
}
