// What gateways and the control API tell each other.
import type { GatewayLease } from '@banyan/contracts'
import { z } from 'zod'

const list = <T extends z.ZodType>(item: T) => z.array(item).readonly()
const count = z.number()

export const registration = z.strictObject({
  id: z.string().min(1).max(200),
  adminUrl: z.url(),
  publicUrl: z.url(),
})

export const renewal = z.looseObject({ version: z.number().int().min(0) })

const ownerSource = z.discriminatedUnion('from', [
  z.object({ from: z.literal(['subject', 'whole']) }),
  z.object({ from: z.literal(['header', 'path', 'query']), name: z.string() }),
  z.object({ from: z.literal('body'), field: z.string() }),
])

const routeTable = z.object({
  token: count,
  version: count,
  monolith: z.string(),
  retired: z.boolean().exactOptional(),
  extractions: list(
    z.object({
      extraction: z.string(),
      target: z.string(),
      routes: list(
        z.object({
          methods: list(z.string()),
          path: z.string(),
          access: z.enum(['read', 'write']).exactOptional(),
          rewrite: z.object({ from: z.string(), to: z.string() }).exactOptional(),
          owner: ownerSource.exactOptional(),
          cache: z.object({ seconds: count.exactOptional() }).exactOptional(),
        }),
      ),
      targetBuckets: z.string(),
      hold: z
        .object({
          buckets: z.string(),
          reads: z.boolean(),
          budgetMs: z.number(),
          attempt: z.string(),
        })
        .nullable(),
      shadow: z.object({ percent: z.number(), ignore: list(z.string()) }).nullable(),
    }),
  ),
})

export const routeTableAnswer = z.object({ table: routeTable.nullable() })

export const gatewayLease = z.object({
  leaseMs: z.number(),
  table: routeTable.nullable(),
}) satisfies z.ZodType<GatewayLease>
