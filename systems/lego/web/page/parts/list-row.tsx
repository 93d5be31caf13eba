import { useAnnounce } from '@banyan/console/announcer'
import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useId } from 'react'
import { ask } from '../api/request.ts'
import type { PartsListSummary } from '../api/types.ts'
import { ConfirmButton } from '../ui/confirm-button.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { Progress } from '../ui/progress.tsx'

interface Props {
  readonly mocId: string
  readonly list: PartsListSummary
  readonly isMine: boolean
  /** What there is of each part is known: how many pieces of the list there are follows from that. */
  readonly byPart: boolean
  refresh(): Promise<unknown>
}

/** One parts list as a whole; where it is not known by part, its owner says how many of its pieces are there. */
export function ListRow({ mocId, list, isMine, byPart, refresh }: Props) {
  const id = useId()
  const announce = useAnnounce()
  const path = `/api/mocs/${mocId}/parts-lists/${list.id}`
  const change = useMutation({
    mutationFn: (acquiredCount: number) => ask('PATCH', path, { acquiredCount }),
    onSuccess: () => announce(`${list.title} is saved`),
    onSettled: refresh,
  })
  const remove = useMutation({
    mutationFn: () => ask('DELETE', path),
    onSuccess: () => announce(`${list.title} is deleted`),
    onSettled: refresh,
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    change.mutate(Number(new FormData(event.currentTarget).get('acquired')))
  }
  const { title, lotCount, pieceCount, acquiredCount } = list
  const pieces = pieceCount.toLocaleString('en')
  return (
    <li className="list-row">
      {byPart ? (
        <p>
          {title} <span className="muted">{`${lotCount} lots, ${pieces} pieces`}</span>
        </p>
      ) : (
        <Progress
          label={`${title}, ${lotCount} lots`}
          share={pieceCount === 0 ? 0 : acquiredCount / pieceCount}
          text={`${acquiredCount.toLocaleString('en')} of ${pieces} pieces`}
        />
      )}
      {isMine && (
        <div className="list-actions">
          {!byPart && (
            <form onSubmit={submit}>
              <label htmlFor={id}>Have</label>
              <input
                key={acquiredCount}
                id={id}
                aria-label={`Have, pieces of ${title}`}
                name="acquired"
                type="number"
                required
                min={0}
                max={pieceCount}
                defaultValue={acquiredCount}
              />
              <button type="submit" className="quiet" disabled={change.isPending}>
                Set
              </button>
            </form>
          )}
          <ConfirmButton
            label={`Delete ${title}`}
            question="Delete the list?"
            onConfirm={() => remove.mutate()}
          >
            Delete
          </ConfirmButton>
        </div>
      )}
      <FailureNotice error={change.error ?? remove.error} title={`${title} was not changed`} />
    </li>
  )
}
