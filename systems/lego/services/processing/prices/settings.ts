import { z } from 'zod'
import type { OAuthKeys } from './oauth.ts'

export interface BrickLinkSettings {
  readonly url: string
  readonly keys: OAuthKeys
  readonly callsPerDay: number
  readonly callsAtOnce: number
}

const KEYS = [
  'BRICKLINK_CONSUMER_KEY',
  'BRICKLINK_CONSUMER_SECRET',
  'BRICKLINK_TOKEN',
  'BRICKLINK_TOKEN_SECRET',
] as const

const key = z.string().min(1).optional()

/** Who asks BrickLink, and how often; `BRICKLINK` is null, and there are no prices, without its keys. */
export const BrickLinkVariables = z
  .object({
    BRICKLINK_URL: z.url({ protocol: /^https?$/ }).default('https://api.bricklink.com'),
    BRICKLINK_CONSUMER_KEY: key,
    BRICKLINK_CONSUMER_SECRET: key,
    BRICKLINK_TOKEN: key,
    BRICKLINK_TOKEN_SECRET: key,
    /** Of all processes together. BrickLink allows some 5,000; the rest is left to the shop itself. */
    BRICKLINK_CALLS_PER_DAY: z.coerce.number().int().min(1).max(1_000_000).default(4_500),
    /** Of this process; BrickLink bears 5 of an account. */
    BRICKLINK_CALLS_AT_ONCE: z.coerce.number().int().min(1).max(5).default(5),
  })
  .superRefine((given, context) => {
    const missing = KEYS.filter((name) => given[name] === undefined)
    if (missing.length === KEYS.length) return
    for (const name of missing) {
      const message = `${KEYS.join(', ')} are needed together`
      context.addIssue({ code: 'custom', path: [name], message })
    }
  })
  .transform((given): { readonly BRICKLINK: BrickLinkSettings | null } => {
    const [consumerKey, consumerSecret, token, tokenSecret] = KEYS.map((name) => given[name])
    if (!consumerKey || !consumerSecret || !token || !tokenSecret) return { BRICKLINK: null }
    return {
      BRICKLINK: {
        url: given.BRICKLINK_URL,
        keys: { consumerKey, consumerSecret, token, tokenSecret },
        callsPerDay: given.BRICKLINK_CALLS_PER_DAY,
        callsAtOnce: given.BRICKLINK_CALLS_AT_ONCE,
      },
    }
  })
