import { useAnnounce } from '@banyan/console/announcer'
import { useMutation, useQueries, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'wouter'
import { Failure } from '../api/failure.ts'
import { ask } from '../api/request.ts'
import type { Image, Moc } from '../api/types.ts'
import { FailureNotice } from '../ui/notice.tsx'
import { Picture } from '../ui/picture.tsx'

interface Props {
  readonly moc: Moc
  readonly isMine: boolean
  refresh(): Promise<unknown>
}

/** The images of the gallery that a MOC shows; its owner chooses among their own. */
export function ImagesSection({ moc, isMine, refresh }: Props) {
  const announce = useAnnounce()
  const [choosing, setChoosing] = useState(false)
  const images = useQueries({
    queries: moc.galleryImageIds.map((id) => ({
      queryKey: ['image', id],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        ask<Image>('GET', `/api/gallery/${id}`, undefined, { signal }),
    })),
  })
  const link = useMutation({
    mutationFn: (galleryImageIds: readonly string[]) =>
      ask<Moc>('PATCH', `/api/mocs/${moc.id}`, { galleryImageIds }),
    onSuccess: async () => {
      announce('The images of the MOC are saved')
      await refresh()
    },
  })
  const toggle = (id: string) => {
    const ids = moc.galleryImageIds
    link.mutate(ids.includes(id) ? ids.filter((one) => one !== id) : [...ids, id])
  }
  // One that is hidden, or not there any more, is no failure of this page.
  const failure = images.find(
    ({ error }) => error && !(error instanceof Failure && error.status === 404),
  )
  return (
    <section aria-labelledby="images">
      <div className="title-row">
        <h2 id="images">Images</h2>
        {isMine && (
          <button type="button" aria-expanded={choosing} onClick={() => setChoosing(!choosing)}>
            {choosing ? 'Done' : 'Choose images'}
          </button>
        )}
      </div>
      <FailureNotice error={failure?.error} title="The gallery cannot be shown at the moment" />
      <FailureNotice error={link.error} title="The images were not saved" />
      {moc.galleryImageIds.length === 0 && !choosing && <p className="empty">No images yet.</p>}
      <ul className="grid small" aria-label="Images of this MOC">
        {images.flatMap(({ data }) =>
          data ? (
            <li key={data.id} className="tile">
              <a href={data.imageUrl} target="_blank" rel="noreferrer" className="tile-link">
                <Picture url={data.thumbnailUrl ?? data.imageUrl} name={data.title} />
                <span className="tile-words">
                  <span className="tile-title">{data.title}</span>
                </span>
              </a>
            </li>
          ) : (
            []
          ),
        )}
      </ul>
      {choosing && (
        <ImageChoice chosen={moc.galleryImageIds} disabled={link.isPending} onToggle={toggle} />
      )}
    </section>
  )
}

/** The newest of one's own. */
const OFFERED = 100

interface ChoiceProps {
  readonly chosen: readonly string[]
  readonly disabled: boolean
  onToggle(id: string): void
}

function ImageChoice({ chosen, disabled, onToggle }: ChoiceProps) {
  const mine = useQuery({
    queryKey: ['images', 'to choose from'],
    queryFn: ({ signal }) =>
      ask<{ images: Image[] }>('GET', `/api/gallery?mine=true&limit=${OFFERED}`, undefined, {
        signal,
      }),
  })
  return (
    <fieldset className="choice">
      <legend>Your images in the gallery</legend>
      <FailureNotice error={mine.error} retry={() => void mine.refetch()} />
      {mine.isPending && <p className="loading">Loading…</p>}
      {mine.data?.images.length === 0 && (
        <p className="empty">
          You have none yet. <Link href="/gallery">Add one in the gallery</Link>.
        </p>
      )}
      <div className="choices">
        {mine.data?.images.map(({ id, title, imageUrl, thumbnailUrl }) => (
          <label key={id} className="choice-tile">
            <Picture url={thumbnailUrl ?? imageUrl} name={title} />
            <span className="check">
              <input
                type="checkbox"
                checked={chosen.includes(id)}
                disabled={disabled}
                onChange={() => onToggle(id)}
              />
              {title}
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  )
}
