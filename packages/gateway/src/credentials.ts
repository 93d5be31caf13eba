import type { Caller } from './caller.ts'

/** What a request's credentials came to. */
export type Credentials =
  | { readonly state: 'missing' }
  | { readonly state: 'invalid' }
  | { readonly state: 'valid'; readonly caller: Caller }

export const MISSING: Credentials = { state: 'missing' }
export const INVALID: Credentials = { state: 'invalid' }

/** What follows `scheme` in an Authorization header; undefined under another scheme. */
export function schemeToken(header: string | undefined, scheme: string): string | undefined {
  if (header === undefined || header.length <= scheme.length) return undefined
  if (header.charCodeAt(scheme.length) !== 0x20) return undefined
  if (!header.startsWith(scheme)) {
    const named = header.slice(0, scheme.length)
    if (named.toLowerCase() !== scheme.toLowerCase()) return undefined
  }
  return header.slice(scheme.length).trim() || undefined
}
