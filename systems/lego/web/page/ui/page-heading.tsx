import { type ReactNode, useEffect, useRef } from 'react'

/** Where the page was opened nobody's focus is taken; from then on each new page's heading has it. */
let opened = false

/** The heading of a page: it names the tab, and has the focus when the page has changed. */
export function PageHeading({
  children,
  title,
}: {
  readonly children: ReactNode
  readonly title?: string
}) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    if (opened) heading.current?.focus()
    opened = true
  }, [])
  const name = title ?? (typeof children === 'string' ? children : null)
  useEffect(() => {
    document.title = name === null ? 'LEGO Projects' : `${name} · LEGO Projects`
  }, [name])
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children}
    </h1>
  )
}
