import { useId, useState } from 'react'
import { niceTop } from './scale.ts'
import { clock } from './text.ts'

export interface Series {
  readonly name: string
  /** Decides its colour and its dashes: see styles/extraction.css. */
  readonly look: 'source' | 'target'
  /** One for each time; null where nothing was measured. */
  readonly values: readonly (number | null)[]
}

const WIDTH = 600
const HEIGHT = 120
/** Times further apart, ms, are not joined: nobody measured between them. */
const GAP_MS = 8_000

/**
 * Lines over time from zero, drawn as the browser scales them. Its newest figures, or those under the pointer, stand
 * beside its name as text; those who do not see it hear a summary.
 */
export function Chart({
  title,
  times,
  series,
  show,
  least,
}: {
  readonly title: string
  /** ms since 1970, ascending. */
  readonly times: readonly number[]
  readonly series: readonly Series[]
  show(value: number): string
  /** The scale reaches at least this far. */
  readonly least: number
}) {
  const id = useId()
  const [pointed, setPointed] = useState<number | null>(null)
  const known = series.flatMap(({ values }) => values.filter((value) => value !== null))
  const top = niceTop(Math.max(least, ...known))
  const [first, last] = [times[0] ?? 0, times.at(-1) ?? 1]
  const x = (at: number) => ((at - first) / Math.max(1, last - first)) * WIDTH
  const y = (value: number) => HEIGHT - (value / top) * HEIGHT
  const at = pointed === null ? times.length - 1 : Math.min(pointed, times.length - 1)
  const figureOf = ({ values }: Series, i: number) => {
    const value = values[i] ?? null
    return value === null ? '–' : show(value)
  }
  const highest = known.length > 0 ? show(Math.max(...known)) : 'nothing'
  const now = series.map((one) => `${one.name} ${figureOf(one, times.length - 1)}`).join(', ')
  return (
    <figure className="chart" aria-labelledby={id}>
      <figcaption>
        <span id={id} className="chart-title">
          {title}
        </span>
        <span className="legend" aria-hidden="true">
          {series.map((one) => (
            <span key={one.name} className="legend-item">
              <svg className={`key ${one.look}`} viewBox="0 0 16 8" aria-hidden="true">
                <path d="M0 4H16" />
              </svg>
              {one.name} <b>{figureOf(one, at)}</b>
            </span>
          ))}
        </span>
      </figcaption>
      <div className="plot">
        <span className="top-value" aria-hidden="true">
          {show(top)}
        </span>
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`${title}: now ${now}; highest ${highest} since ${clock(first)}.`}
          onPointerMove={({ currentTarget, clientX }) => {
            const { left, width } = currentTarget.getBoundingClientRect()
            setPointed(nearest(times, first + ((clientX - left) / width) * (last - first)))
          }}
          onPointerLeave={() => setPointed(null)}
        >
          <path
            className="grid"
            d={`M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}`}
          />
          {series.map(({ name, look, values }) => (
            <path key={name} className={`line ${look}`} d={lineOf(times, values, x, y)} />
          ))}
          {pointed !== null && times.length > 0 && (
            <path className="pointer" d={`M${x(times[at]!)} 0V${HEIGHT}`} />
          )}
        </svg>
      </div>
      <div className="chart-times" aria-hidden="true">
        <span>{times.length > 1 ? clock(first) : ''}</span>
        <span>{times.length > 0 ? clock(times[at]!) : 'nothing measured yet'}</span>
      </div>
    </figure>
  )
}

function lineOf(
  times: readonly number[],
  values: readonly (number | null)[],
  x: (at: number) => number,
  y: (value: number) => number,
): string {
  let path = ''
  let before: number | null = null
  for (const [i, at] of times.entries()) {
    const value = values[i] ?? null
    if (value === null) {
      before = null
      continue
    }
    const joined = before !== null && at - before < GAP_MS
    const [px, py] = [x(at).toFixed(1), y(value).toFixed(1)]
    // One alone is a point, which the round ends of a line of no length draw.
    path += joined ? `L${px} ${py}` : `M${px} ${py}h0`
    before = at
  }
  return path
}

function nearest(times: readonly number[], at: number): number {
  let best = 0
  for (const [i, time] of times.entries()) {
    if (Math.abs(time - at) < Math.abs(times[best]! - at)) best = i
  }
  return best
}
