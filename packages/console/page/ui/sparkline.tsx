const WIDTH = 72
const HEIGHT = 18

/** How a figure went, beside the figure itself: nothing for those who do not see it. */
export function Sparkline({ values }: { readonly values: readonly number[] }) {
  if (values.length < 2) return null
  const top = Math.max(...values, 1e-9)
  const points = values.map((value, i) => {
    const x = (i / (values.length - 1)) * WIDTH
    return `${x.toFixed(1)} ${(HEIGHT - 1 - (value / top) * (HEIGHT - 2)).toFixed(1)}`
  })
  return (
    <svg className="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
      <path d={`M${points.join('L')}`} />
    </svg>
  )
}
