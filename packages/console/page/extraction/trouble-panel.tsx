import type { DurableTrouble } from '@banyan/migration'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { pathOf, useTrouble } from '../api/queries.ts'
import { useSession } from '../api/session.ts'
import { Panel, Unread } from '../ui/panel.tsx'
import { moment } from '../ui/text.ts'
import { ReasonDialog } from './reason-dialog.tsx'

interface Redrive {
  readonly what: 'dead letter' | 'saga'
  readonly schema: string
  readonly id: string
  /** As a person calls it. */
  readonly called: string
}

/** What its service has given up, and has run again. */
export function TroublePanel({ name }: { readonly name: string }) {
  const trouble = useTrouble(name)
  const queries = useQueryClient()
  const [asked, setAsked] = useState<Redrive | null>(null)
  return (
    <Panel title="Dead letters and stuck sagas">
      <Unread error={trouble.error} />
      {trouble.data && <Found trouble={trouble.data} onRedrive={setAsked} />}
      {asked && (
        <ReasonDialog
          title={`Redrive: ${asked.called}`}
          says={
            asked.what === 'saga'
              ? 'A stuck saga tries its compensation again; a blocked one goes on.'
              : 'It runs again as the first time, with all its attempts before it.'
          }
          path={`${pathOf(name)}/redrive`}
          body={{ what: asked.what, schema: asked.schema, id: asked.id }}
          onClose={() => {
            setAsked(null)
            void queries.invalidateQueries({ queryKey: ['durable'] })
          }}
        />
      )}
    </Panel>
  )
}

function Found({
  trouble: { unknown, letters, sagas },
  onRedrive,
}: {
  readonly trouble: DurableTrouble
  onRedrive(one: Redrive): void
}) {
  const { role } = useSession()
  if (unknown !== null) return <p className="muted">{unknown}</p>
  if (letters.length + sagas.length === 0) return <p className="muted">None.</p>
  const button = (one: Redrive) =>
    role === 'operator' && (
      <button type="button" className="small" onClick={() => onRedrive(one)}>
        Redrive …<span className="unseen"> {one.called}</span>
      </button>
    )
  return (
    <ul className="troubles">
      {letters.map(({ schema, id, kind, source, subject, error, attempts, diedAt }) => (
        <li key={`${schema} ${id}`}>
          <p>
            <b>{subject}</b>{' '}
            <span className="muted">
              {kind} of {source}
            </span>
          </p>
          <p className="bad-text">{error.split('\n')[0]}</p>
          <p className="muted small">
            {attempts} attempts, died {moment(diedAt)}
          </p>
          {button({ what: 'dead letter', schema, id, called: `${subject} of ${source}` })}
        </li>
      ))}
      {sagas.map(({ schema, id, name, state, step, reason, attempts, updatedAt }) => (
        <li key={id}>
          <p>
            <b>{name}</b>{' '}
            <span className="muted">
              saga, {state}
              {step && ` at ${step}`}
            </span>
          </p>
          {reason && <p className="bad-text">{reason}</p>}
          <p className="muted small">
            {attempts} attempts, since {moment(updatedAt)}
          </p>
          {button({ what: 'saga', schema, id, called: `saga ${name}` })}
        </li>
      ))}
    </ul>
  )
}
