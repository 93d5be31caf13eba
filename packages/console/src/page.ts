import { fileURLToPath } from 'node:url'
import { type App, noSuch } from '@banyan/service/http'
import { type Bundle, bundlePage } from './bundle.ts'

/** Nothing but our own script and styles runs, and it talks to nobody but us. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

const HEADERS = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
}

const YEAR_S = 31_536_000

/** Where the page itself says what is shown. */
const PLACES = ['/', '/sign-in', '/extractions/:name']

const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M1 3h14v3H1z" fill="#1f6f5c"/><path d="M3 6v8M8 6v8M13 6v5" stroke="#1f6f5c" stroke-width="2"/></svg>',
)}`

/** Answers the page and what it loads. */
export function answerPage(app: App): void {
  const options = { schema: { hide: true }, config: { quiet: true } }
  let bundling: Promise<Bundle> | null = null
  const bundle = () => {
    bundling ??= bundlePage({
      entry: fileURLToPath(new URL('../page/main.tsx', import.meta.url)),
      title: 'Banyan',
      icon: ICON,
    })
    return bundling
  }
  for (const place of PLACES) {
    app.get(place, options, async (_request, reply) => {
      const { document } = await bundle()
      return reply
        .headers(HEADERS)
        .header('cache-control', 'no-cache')
        .type('text/html; charset=utf-8')
        .send(document)
    })
  }
  app.get('/assets/*', options, async (request, reply) => {
    const asset = (await bundle()).assets.get(request.url)
    if (!asset) throw noSuch('file')
    const small = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')
    if (small) reply.header('content-encoding', 'gzip')
    return reply
      .headers(HEADERS)
      .headers({ 'cache-control': `public, max-age=${YEAR_S}, immutable`, vary: 'accept-encoding' })
      .type(asset.type)
      .send(small ? asset.gzip : asset.content)
  })
}
