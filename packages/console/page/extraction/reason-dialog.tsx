import { useQueryClient } from '@tanstack/react-query'
import { type FormEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react'
import { changed } from '../api/queries.ts'
import { decide } from '../api/request.ts'
import { useSession } from '../api/session.ts'
import { useAnnounce } from '../ui/announcer.tsx'

/** Says what will happen, asks why, and has it done. */
export function ReasonDialog({
  title,
  about,
  says,
  does = [],
  path,
  body,
  children,
  onClose,
}: {
  /** What is decided: on its heading and on its button. */
  readonly title: string
  /** Beside it in the heading. */
  readonly about?: string
  readonly says: string
  readonly does?: readonly string[]
  /** Where the decision is sent. */
  readonly path: string
  readonly body: object
  /** What is to be chosen. */
  readonly children?: ReactNode
  onClose(): void
}) {
  const id = useId()
  const session = useSession()
  const announce = useAnnounce()
  const queries = useQueryClient()
  const dialog = useRef<HTMLDialogElement>(null)
  const [waiting, setWaiting] = useState(false)
  const [failure, setFailure] = useState<string | null>(null)
  useEffect(() => dialog.current?.showModal(), [])

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const why = String(new FormData(event.currentTarget).get('why')).trim()
    setWaiting(true)
    try {
      await decide(path, { ...body, why })
      announce(`${title}: decided`)
      changed(queries)
      dialog.current?.close()
    } catch (error) {
      setFailure((error as Error).message)
      setWaiting(false)
    }
  }
  return (
    <dialog ref={dialog} aria-labelledby={`${id}-title`} onClose={onClose}>
      <form onSubmit={submit}>
        <h2 id={`${id}-title`}>
          {title}
          {about && `: ${about}`}
        </h2>
        {children}
        <p>{says}</p>
        {does.length > 0 && (
          <ul className="does">
            {does.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        )}
        <label htmlFor={`${id}-why`}>
          Why? The ledger keeps it under your name, {session.name}.
        </label>
        <textarea id={`${id}-why`} name="why" required maxLength={2000} rows={2} />
        {failure && (
          <p role="alert" className="note bad">
            {failure}
          </p>
        )}
        <div className="dialog-buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            Leave it as it is
          </button>
          <button type="submit" className="primary" disabled={waiting}>
            {title}
          </button>
        </div>
      </form>
    </dialog>
  )
}
