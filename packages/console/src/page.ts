import { fileURLToPath } from 'node:url'
import { type App, noSuch } from '@banyan/service/http'
import { type Bundle, bundlePage } from './bundle.ts'
import { assetFor, documentOf, pageHeaders } from './serve-page.ts'

const HEADERS = pageHeaders('data:')

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
      const { headers, content } = documentOf(await bundle())
      return reply.headers(HEADERS).headers(headers).send(content)
    })
  }
  app.get('/assets/*', options, async (request, reply) => {
    const asset = (await bundle()).assets.get(request.url)
    if (!asset) throw noSuch('file')
    const { headers, content } = assetFor(request.headers['accept-encoding'], asset)
    return reply.headers(HEADERS).headers(headers).send(content)
  })
}
