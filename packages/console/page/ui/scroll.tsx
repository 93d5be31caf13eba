import type { ReactNode } from 'react'

/** What may be wider than the screen: it scrolls by itself, by keyboard too. */
export function Scroll({
  label,
  wide,
  children,
}: {
  readonly label: string
  /** It would not be read where it were squeezed. */
  readonly wide?: boolean
  readonly children: ReactNode
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without the focus, arrow keys do not scroll it.
    <section className={wide ? 'scroll wide' : 'scroll'} tabIndex={0} aria-label={label}>
      {children}
    </section>
  )
}
