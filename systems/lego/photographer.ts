import type { Client, Random, Step, Write } from '@banyan/lab'
import { read, readAll, readOne, write } from './steps.ts'
import { versionOf, type Worker } from './wisher.ts'

export interface ImageRow {
  readonly id: string
  readonly title: string
  readonly albumId: string | null
}

export interface AlbumRow {
  readonly id: string
  readonly title: string
  readonly coverImageId: string | null
}

interface Photo {
  readonly id: string
  /** Names it in the history: the token in the title of those the load made, else its id. */
  readonly entity: string
  title: string
  inAlbum: boolean
  version: number
  /** It came into its album in this trial: it can only be ours. */
  ours: boolean
  /** A change of it had no answer, and may still come: it is changed no more. */
  doubtful: boolean
}

/** The one album the load made and knows all of; those that were found are left alone. */
interface Album {
  readonly id: string
  readonly token: string
  version: number
  cover: Photo | null
}

/** A list answers 100 images at most: beyond this many, one is deleted instead of another added. */
const MOST_PHOTOS = 60

const WEIGHTS = {
  create: 20,
  patch: 30,
  delete: 8,
  get: 14,
  mine: 10,
  newest: 6,
  cover: 6,
  album: 4,
  disband: 1,
} as const

const IMAGE = /^made (\S+) v\d+$/
const ALBUM = /^made ((\S+?)-\S+) album v\d+$/

/** What an image is called and is worth in the history; see the same of items. */
export function photoEntity({ id, title, albumId }: ImageRow): { entity: string; value: string } {
  const token = IMAGE.exec(title)?.[1] ?? id
  return { entity: `image/${token}`, value: photoValue(title, albumId !== null) }
}

/** An album that was made in the trial of that tag, with the image that covers it; null for another. */
export function albumEntity(
  { title, coverImageId }: AlbumRow,
  images: readonly ImageRow[],
  tag: string,
): { entity: string; value: string } | null {
  const [, token, madeIn] = ALBUM.exec(title) ?? []
  if (madeIn !== tag) return null
  const cover = images.find((image) => image.id === coverImageId)
  return {
    entity: `album/${token}`,
    value: albumValue(title, cover ? photoEntity(cover).entity : coverImageId),
  }
}

function photoValue(title: string, inAlbum: boolean): string {
  return `${title}, ${inAlbum ? 'in an album' : 'loose'}`
}

function albumValue(title: string, cover: string | null): string {
  return `${title}, ${cover === null ? 'no cover' : `cover ${cover}`}`
}

/** One user of the gallery: images, and an album with a cover, which the images come and go from. */
export class Photographer implements Client {
  readonly user: string
  readonly headers: Readonly<Record<string, string>>
  readonly #tag: string
  #photos: Photo[]
  #album: Album | null = null
  #made = 0
  #albums = 0

