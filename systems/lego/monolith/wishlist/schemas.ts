import { z } from 'zod'
import { Page } from '../http/validate.ts'

export const CATEGORIES = [
  'Architecture',
  'Art',
  'BIONICLE',
  'Botanicals',
  'Castle',
  'City',
  'Classic',
  'Creator',
  'Disney',
  'DUPLO',
  'Friends',
  'Harry Potter',
  'Icons',
  'Ideas',
  'Jurassic World',
  'Marvel',
  'Minecraft',
  'Monkie Kid',
  'NINJAGO',
  'Pirates',
  'Space',
  'Speed Champions',
  'Star Wars',
  'Super Mario',
  'Technic',
  'Trains',
  'Other',
] as const

const Title = z.string().trim().min(1).max(200)
const Description = z.string().max(2_000).nullable()
const Link = z
  .url({ protocol: /^https?$/ })
  .max(1_000)
  .nullable()
const Category = z.enum(CATEGORIES)
/** What numeric(10, 2) holds. */
const Price = z.number().min(0).max(99_999_999.99).multipleOf(0.01).nullable()
const Quantity = z.number().int().min(1).max(999)

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

export const ListQuery = Page.extend({ category: Category.optional() })
export type ListQuery = z.infer<typeof ListQuery>

export const NewOrder = z.strictObject({
  itemIds: z
    .array(z.uuid().toLowerCase())
    .min(1)
    .max(10_000)
    .refine((ids) => new Set(ids).size === ids.length, { error: 'Name each item once' }),
})
