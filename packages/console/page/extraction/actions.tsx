import type { Action, ActionPreview, ExtractionStatus } from '@banyan/migration'
import { useEffect, useRef, useState } from 'react'
import { useActions } from '../api/queries.ts'
import { useSession } from '../api/session.ts'
import { Unread } from '../ui/panel.tsx'
import { percent } from '../ui/text.ts'
import { DecisionDialog } from './decision-dialog.tsx'

/** As buttons say it. */
const NAMES: Partial<Record<Action, string>> = {
  start: 'Start',
  promote: 'Promote',
  pause: 'Pause',
  resume: 'Resume',
  verify: 'Compare all rows',
  rollback: 'Roll back',
  complete: 'Complete',
  cancel: 'Cancel the extraction',
  confirm: 'Confirm the servers',
}
/** What goes on along the plan. */
const ONWARD: readonly Action[] = ['start', 'promote', 'resume', 'complete']
/** What takes users or rows away. */
const GRAVE: readonly Action[] = ['rollback', 'cancel', 'confirm']

/** What can be decided now; each asks first, and says what it will do. */
export function Actions({ status }: { readonly status: ExtractionStatus }) {
  const { extraction, phase, paused, percent: share } = status
  const { role } = useSession()
  const actions = useActions(extraction)
  const [asked, setAsked] = useState<Action | null>(null)
  const region = useRef<HTMLElement>(null)
  const { refetch } = actions
  // What can be decided hangs on where it stands.
  useEffect(() => {
    void refetch()
  }, [refetch, phase, paused, share])

  const possible = (actions.data ?? []).filter(({ refused }) => refused === null)
  const names = [...new Set(possible.map(({ action }) => action))]
  const close = () => {
    setAsked(null)
    // The button may be gone with what was decided.
    region.current?.focus()
  }
  return (
    <section className="actions" aria-label="Decide" tabIndex={-1} ref={region}>
      <Unread error={actions.error} />
      {role === 'viewer' ? (
        <p className="muted">You are signed in as a viewer: operators decide.</p>
      ) : (
        names.map((action) => (
          <button
            key={action}
            type="button"
            className={ONWARD.includes(action) ? 'primary' : GRAVE.includes(action) ? 'grave' : ''}
            onClick={() => setAsked(action)}
          >
            {labelOf(action, possible)}
          </button>
        ))
      )}
      {names.length === 0 && role !== 'viewer' && actions.data && (
        <p className="muted">Nothing is to be decided now.</p>
      )}
      {asked && (
        <DecisionDialog
          extraction={extraction}
          name={NAMES[asked] ?? asked}
          choices={possible.filter(({ action }) => action === asked)}
          onClose={close}
        />
      )}
    </section>
  )
}

function labelOf(action: Action, possible: readonly ActionPreview[]): string {
  const name = NAMES[action] ?? action
  const next = possible.find((one) => one.action === action)?.percent
  return next === undefined ? `${name} …` : `${name} to ${percent(next)} …`
}
