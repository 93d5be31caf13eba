import type { Listed, OpenApi } from './documents.ts'
import { document, text } from './html.ts'

const METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete']

/** All documents on one page: each with its version, its routes, and where to browse it. */
export function pageOf(listed: readonly Listed[]): string {
  const there = listed.filter(({ document }) => document !== null).length
  return document(
    '/',
    `<p>${there} of ${listed.length} services have told what they answer.</p>
${listed.map(sectionOf).join('\n')}`,
  )
}

function sectionOf({ name, url, document: told, fault }: Listed): string {
  const title = told?.info.title ?? name
  const why =
    fault === null ? '' : `<p class="fault">The service at ${text(url)} ${text(fault)}.</p>`
  if (told === null) return `<section id="${text(name)}"><h2>${text(title)}</h2>${why}</section>`
  const routes = routesOf(told)
  const rows = routes.map(({ method, path, summary }) => {
    return `<tr><td class="method"><code>${text(method)}</code></td><td class="path"><code>${text(path)}</code></td><td>${text(summary)}</td></tr>`
  })
  return `<section id="${text(name)}"><h2>${text(title)}</h2>${why}
<p class="told">Version ${text(told.info.version)}, OpenAPI ${text(told.openapi)}:
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
