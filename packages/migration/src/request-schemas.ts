// What the control API takes, for its OpenAPI document; where a route takes one, the compiler holds it against requests.ts.
import { z } from 'zod'
import { archiveSeal } from './archive/manifest.ts'

export const actionRequest = z.strictObject({
  percent: z.number().optional(),
  rowsPerSecond: z.number().nullable().optional(),
  confirm: z.string().max(200).optional(),
  archive: z.string().max(64).optional(),
  despiteFunctions: z.boolean().optional(),
  despiteSchedule: z.boolean().optional(),
  by: z.string().max(200).optional(),
  why: z.string().max(2000).optional(),
})

export const repairRequest = z.strictObject({
  table: z.string().min(1).max(200),
  key: z.array(z.string().max(10_000)).min(1).max(32),
  values: z.boolean().optional(),
  by: z.string().max(200).optional(),
  why: z.string().max(2000).optional(),
})

export const archivedRequest = z.strictObject({
  archive: archiveSeal,
  by: z.string().max(200).optional(),
  why: z.string().max(2000).optional(),
})

export const redriveRequest = z.strictObject({
  what: z.enum(['dead letter', 'saga']),
  schema: z.string().min(1).max(63),
  id: z.string().min(1).max(64),
  by: z.string().max(200).optional(),
  why: z.string().max(2000).optional(),
})

export const ledgerSearch = z.object({
  extraction: z.string().max(40).optional(),
  kind: z.enum(['intent', 'fact', 'decision']).optional(),
  text: z.string().max(200).optional(),
  before: z.coerce.number().int().min(1).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
})

export const retireRequest = z.strictObject({
  undo: z.boolean().optional(),
  by: z.string().max(200).optional(),
  why: z.string().max(2000).optional(),
})
