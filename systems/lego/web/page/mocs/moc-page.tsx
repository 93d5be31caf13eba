import { useAnnounce } from '@banyan/console/announcer'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { Link, useLocation } from 'wouter'
import { ask } from '../api/request.ts'
import { useSession } from '../api/session.ts'
import type { Moc, Profile } from '../api/types.ts'
import { PartsSection } from '../parts/parts-section.tsx'
import { ConfirmButton } from '../ui/confirm-button.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { PageHeading } from '../ui/page-heading.tsx'
import { Picture } from '../ui/picture.tsx'
import { CreationNotice } from './creation-notice.tsx'
import { FilesSection } from './files-section.tsx'
import { ImagesSection } from './images-section.tsx'
import { MocFields, mocOf } from './moc-fields.tsx'
import { useMoc } from './use-moc.ts'

export function MocPage({ id }: { readonly id: string }) {
  const me = useSession().session?.user.id
  const { moc, isMine, lists, files, stored, creation, refresh } = useMoc(id, me)
  if (!moc.data) {
    return (
      <>
        <PageHeading>{moc.error ? 'This MOC cannot be shown' : 'MOC'}</PageHeading>
        {moc.isPending && <p className="loading">Loading…</p>}
        <FailureNotice error={moc.error} retry={() => void moc.refetch()} />
        <p>
          <Link href="/">To all MOCs</Link>
        </p>
      </>
    )
  }
  return (
    <article>
      <MocHead moc={moc.data} isMine={isMine} refresh={refresh} />
      {isMine && creation.data && (
        <CreationNotice
          creation={creation.data}
          files={stored.data ?? []}
          lists={lists.data?.length ?? 0}
        />
      )}
      <PartsSection mocId={id} isMine={isMine} lists={lists} refresh={refresh} />
      <ImagesSection moc={moc.data} isMine={isMine} refresh={refresh} />
      <FilesSection mocId={id} isMine={isMine} files={files} stored={stored} refresh={refresh} />
    </article>
  )
}

interface HeadProps {
  readonly moc: Moc
  readonly isMine: boolean
  refresh(): Promise<unknown>
}

function MocHead({ moc, isMine, refresh }: HeadProps) {
  const announce = useAnnounce()
  const queries = useQueryClient()
  const [, go] = useLocation()
  const [editing, setEditing] = useState(false)
  const path = `/api/mocs/${moc.id}`
  const change = useMutation({
    mutationFn: (body: object) => ask<Moc>('PATCH', path, body),
    onSuccess: async () => {
      setEditing(false)
      announce('The MOC is saved')
      await refresh()
    },
  })
  const remove = useMutation({
    mutationFn: () => ask('DELETE', path),
    onSuccess: async () => {
      announce(`${moc.title} is deleted`)
      go('/')
      queries.removeQueries({ queryKey: ['moc', moc.id] })
      await queries.invalidateQueries({ queryKey: ['mocs'] })
    },
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    change.mutate(mocOf(new FormData(event.currentTarget)))
  }
  const isComplete = moc.status === 'complete'
  return (
    <header className="moc-head">
      <div className="moc-picture">
        <Picture url={moc.thumbnailUrl} name={moc.title} />
      </div>
      <div className="moc-words">
        <PageHeading>{moc.title}</PageHeading>
        <p className="muted">
          {moc.author ? `Designed by ${moc.author}` : 'Designer not said'}
          <Builder userId={moc.userId} isMine={isMine} />
        </p>
        <p className="facts">
          <strong>{moc.totalPieceCount.toLocaleString('en')}</strong> pieces
          {moc.theme && <span className="badge">{moc.theme}</span>}
          <span className={`badge ${isComplete ? 'good' : ''}`}>
            {isComplete ? 'Complete' : 'Draft'}
          </span>
        </p>
        {moc.description && <p className="description">{moc.description}</p>}
        {moc.tags.length > 0 && (
          <p className="muted">{moc.tags.map((tag) => `#${tag}`).join(' ')}</p>
        )}
        {isMine && (
          <div className="actions">
            <button type="button" aria-expanded={editing} onClick={() => setEditing(!editing)}>
              Change
            </button>
            <button
              type="button"
              disabled={change.isPending}
              onClick={() => change.mutate({ status: isComplete ? 'draft' : 'complete' })}
            >
              {isComplete ? 'Back to draft' : 'Mark as complete'}
            </button>
            <ConfirmButton
              label={`Delete ${moc.title}`}
              question="Delete the MOC with all its files?"
              disabled={remove.isPending}
              onConfirm={() => remove.mutate()}
            >
              Delete
            </ConfirmButton>
          </div>
        )}
        <FailureNotice error={change.error ?? remove.error} title="That was not done" />
      </div>
      {editing && (
        <form className="card wide" onSubmit={submit} aria-label="Change the MOC">
          <MocFields known={moc} />
          <div className="actions">
            <button type="submit" className="primary" disabled={change.isPending}>
              Save
            </button>
            <button type="button" className="quiet" onClick={() => setEditing(false)}>
              Cancel
            </button>
          </div>
        </form>
      )}
    </header>
  )
}

/** Whose account it is in; where that cannot be had, nothing is missed. */
function Builder({ userId, isMine }: { readonly userId: string; readonly isMine: boolean }) {
  const profile = useQuery({
    queryKey: ['public profile', userId],
    queryFn: ({ signal }) =>
      ask<Profile>('GET', `/api/users/${encodeURIComponent(userId)}/public`, undefined, { signal }),
    enabled: !isMine,
    staleTime: 300_000,
  })
  if (isMine) return ' · shared by you'
  return profile.data ? ` · shared by ${profile.data.displayName}` : null
}
