const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color-scheme: light dark }
h2 { margin: 2rem 0 0 }
summary { cursor: pointer }
td, th { padding: .1rem 1rem .1rem 0; vertical-align: top; text-align: left; font-variant-numeric: tabular-nums }
code { font-size: .9em; overflow-wrap: anywhere }
.fault { color: light-dark(#a40000, #ff9c9c) }`

/** @param againSeconds after which the browser reads it again; never where it is left out */
export function document(title: string, body: string, againSeconds?: number): string {
  const again =
    againSeconds === undefined ? '' : `<meta http-equiv="refresh" content="${againSeconds}">`
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">${again}<title>${title}</title><style>${STYLE}</style></head>
<body>
${body}
</body>
</html>
`
}

/** What a service says of itself is a text; it says nothing to the browser. */
export function text(given: string): string {
  const named: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  return given.replace(/[&<>"]/g, (one) => named[one]!)
}