  constructor(person: Worker, images: readonly ImageRow[]) {
    this.user = person.id
    this.#tag = `${person.tag}-${person.id.slice(0, 8)}`
    this.headers = { authorization: `Bearer ${person.token}` }
    this.#photos = images.map((image) => ({
      id: image.id,
      entity: photoEntity(image).entity,
      title: image.title,
      inAlbum: image.albumId !== null,
      version: versionOf(image.title),
      ours: false,
      doubtful: false,
    }))
  }

  next(random: Random): Step {
    const album = this.#album
    switch (this.#choose(random)) {
      case 'create':
        return this.#create(random.next() < 0.6 ? album : null)
      case 'patch':
        return this.#patch(random.pick(this.#sure), random.next() < 0.5 ? album : null)
      case 'delete':
        return this.#delete(random.pick(this.#sure))
      case 'get':
        return this.#get(random.pick(this.#sure))
      case 'mine':
        return this.#mine()
      case 'newest':
        return read('newest images', '/api/gallery?limit=10')
      case 'cover':
        return this.#cover(album!, random.pick(this.#inside))
      case 'album':
        return this.#begin()
      case 'disband':
        return this.#disband(album!)
    }
  }

  get #sure(): Photo[] {
    return this.#photos.filter((photo) => !photo.doubtful)
  }

  /** Those in the album of this trial. */
  get #inside(): Photo[] {
    return this.#sure.filter((photo) => photo.inAlbum && photo.ours)
  }

  #choose(random: Random): keyof typeof WEIGHTS {
    const op = random.weighted(WEIGHTS)
    const some = this.#sure.length > 0
    if (op === 'create') return this.#photos.length < MOST_PHOTOS || !some ? op : 'delete'
    if (op === 'patch' || op === 'delete' || op === 'get') return some ? op : 'create'
    if (op === 'album') return this.#album ? 'mine' : op
    if (op === 'cover') return this.#album && this.#inside.length > 0 ? op : 'mine'
    if (op === 'disband') return this.#album ? op : 'mine'
    return op
  }

  #create(album: Album | null): Step {
    const token = `${this.#tag}-${++this.#made}`
    const title = `made ${token} v1`
    const entity = `image/${token}`
    const value = photoValue(title, album !== null)
    return write('create image', 'POST', '/api/gallery', {
      body: {
        title,
        tags: ['load', token],
        imageUrl: `https://img.example.org/gallery/${token}.jpg`,
        albumId: album?.id ?? null,
      },
      writes: (answer) => {
        if (answer) {
          const { id } = answer.body as { id: string }
          const inAlbum = album !== null
          this.#photos.push({ id, entity, title, inAlbum, version: 1, ours: true, doubtful: false })
        }
        return [{ entity, set: value }]
      },
    })
  }

  /** Gives it a new title, and puts it into the album, or takes it out. */
  #patch(photo: Photo, album: Album | null): Step {
    const version = ++photo.version
    const title = `made ${photo.entity.slice('image/'.length)} v${version + 1}`
    const inAlbum = album !== null
    return write('change image', 'PATCH', `/api/gallery/${photo.id}`, {
      body: { title, description: `Number ${version}`, albumId: album?.id ?? null },
      writes: (answer) => {
        const uncovered = inAlbum ? [] : this.#uncover(photo, answer !== null)
        if (answer) Object.assign(photo, { title, inAlbum, ours: true })
        else photo.doubtful = true
        return [{ entity: photo.entity, set: photoValue(title, inAlbum) }, ...uncovered]
      },
    })
  }

  #delete(photo: Photo): Step {
    return write('delete image', 'DELETE', `/api/gallery/${photo.id}`, {
      writes: (answer) => {
        this.#photos = this.#photos.filter((one) => one !== photo)
        return [{ entity: photo.entity, set: null }, ...this.#uncover(photo, answer !== null)]
      },
    })
  }

  #get(photo: Photo): Step {
    return readOne('get image', `/api/gallery/${photo.id}`, photo.entity, photoEntity)
  }

  #mine(): Step {
    const shown = ({ images }: { images: ImageRow[] }) => images.map(photoEntity)
    return readAll('my images', '/api/gallery?mine=true&limit=100', 'image/', shown)
  }

  #begin(): Step {
    const token = `${this.#tag}-${++this.#albums}`
    const title = `made ${token} album v1`
    return write('create album', 'POST', '/api/gallery/albums', {
      body: { title },
      writes: (answer) => {
        if (answer) {
          const { id } = answer.body as { id: string }
          this.#album = { id, token, version: 1, cover: null }
        }
        return [{ entity: `album/${token}`, set: albumValue(title, null) }]
      },
    })
  }

  #cover(album: Album, photo: Photo): Step {
    const title = `made ${album.token} album v${++album.version}`
    return write('cover album', 'PATCH', `/api/gallery/albums/${album.id}`, {
      body: { title, coverImageId: photo.id },
      writes: (answer) => {
        if (answer) album.cover = photo
        else this.#forget()
        return [{ entity: `album/${album.token}`, set: albumValue(title, photo.entity) }]
      },
    })
  }

  /** Deletes the album: its images stay, in none. */
  #disband(album: Album): Step {
    return write('delete album', 'DELETE', `/api/gallery/albums/${album.id}`, {
      writes: (answer) => {
        const inside = this.#photos.filter((photo) => photo.inAlbum && photo.ours)
        if (answer) {
          this.#album = null
          for (const photo of inside) photo.inAlbum = false
        } else this.#forget()
        return [{ entity: `album/${album.token}`, set: null }, ...inside.map(loosened)]
      },
    })
  }

  /** An image that goes is its album's cover no more. @param known whether it certainly went. */
  #uncover(photo: Photo, known: boolean): Write[] {
    const album = this.#album
    if (album?.cover !== photo) return []
    const entity = `album/${album.token}`
    if (!known) {
      this.#forget()
      return [{ entity, unsure: true }]
    }
    album.cover = null
    return [{ entity, set: albumValue(`made ${album.token} album v${album.version}`, null) }]
  }

  /** Nobody knows how the album stands: it is used no more, and what is in it neither. */
  #forget(): void {
    this.#album = null
    for (const photo of this.#photos) if (photo.inAlbum && photo.ours) photo.doubtful = true
  }
}

function loosened(photo: Photo): Write {
  const { entity, title, doubtful } = photo
  return doubtful ? { entity, unsure: true } : { entity, set: photoValue(title, false) }
}
