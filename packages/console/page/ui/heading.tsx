import { type ReactNode, useEffect, useRef } from 'react'

/** Where the page was opened nobody's focus is taken; from then on each new page's heading has it. */
let opened = false

/** The heading of a page: it names the tab, and has the focus when the page has changed. */
export function PageHeading({
  title,
  children,
}: {
  readonly title: string
  readonly children: ReactNode
}) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    if (opened) heading.current?.focus()
    opened = true
  }, [])
  useEffect(() => {
    document.title = `${title} · Banyan`
  }, [title])
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children}
    </h1>
  )
}
