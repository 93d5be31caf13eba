import type { Listed, OpenApi } from './documents.ts'

const METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete']

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color-scheme: light dark }
h2 { margin: 2rem 0 0 }
summary { cursor: pointer }
td { padding: .1rem 1rem .1rem 0; vertical-align: top }
code { font-size: .9em; overflow-wrap: anywhere }
.fault { color: light-dark(#a40000, #ff9c9c) }`

/** All documents on one page: each with its version, its routes, and where to browse it. */
export function pageOf(listed: readonly Listed[]): string {
  const there = listed.filter(({ document }) => document !== null).length
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>LEGO Projects: APIs</title><style>${STYLE}</style></head>
<body>
<h1>LEGO Projects: APIs</h1>
<p>${there} of ${listed.length} services have told what they answer.</p>
${listed.map(sectionOf).join('\n')}
</body>
</html>
`
}

function sectionOf({ name, url, document, fault }: Listed): string {
  const title = document?.info.title ?? name
  const told = fault === null ? '' : `<p class="fault">The service ${text(fault)}.</p>`
  if (document === null)
    return `<section id="${text(name)}"><h2>${text(title)}</h2>${told}</section>`
  const routes = routesOf(document)
  const rows = routes.map(({ method, path, summary }) => {
    return `<tr><td><code>${text(method)}</code></td><td><code>${text(path)}</code></td><td>${text(summary)}</td></tr>`
  })
  return `<section id="${text(name)}"><h2>${text(title)}</h2>${told}
<p>Version ${text(document.info.version)}, OpenAPI ${text(document.openapi)}:
<a href="/apis/${text(name)}">document</a>, <a href="${text(url)}/docs">browse and try</a></p>
<details><summary>${routes.length} routes</summary><table>${rows.join('')}</table></details></section>`
}

function routesOf({ paths }: OpenApi) {
  return Object.entries(paths).flatMap(([path, item]) =>
    METHODS.filter((method) => method in item).map((method) => {
      const { summary } = (item[method] ?? {}) as { summary?: unknown }
      return { method: method.toUpperCase(), path, summary: String(summary ?? '') }
    }),
  )
}

/** A document is what a service says; it says nothing to the browser. */
function text(given: string): string {
  const named: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  return given.replace(/[&<>"]/g, (one) => named[one]!)
}
