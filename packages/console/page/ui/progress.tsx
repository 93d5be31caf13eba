import { useId } from 'react'

/** How far something has come, 0 to 1. */
export function Progress({
  label,
  share,
  text,
}: {
  readonly label: string
  readonly share: number
  readonly text: string
}) {
  const id = useId()
  return (
    <div className="progress">
      <p>
        <span id={id}>{label}</span>
        <span className="muted">{text}</span>
      </p>
      <progress aria-labelledby={id} max={1} value={Math.min(1, share)} />
    </div>
  )
}
