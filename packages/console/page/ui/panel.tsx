import { type ReactNode, useId } from 'react'

/** A part of a page, under a heading of its own. */
export function Panel({
  title,
  aside,
  className = '',
  children,
}: {
  readonly title: string
  /** Beside the heading. */
  readonly aside?: ReactNode
  readonly className?: string
  readonly children: ReactNode
}) {
  const id = useId()
  return (
    <section className={`panel ${className}`} aria-labelledby={id}>
      <header className="panel-head">
        <h2 id={id}>{title}</h2>
        {aside && <div className="panel-aside">{aside}</div>}
      </header>
      {children}
    </section>
  )
}

/** What could not be read, and that it is tried again. */
export function Unread({ error }: { readonly error: Error | null }) {
  return error && <p className="note bad">Not to be had now: {error.message}</p>
}
