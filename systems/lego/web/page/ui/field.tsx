import { type ReactNode, useId } from 'react'

/** A labelled control: `children` is given the id that the label is for, and that of its hint. */
export function Field({
  label,
  hint,
  wide,
  children,
}: {
  readonly label: string
  readonly hint?: string
  /** As wide as all fields together. */
  readonly wide?: boolean
  children(ids: { readonly id: string; readonly 'aria-describedby'?: string }): ReactNode
}) {
  const id = useId()
  const hintId = `${id}-hint`
  return (
    <div className={wide ? 'field wide' : 'field'}>
      <label htmlFor={id}>{label}</label>
      {children({ id, ...(hint === undefined ? {} : { 'aria-describedby': hintId }) })}
      {hint && (
        <p className="hint" id={hintId}>
          {hint}
        </p>
      )}
    </div>
  )
}

/** Text as the API wants it: null where nothing was typed. */
export function textOf(form: FormData, name: string): string | null {
  const value = form.get(name)
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : null
}

/** Words between commas, each once. */
export function tagsOf(form: FormData, name: string): string[] {
  const words = (textOf(form, name) ?? '').split(',').map((word) => word.trim())
  return [...new Set(words.filter((word) => word !== ''))]
}
