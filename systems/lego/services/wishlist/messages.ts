import { z } from 'zod'
import { PageQuery, Pagination } from '../../monolith-pages.ts'
import { THEME_NAMES } from './themes.ts'

const Title = z.string().trim().min(1).max(200)
const Description = z.string().max(2_000).nullable()
const Link = z
  .url({ protocol: /^https?$/ })
  .max(1_000)
  .nullable()
const Category = z.enum(THEME_NAMES)
const Price = z.number().min(0).max(99_999_999.99).multipleOf(0.01).nullable()
const Quantity = z.number().int().min(1).max(999)
const Moment = z.iso.datetime()

export const NewItem = z.strictObject({
  title: Title,
  description: Description.default(null),
  productLink: Link.default(null),
  imageUrl: Link.default(null),
  category: Category.nullable().default(null),
  quantity: Quantity.default(1),
  price: Price.default(null),
  isAcquired: z.boolean().default(false),
})
export type NewItem = z.infer<typeof NewItem>

export const ItemChange = z
  .strictObject({
    title: Title.optional(),
    description: Description.optional(),
    productLink: Link.optional(),
    imageUrl: Link.optional(),
    category: Category.nullable().optional(),
    quantity: Quantity.optional(),
    price: Price.optional(),
    isAcquired: z.boolean().optional(),
  })
  .refine((change) => Object.keys(change).length > 0, { error: 'Name at least one field' })
export type ItemChange = z.infer<typeof ItemChange>

export const Item = z.object({
  id: z.uuid(),
  title: z.string(),
  description: z.string().nullable(),
  productLink: z.string().nullable(),
  imageUrl: z.string().nullable(),
  category: Category.nullable(),
  sortOrder: z.int(),
  quantity: z.int(),
  price: z.number().nullable(),
  isAcquired: z.boolean(),
  createdAt: Moment,
  updatedAt: Moment,
})
export type Item = z.infer<typeof Item>

export const ListQuery = PageQuery.extend({ category: Category.optional() })
export type ListQuery = z.infer<typeof ListQuery>

export const ItemPage = z.object({ items: z.array(Item), pagination: Pagination })
export type ItemPage = z.infer<typeof ItemPage>

export const NewOrder = z.strictObject({
  itemIds: z
    .array(z.uuid().toLowerCase())
    .min(1)
    .max(10_000)
    .refine((ids) => new Set(ids).size === ids.length, { error: 'Name each item once' }),
})

export const Reordered = z.object({
  items: z.array(z.object({ id: z.uuid(), sortOrder: z.int() })),
})
export type Reordered = z.infer<typeof Reordered>

export const ReorderStatus = z.object({
  pending: z.boolean(),
  itemCount: z.int(),
  requestedAt: Moment.nullable(),
  dueAt: Moment.nullable(),
})
export type ReorderStatus = z.infer<typeof ReorderStatus>

export const ItemId = z.object({ id: z.uuid().toLowerCase() })
