import { z } from 'zod'
import { PageQuery, Pagination } from '../../monolith-pages.ts'

const Title = z.string().trim().min(1).max(200)
const Description = z.string().max(2_000).nullable()
const Link = z.url({ protocol: /^https?$/ }).max(1_000)
const Moment = z.iso.datetime()

const ImageFields = {
  title: Title,
  description: Description,
  tags: z.array(z.string().trim().min(1).max(40)).max(20),
  imageUrl: Link,
  thumbnailUrl: Link.nullable(),
  albumId: z.uuid().nullable(),
}

/** At least one member, since a change of nothing is a mistake. */
const NAMES_A_FIELD = { error: 'Name at least one field' }
const namesAField = (change: object) => Object.keys(change).length > 0

export const NewImage = z.strictObject({
  title: Title,
  description: Description.default(null),
  tags: ImageFields.tags.default([]),
  imageUrl: Link,
  thumbnailUrl: ImageFields.thumbnailUrl.default(null),
  albumId: ImageFields.albumId.default(null),
})
export type NewImage = z.infer<typeof NewImage>

export const ImageChange = z.strictObject(ImageFields).partial().refine(namesAField, NAMES_A_FIELD)
export type ImageChange = z.infer<typeof ImageChange>

export const ImageQuery = PageQuery.extend({
  albumId: z.uuid().optional(),
  mine: z.enum(['true', 'false']).optional(),
})
export type ImageQuery = z.infer<typeof ImageQuery>

export const Image = z.object({
  id: z.uuid(),
  userId: z.string(),
  albumId: z.uuid().nullable(),
  title: z.string(),
  description: z.string().nullable(),
  tags: z.array(z.string()),
  imageUrl: z.string(),
  thumbnailUrl: z.string().nullable(),
  flagged: z.boolean(),
  createdAt: Moment,
  updatedAt: Moment,
})
export type Image = z.infer<typeof Image>

export const ImagePage = z.object({ images: z.array(Image), pagination: Pagination })
export type ImagePage = z.infer<typeof ImagePage>

export const NewAlbum = z.strictObject({ title: Title, description: Description.default(null) })
export type NewAlbum = z.infer<typeof NewAlbum>

export const AlbumChange = z
  .strictObject({ title: Title, description: Description, coverImageId: z.uuid().nullable() })
  .partial()
  .refine(namesAField, NAMES_A_FIELD)
export type AlbumChange = z.infer<typeof AlbumChange>

export const AlbumQuery = PageQuery
export type AlbumQuery = z.infer<typeof AlbumQuery>

export const Album = z.object({
  id: z.uuid(),
  userId: z.string(),
  title: z.string(),
  description: z.string().nullable(),
  coverImageId: z.uuid().nullable(),
  createdAt: Moment,
  updatedAt: Moment,
})
export type Album = z.infer<typeof Album>

export const AlbumPage = z.object({ albums: z.array(Album), pagination: Pagination })
export type AlbumPage = z.infer<typeof AlbumPage>

/** `images` are its newest; all of them are pages of `GET /v1/gallery?albumId=`. */
export const WholeAlbum = Album.extend({ images: z.array(Image), imageCount: z.int() })
export type WholeAlbum = z.infer<typeof WholeAlbum>

export const NewFlag = z.strictObject({ reason: z.string().trim().min(1).max(500) })
export type NewFlag = z.infer<typeof NewFlag>

export const FlagReview = z.strictObject({ status: z.enum(['upheld', 'dismissed']) })
export type FlagReview = z.infer<typeof FlagReview>

export const FlagQuery = PageQuery
export type FlagQuery = z.infer<typeof FlagQuery>

export const Flag = z.object({
  id: z.uuid(),
  imageId: z.uuid(),
  userId: z.string(),
  reason: z.string(),
  status: z.enum(['pending', 'upheld', 'dismissed']),
  createdAt: Moment,
  reviewedAt: Moment.nullable(),
})
export type Flag = z.infer<typeof Flag>

export const FlagQueue = z.object({ flags: z.array(Flag) })
export type FlagQueue = z.infer<typeof FlagQueue>
