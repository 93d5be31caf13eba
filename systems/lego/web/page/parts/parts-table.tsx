import { useState } from 'react'
import { colourOf } from './colours.ts'
import { countWithin, type Need } from './need.ts'

/** More rows than this are shown only when asked for. */
const FIRST = 100

interface Props {
  readonly needs: readonly Need[]
  /** Null where it is not known what one has. */
  readonly onHave: ((need: Need, count: number) => void) | null
}

export function PartsTable({ needs, onHave }: Props) {
  const [all, setAll] = useState(false)
  const shown = all ? needs : needs.slice(0, FIRST)
  return (
    <div className="table-box">
      <table className="parts">
        <caption className="unseen">Parts of this MOC</caption>
        <thead>
          <tr>
            <th scope="col">Part</th>
            <th scope="col">Colour</th>
            <th scope="col" className="number">
              Need
            </th>
            {onHave && (
              <>
                <th scope="col">Have</th>
                <th scope="col" className="number">
                  Missing
                </th>
              </>
            )}
          </tr>
        </thead>
        <tbody>
          {shown.map((need) => (
            <tr key={need.key} className={onHave && need.missing === 0 ? 'whole' : ''}>
              <th scope="row">{need.part}</th>
              <td>
                <Colour need={need} />
              </td>
              <td className="number">
                {need.need}
                {need.spare > 0 && <span className="muted"> +{need.spare} spare</span>}
              </td>
              {onHave && (
                <>
                  <td>
                    <HaveCount need={need} onHave={(count) => onHave(need, count)} />
                  </td>
                  <td className="number">{need.missing === 0 ? '✓' : need.missing}</td>
                </>
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {shown.length < needs.length && (
        <button type="button" className="quiet" onClick={() => setAll(true)}>
          Show all {needs.length}
        </button>
      )}
    </div>
  )
}

function Colour({ need: { color, format } }: { readonly need: Need }) {
  if (color === null) return <span className="muted">Any</span>
  const known = colourOf(format, color)
  return (
    <span className="colour">
      <span
        className="swatch"
        aria-hidden="true"
        {...(known ? { style: { backgroundColor: known.rgb } } : {})}
      />
      {known?.name ?? `No. ${color}`}
    </span>
  )
}

interface HaveProps {
  readonly need: Need
  onHave(count: number): void
}

/** One less, a number, one more. */
function HaveCount({ need, onHave }: HaveProps) {
  const name = `${need.part} ${colourOf(need.format, need.color)?.name ?? need.color ?? ''}`.trim()
  const set = (count: number) => {
    const within = countWithin(need, count)
    if (within !== need.have) onHave(within)
  }
  return (
    <span className="count">
      <button
        type="button"
        className="icon"
        disabled={need.have <= 0}
        aria-label={`One less of ${name}`}
        onClick={() => set(need.have - 1)}
      >
        <span aria-hidden="true">−</span>
      </button>
      <input
        key={need.have}
        type="number"
        min={0}
        max={need.need}
        defaultValue={need.have}
        aria-label={`How many you have of ${name}`}
        onBlur={(event) => set(event.target.valueAsNumber)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') event.currentTarget.blur()
        }}
      />
      <button
        type="button"
        className="icon"
        disabled={need.have >= need.need}
        aria-label={`One more of ${name}`}
        onClick={() => set(need.have + 1)}
      >
        <span aria-hidden="true">+</span>
      </button>
    </span>
  )
}
