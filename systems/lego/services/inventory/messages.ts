import { pageQuery } from '@banyan/service'
import { z } from 'zod'

export const SourceType = z.enum(['moc', 'wishlist', 'set'])
export type SourceType = z.infer<typeof SourceType>

/** What items are needed for: something of another service, or a set by its number. */
export const Source = z.object({ type: SourceType, id: z.string().min(1).max(100) })
export type Source = z.infer<typeof Source>

const Count = z.int().min(1).max(1_000_000)
const Name = z.string().trim().min(1).max(200)
const Code = z.string().trim().min(1).max(40).nullable()
const Moment = z.iso.datetime()

/** In the smallest unit of its currency: 1999 EUR is 19.99 €. */
export const Money = z.object({
  amountMinor: z.int().min(0).max(999_999_999_999),
  currency: z.string().regex(/^[A-Z]{3}$/, 'must be a code of ISO 4217, e.g. EUR'),
})
export type Money = z.infer<typeof Money>

export const NewItem = z
  .strictObject({
    source: z.strictObject(Source.shape),
    name: Name,
    partNumber: Code.default(null),
    colorCode: Code.default(null),
    totalCount: Count,
    acquiredCount: z.int().min(0).max(1_000_000).default(0),
  })
  .refine(({ acquiredCount, totalCount }) => acquiredCount <= totalCount, {
    error: 'must not be more than totalCount',
    path: ['acquiredCount'],
  })
export type NewItem = z.infer<typeof NewItem>

export const ItemChange = z
  .strictObject({ name: Name.optional(), totalCount: Count.optional() })
  .refine((change) => Object.keys(change).length > 0, { error: 'Name at least one field' })
export type ItemChange = z.infer<typeof ItemChange>

export const Item = z.object({
  id: z.uuid(),
  source: Source,
  name: z.string(),
  partNumber: z.string().nullable(),
  colorCode: z.string().nullable(),
  totalCount: z.int(),
  acquiredCount: z.int(),
  missingCount: z.int(),
  createdAt: Moment,
  updatedAt: Moment,
})
export type Item = z.infer<typeof Item>

export const ListQuery = pageQuery({ usual: 50, most: 200 })
  .extend({
    sourceType: SourceType.optional(),
    sourceId: z.string().min(1).max(100).optional(),
    /** Only those of which some are missing. */
    missing: z.enum(['true', 'false']).optional(),
  })
  .refine(({ sourceType, sourceId }) => sourceId === undefined || sourceType !== undefined, {
    error: 'needs sourceType beside it',
    path: ['sourceId'],
  })

/** How many more there are now; fewer, where it is negative. */
export const Acquisition = z.strictObject({
  count: z
    .int()
    .min(-1_000_000)
    .max(1_000_000)
    .refine((count) => count !== 0, { error: 'must not be 0' }),
})

export const NewPurchase = z.strictObject({
  quantity: Count,
  cost: z.strictObject(Money.shape).nullable().default(null),
  vendor: Name.nullable().default(null),
  // Years of fewer than four digits are none to who reads them back.
  purchasedAt: Moment.refine((at) => at >= '1900', { error: 'must be 1900 or later' }).optional(),
})
export type NewPurchase = z.infer<typeof NewPurchase>

/** The cost of a purchase that had none. */
export const PurchaseCost = z.strictObject({ cost: z.strictObject(Money.shape) })

export const Purchase = z.object({
  id: z.uuid(),
  itemId: z.uuid(),
  quantity: z.int(),
  cost: Money.nullable(),
  vendor: z.string().nullable(),
  purchasedAt: Moment,
  createdAt: Moment,
})
export type Purchase = z.infer<typeof Purchase>

/** What there is, and what is needed, for a source. */
export const Progress = z.object({
  source: Source,
  itemCount: z.int(),
  totalCount: z.int(),
  acquiredCount: z.int(),
  missingCount: z.int(),
  /** 0 to 100 %, rounded down: 100 is all of it. */
  percent: z.int().min(0).max(100),
})
export type Progress = z.infer<typeof Progress>
