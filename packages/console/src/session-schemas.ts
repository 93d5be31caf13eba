import { ROLES } from '@banyan/migration'
import { z } from 'zod'

const name = z.string().trim().min(1).max(100)

/** With a token of the plan and a name for the ledger, or with a link that works once. */
export const signInRequest = z.union([
  z.strictObject({ name, token: z.string().min(1).max(1_000) }),
  z.strictObject({ link: z.string().min(1).max(200) }),
])

export const sessionAnswer = z.object({
  name: z.string(),
  role: z.enum(ROLES),
  /** To be sent as `x-banyan-forgery` with whatever changes something. */
  forgeryToken: z.string(),
})

export const linkRequest = z.strictObject({ name, role: z.enum(ROLES).default('operator') })

export const linkAnswer = z.object({ path: z.string(), seconds: z.number() })

export type SessionAnswer = z.infer<typeof sessionAnswer>
export type SignInRequest = z.infer<typeof signInRequest>
