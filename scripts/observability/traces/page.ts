import type { CollectedSpan } from '@banyan/service/testing'
import { type Bar, type Trace, tracesOf } from './picture.ts'

/** Traces on the page; a browser draws as many without a pause. */
const SHOWN = 50

/** All that was received, as a page that needs nothing else. */
export function pageOf(spans: readonly CollectedSpan[]): string {
  const traces = tracesOf(spans).slice(0, SHOWN)
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Traces</title><style>${STYLE}</style>
<h1>Traces</h1>${traces.length === 0 ? '<p>None yet.</p>' : traces.map(section).join('\n')}</html>`
}

function section({ traceId, bars, ms }: Trace): string {
  const services = [...new Set(bars.map(({ service }) => service))]
  const rows = bars.map((bar) => row(bar, ms, services.indexOf(bar.service)))
  return `<h2>${escaped(bars[0]!.name)} <small>${ms.toFixed(1)} ms, ${escaped(services.join(' → '))}, ${escaped(traceId)}</small></h2>
<table><thead><tr><th>process<th>span<th>ms<th>when</thead><tbody>${rows.join('\n')}</tbody></table>`
}

function row(bar: Bar, whole: number, hue: number): string {
  const share = (ms: number) => `${((100 * ms) / Math.max(whole, 0.001)).toFixed(2)}%`
  const colour = bar.failed ? '#c62828' : `hsl(${(hue * 67 + 210) % 360} 55% 45%)`
  return `<tr><td>${escaped(bar.service)}<td style="padding-left:${bar.depth + 0.5}em">${escaped(bar.name)}${bar.failed ? ' (failed)' : ''}<td class="ms">${bar.ms.toFixed(1)}<td class="when"><i style="margin-left:${share(bar.at)};width:${share(bar.ms)};background:${colour}"></i>`
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (found) => `&#${found.charCodeAt(0)};`)
}

const STYLE = `
:root { color-scheme: light dark; font: 14px/1.4 system-ui, sans-serif }
body { margin: 1.5rem }
small { font-weight: normal; opacity: .75 }
table { width: 100%; border-collapse: collapse }
th { text-align: left }
td { border-top: 1px solid color-mix(in srgb, currentColor 15%, transparent); white-space: nowrap }
.ms { text-align: right; padding: 0 1em }
.when { width: 55% }
.when i { display: block; height: .8em; min-width: 2px; border-radius: 2px }
`
