import type { ActionPreview } from '@banyan/migration'
import { useState } from 'react'
import { pathOf } from '../api/queries.ts'
import { percent } from '../ui/text.ts'
import { ReasonDialog } from './reason-dialog.tsx'

/** An action of an extraction, in the engine's words. */
export function DecisionDialog({
  extraction,
  name,
  choices,
  onClose,
}: {
  readonly extraction: string
  /** Of the action, as its button says it. */
  readonly name: string
  /** One, or for a promotion one for each share. */
  readonly choices: readonly ActionPreview[]
  onClose(): void
}) {
  // As it was when it was asked for: what is being decided does not change under the hand.
  const [offered] = useState(choices)
  const [chosen, setChosen] = useState(0)
  const one = offered[chosen]
  if (!one) return null
  return (
    <ReasonDialog
      title={one.percent === undefined ? name : `${name} to ${percent(one.percent)}`}
      about={extraction}
      says={one.says}
      does={one.does}
      path={`${pathOf(extraction)}/${one.action}`}
      body={one.percent === undefined ? {} : { percent: one.percent }}
      onClose={onClose}
    >
      {offered.length > 1 && (
        <label className="inline">
          Share of the service
          <select value={chosen} onChange={({ target }) => setChosen(Number(target.value))}>
            {offered.map((choice, i) => (
              <option key={choice.percent} value={i}>
                {percent(choice.percent ?? 0)}
              </option>
            ))}
          </select>
        </label>
      )}
    </ReasonDialog>
  )
}
