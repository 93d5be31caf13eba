import type { Asset, Bundle } from './bundle.ts'

/** What goes back for a page or for what it loads. */
export interface PageAnswer {
  readonly headers: Readonly<Record<string, string>>
  readonly content: Uint8Array
}

const YEAR_S = 31_536_000

/**
 * Headers of a page: nothing but its own script and styles runs, it talks to nobody but its own origin, and stands in no other
 * page.
 *
 * @param images where pictures may come from, as a Content-Security-Policy names it
 */
export function pageHeaders(images: string): Readonly<Record<string, string>> {
  return {
    'content-security-policy': [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      `img-src ${images}`,
      "form-action 'none'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    // Whoever keeps a picture need not know where it was looked at.
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  }
}

/** The document, asked for anew each time: it names the assets of today. */
export function documentOf({ document }: Bundle): PageAnswer {
  return {
    headers: { 'cache-control': 'no-cache', 'content-type': 'text/html; charset=utf-8' },
    content: document,
  }
}

/** What a page loads; its address never has another content. @param accepts the request's Accept-Encoding */
export function assetFor(accepts: string | undefined, asset: Asset): PageAnswer {
  const small = /\bgzip\b/.test(accepts ?? '')
  return {
    headers: {
      'cache-control': `public, max-age=${YEAR_S}, immutable`,
      vary: 'accept-encoding',
      'content-type': asset.type,
      ...(small ? { 'content-encoding': 'gzip' } : {}),
    },
    content: small ? asset.gzip : asset.content,
  }
}
