import { useEffect, useRef, useState } from 'react'

/** A button that asks once more, in its own place, before it takes something away. */
export function ConfirmButton({
  children,
  label,
  question,
  mild,
  disabled,
  onConfirm,
}: {
  readonly children: string
  /** What is heard, where the words alone do not say of what. */
  readonly label?: string
  readonly question: string
  /** It takes little away: it need not stand out. */
  readonly mild?: boolean
  readonly disabled?: boolean
  onConfirm(): void
}) {
  const [asking, setAsking] = useState(false)
  const yes = useRef<HTMLButtonElement>(null)
  const first = useRef<HTMLButtonElement>(null)
  const was = useRef(false)
  useEffect(() => {
    if (asking) yes.current?.focus()
    else if (was.current) first.current?.focus()
    was.current = asking
  }, [asking])
  if (!asking) {
    return (
      <button
        ref={first}
        type="button"
        className={`quiet ${mild ? 'mild' : 'danger'}`}
        aria-label={label}
        disabled={disabled}
        onClick={() => setAsking(true)}
      >
        {children}
      </button>
    )
  }
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would be a form's; these are two buttons.
    <span className="confirm" role="group" aria-label={question}>
      <span>{question}</span>
      <button
        ref={yes}
        type="button"
        className="danger"
        disabled={disabled}
        onClick={() => {
          setAsking(false)
          onConfirm()
        }}
      >
        {children}
      </button>
      <button type="button" className="quiet" onClick={() => setAsking(false)}>
        Keep
      </button>
    </span>
  )
}
