import { document, text } from './html.ts'
import { LOOK_MS, type Watched } from './watch.ts'

const HEIGHT = 24
const STEP = 2
const COLUMNS = ['requests/s', 'errors', 'p50', 'p95', 'p99']

/** How each service fares: it is read again by itself. */
export function watchPageOf(watched: readonly Watched[]): string {
  const away = watched.filter(({ fault }) => fault !== null).length
  return document(
    '/services',
    `<p>${watched.length - away} of ${watched.length} answer. Figures are of the last minute, the line of the last five.</p>
<div class="figures wide" tabindex="0" role="region" aria-label="Figures of each service"><table>
<thead><tr><th scope="col">service</th>${COLUMNS.map((one) => `<th scope="col" class="number">${one}</th>`).join('')}<th scope="col">requests/s, five minutes</th></tr></thead>
<tbody>
${watched.map(rowOf).join('\n')}
</tbody>
</table></div>`,
    LOOK_MS / 1000,
  )
}

function rowOf({ name, figures, history, fault }: Watched): string {
  const head = `<tr id="${text(name)}"><th scope="row"><a href="/#${text(name)}">${text(name)}</a></th>`
  const line = `<td>${lineOf(history)}</td></tr>`
  if (fault !== null)
    return `${head}<td colspan="${COLUMNS.length}" class="fault">${text(fault)}</td>${line}`
  if (figures === null)
    return `${head}<td colspan="${COLUMNS.length}">not seen long enough</td>${line}`
  const { requestsPerSecond, errorShare, p50, p95, p99 } = figures
  const errors = errorShare === null ? '–' : `${(errorShare * 100).toFixed(1)} %`
  const cells = [requestsPerSecond.toFixed(1), errors, ...[p50, p95, p99].map(ms)]
  return `${head}${cells.map((cell) => `<td class="number">${cell}</td>`).join('')}${line}`
}

function ms(seconds: number | null): string {
  return seconds === null ? '–' : `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms`
}

/** A gap where the service was away. */
function lineOf(history: Watched['history']): string {
  // Nothing can be drawn of one look.
  if (history.length < 2) return '–'
  const most = Math.max(1, ...history.map((one) => one ?? 0))
  const y = (value: number) => (HEIGHT - 1 - (value / most) * (HEIGHT - 2)).toFixed(1)
  let pen = 'M'
  const path = history.map((value, i) => {
    const drawn = value === null ? '' : `${pen}${i * STEP} ${y(value)}`
    pen = value === null ? 'M' : 'L'
    return drawn
  })
  const width = (history.length - 1) * STEP
  return `<svg width="${width}" height="${HEIGHT}" role="img" aria-label="at most ${most.toFixed(1)} requests/s"><path d="${path.join('')}" fill="none" stroke="currentColor"/></svg>`
}
