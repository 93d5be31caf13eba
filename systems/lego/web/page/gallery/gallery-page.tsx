import { useAnnounce } from '@banyan/console/announcer'
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { ask } from '../api/request.ts'
import { useSession } from '../api/session.ts'
import type { Image, Pagination } from '../api/types.ts'
import { ConfirmButton } from '../ui/confirm-button.tsx'
import { Field, tagsOf, textOf } from '../ui/field.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { PageHeading } from '../ui/page-heading.tsx'
import { Pages } from '../ui/pages.tsx'
import { Picture } from '../ui/picture.tsx'

const PAGE = 24

interface ImagePage {
  readonly images: readonly Image[]
  readonly pagination: Pagination
}

export function GalleryPage() {
  const me = useSession().session?.user.id
  const announce = useAnnounce()
  const queries = useQueryClient()
  const [mine, setMine] = useState(false)
  const [page, setPage] = useState(1)
  const [adding, setAdding] = useState(false)
  const images = useQuery({
    queryKey: ['images', { mine, page }],
    queryFn: ({ signal }) =>
      ask<ImagePage>(
        'GET',
        `/api/gallery?limit=${PAGE}&page=${page}${mine ? '&mine=true' : ''}`,
        undefined,
        { signal },
      ),
    placeholderData: keepPreviousData,
  })
  const refresh = () => queries.invalidateQueries({ queryKey: ['images'] })
  const remove = useMutation({
    mutationFn: ({ id }: Image) => ask('DELETE', `/api/gallery/${id}`),
    onSuccess: (_answer, { title }) => announce(`${title} is deleted`),
    onSettled: refresh,
  })
  const report = useMutation({
    mutationFn: ({ id }: Image) =>
      ask('POST', `/api/gallery/${id}/flags`, { reason: 'Reported on the gallery page' }),
    onSuccess: (_answer, { title }) =>
      announce(`${title} is hidden until a moderator has looked at it`),
    onSettled: refresh,
  })
  return (
    <>
      <div className="title-row">
        <PageHeading>Gallery</PageHeading>
        <button
          type="button"
          className="primary"
          aria-expanded={adding}
          onClick={() => setAdding(!adding)}
        >
          Add an image
        </button>
      </div>
      {adding && (
        <NewImageForm
          onAdded={() => {
            setAdding(false)
            setMine(true)
            setPage(1)
          }}
        />
      )}
      <label className="check">
        <input
          type="checkbox"
          checked={mine}
          onChange={(event) => {
            setMine(event.target.checked)
            setPage(1)
          }}
        />
        Only mine
      </label>
      <FailureNotice error={images.error} retry={() => void images.refetch()} />
      <FailureNotice error={remove.error ?? report.error} />
      {images.isPending && <p className="loading">Loading…</p>}
      {images.data?.images.length === 0 && (
        <p className="empty">
          {mine ? 'You have no images yet.' : 'There are no images here yet.'}
        </p>
      )}
      <ul className="grid" aria-label="Images" aria-busy={images.isFetching}>
        {images.data?.images.map((image) => (
          <li key={image.id} className="tile">
            <figure>
              <a href={image.imageUrl} target="_blank" rel="noreferrer">
                <Picture url={image.thumbnailUrl ?? image.imageUrl} name={image.title} />
                <span className="unseen">{image.title}, the whole picture</span>
              </a>
              <figcaption>
                <h2>{image.title}</h2>
                <p className="muted">{image.tags.join(' · ')}</p>
                {image.flagged && <p className="badge warn">Hidden until it is looked at</p>}
              </figcaption>
            </figure>
            <div className="tile-actions">
              {image.userId === me ? (
                <ConfirmButton
                  label={`Delete ${image.title}`}
                  question="Delete it?"
                  onConfirm={() => remove.mutate(image)}
                >
                  Delete
                </ConfirmButton>
              ) : (
                <ConfirmButton
                  mild
                  label={`Report ${image.title}`}
                  question="Not fit for here?"
                  onConfirm={() => report.mutate(image)}
                >
                  Report
                </ConfirmButton>
              )}
            </div>
          </li>
        ))}
      </ul>
      {images.data && <Pages of={images.data.pagination} onPage={setPage} />}
    </>
  )
}

function NewImageForm({ onAdded }: { onAdded(): void }) {
  const announce = useAnnounce()
  const queries = useQueryClient()
  const add = useMutation({
    mutationFn: (image: object) => ask<Image>('POST', '/api/gallery', image),
    onSuccess: async ({ title }) => {
      announce(`${title} is in the gallery`)
      await queries.invalidateQueries({ queryKey: ['images'] })
      onAdded()
    },
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    add.mutate({
      title: textOf(form, 'title') ?? '',
      imageUrl: textOf(form, 'imageUrl') ?? '',
      thumbnailUrl: textOf(form, 'thumbnailUrl'),
      description: textOf(form, 'description'),
      tags: tagsOf(form, 'tags'),
    })
  }
  return (
    <form className="card" onSubmit={submit} aria-label="Add an image">
      <div className="fields">
        <Field label="Title">
          {(ids) => <input {...ids} name="title" required maxLength={200} />}
        </Field>
        <Field label="Address of the image">
          {(ids) => (
            <input
              {...ids}
              name="imageUrl"
              type="url"
              required
              maxLength={1000}
              placeholder="https://"
            />
          )}
        </Field>
        <Field label="Address of a small one" hint="If there is one.">
          {(ids) => <input {...ids} name="thumbnailUrl" type="url" maxLength={1000} />}
        </Field>
        <Field label="Tags" hint="With commas between them.">
          {(ids) => <input {...ids} name="tags" />}
        </Field>
        <Field label="Description" wide>
          {(ids) => <textarea {...ids} name="description" rows={2} maxLength={2000} />}
        </Field>
      </div>
      <FailureNotice error={add.error} title="It was not added" />
      <div className="actions">
        <button type="submit" className="primary" disabled={add.isPending}>
          {add.isPending ? 'Adding…' : 'Add to the gallery'}
        </button>
      </div>
    </form>
  )
}
