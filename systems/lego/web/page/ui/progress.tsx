import { useId } from 'react'

/** How far something has come, 0 to 1; unknown where it is null. */
export function Progress({
  label,
  share,
  text,
}: {
  readonly label: string
  readonly share: number | null
  /** Beside the bar; the percentage by default. */
  readonly text?: string
}) {
  const id = useId()
  const percent = share === null ? null : Math.floor(share * 100)
  return (
    <div className="progress">
      <div className="progress-words">
        <span id={id}>{label}</span>
        <span>{text ?? (percent === null ? '' : `${percent} %`)}</span>
      </div>
      <progress aria-labelledby={id} max={100} {...(percent === null ? {} : { value: percent })} />
    </div>
  )
}
