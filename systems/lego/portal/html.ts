const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#d9dde3, #3a3f47); --soft: light-dark(#5b6470, #a3abb6);
  --card: light-dark(#fff, #1d2025); --link: light-dark(#0b57d0, #8ab4f8) }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 64rem; padding: 1.5rem 1rem 3rem;
  background: light-dark(#f5f6f8, #131518); color: light-dark(#1a1d21, #e6e8eb) }
h1 { font-size: 1.6rem; margin: 0 }
h2 { font-size: 1.15rem; margin: 0 }
p { margin: .25rem 0 }
a { color: var(--link) }
nav { display: flex; gap: 1rem; margin: .25rem 0 1rem }
nav [aria-current] { color: inherit; font-weight: 600; text-decoration: none }
section, .figures { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; margin: .75rem 0; padding: .75rem 1rem }
summary { cursor: pointer; color: var(--soft); width: fit-content }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 0 }
.figures table { margin: 0; white-space: nowrap }
td, th { padding: .3rem 1rem .3rem 0; vertical-align: top; text-align: left; font-variant-numeric: tabular-nums }
tr + tr > *, tbody > tr > * { border-top: 1px solid var(--line) }
section tr:first-child > * { border-top: 0 }
thead th { font-weight: 500; color: var(--soft) }
td:last-child, th:last-child { padding-right: 0 }
.figures td, .figures th { vertical-align: middle }
.number { text-align: right }
code { font-size: .9em }
section table { table-layout: fixed }
.method { width: 4.5rem; font-weight: 600; color: var(--soft) }
.path { width: 50%; overflow-wrap: anywhere }
.told { color: var(--soft) }
.fault { color: light-dark(#a40000, #ff9c9c) }
svg { display: block; color: var(--link) }
@media (max-width: 40rem) {
  section tr { display: grid; grid-template-columns: 4.5rem 1fr; border-top: 1px solid var(--line); padding: .3rem 0 }
  section tr:first-child { border-top: 0 }
  section tr > td { border: 0; padding: 0 }
  .method, .path { width: auto }
  section td:last-child { grid-column: 2 }
}`

/** The pages there are, in the order of their links. */
const PAGES = { '/': 'APIs', '/services': 'How they fare' }

/** @param againSeconds after which the browser reads it again; never where it is left out */
export function document(at: keyof typeof PAGES, body: string, againSeconds?: number): string {
  const links = Object.entries(PAGES).map(([path, name]) =>
    path === at
      ? `<a href="${path}" aria-current="page">${name}</a>`
      : `<a href="${path}">${name}</a>`,
  )
  const again =
    againSeconds === undefined ? '' : `<meta http-equiv="refresh" content="${againSeconds}">`
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">${again}<title>LEGO Projects: ${PAGES[at]}</title><style>${STYLE}</style></head>
<body>
<header><h1>LEGO Projects</h1><nav>${links.join('')}</nav></header>
<main>
${body}
</main>
</body>
</html>
`
}

/** What a service says of itself is a text; it says nothing to the browser. */
export function text(given: string): string {
  const named: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  return given.replace(/[&<>"]/g, (one) => named[one]!)
}
