import type { ReactNode } from 'react'
import { Failure } from '../api/failure.ts'

export type Tone = 'bad' | 'warn' | 'good'

/** Something to be told. What is bad is read out at once. */
export function Notice({
  tone,
  title,
  children,
}: {
  readonly tone: Tone
  readonly title?: string
  readonly children?: ReactNode
}) {
  return (
    <div className={`notice ${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
      {title && <p className="notice-title">{title}</p>}
      {children}
    </div>
  )
}

/** What went wrong, in words, and by what it is found again. */
export function FailureNotice({
  error,
  title,
  retry,
}: {
  readonly error: unknown
  readonly title?: string
  retry?(): void
}) {
  if (error === null || error === undefined) return null
  const failure = error instanceof Failure ? error : null
  return (
    <Notice tone="bad" {...(title === undefined ? {} : { title })}>
      <p>{failure?.message ?? 'Something went wrong on this page. Please try again.'}</p>
      {failure && failure.faults.length > 0 && (
        <ul>
          {failure.faults.map(({ where, message }) => (
            <li key={`${where} ${message}`}>{where ? `${where}: ${message}` : message}</li>
          ))}
        </ul>
      )}
      {retry && (
        <button type="button" className="small" onClick={retry}>
          Try again
        </button>
      )}
      {failure && (
        <p className="correlation">
          If you ask for help, name <code>{failure.correlationId}</code>
        </p>
      )}
    </Notice>
  )
}
