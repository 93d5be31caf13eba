import { useAnnounce } from '@banyan/console/announcer'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { FormEvent } from 'react'
import { Failure } from '../api/failure.ts'
import { ask } from '../api/request.ts'
import type { Profile } from '../api/types.ts'
import { Field, textOf } from '../ui/field.tsx'
import { FailureNotice, Notice } from '../ui/notice.tsx'
import { PageHeading } from '../ui/page-heading.tsx'
import { Picture } from '../ui/picture.tsx'

const KEY = ['profile']

/** One's own profile; null where there is none yet. */
async function loadProfile(signal: AbortSignal): Promise<Profile | null> {
  try {
    return await ask<Profile>('GET', '/api/users/me', undefined, { signal })
  } catch (error) {
    if (error instanceof Failure && error.status === 404) return null
    throw error
  }
}

export function ProfilePage() {
  const announce = useAnnounce()
  const queries = useQueryClient()
  const profile = useQuery({ queryKey: KEY, queryFn: ({ signal }) => loadProfile(signal) })
  const save = useMutation({
    mutationFn: (body: object) => ask<Profile>('PUT', '/api/users/me', body),
    onSuccess: (saved) => {
      queries.setQueryData(KEY, saved)
      announce('Your profile is saved')
    },
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    save.mutate({
      displayName: textOf(form, 'displayName') ?? '',
      bio: textOf(form, 'bio'),
      location: textOf(form, 'location'),
      avatarUrl: textOf(form, 'avatarUrl'),
      preferences: profile.data?.preferences ?? {},
    })
  }
  const known = profile.data
  return (
    <div className="narrow">
      <PageHeading>Profile</PageHeading>
      {profile.isPending && <p className="loading">Loading…</p>}
      <FailureNotice error={profile.error} retry={() => void profile.refetch()} />
      {known !== undefined && (
        <form className="card" onSubmit={submit}>
          {known === null && (
            <Notice tone="warn">
              <p>You have no profile yet. Others see a name once you give one.</p>
            </Notice>
          )}
          {known !== null && (
            <div className="avatar">
              <Picture url={known.avatarUrl} name={known.displayName} />
              <strong>{known.displayName}</strong>
            </div>
          )}
          <Field label="Name that others see">
            {(ids) => (
              <input
                {...ids}
                name="displayName"
                required
                maxLength={80}
                defaultValue={known?.displayName}
              />
            )}
          </Field>
          <Field label="About you">
            {(ids) => (
              <textarea
                {...ids}
                name="bio"
                rows={4}
                maxLength={1000}
                defaultValue={known?.bio ?? ''}
              />
            )}
          </Field>
          <Field label="Place" hint="Only you see it.">
            {(ids) => (
              <input
                {...ids}
                name="location"
                maxLength={120}
                defaultValue={known?.location ?? ''}
              />
            )}
          </Field>
          <Field
            label="Address of your picture"
            hint="Begins with https:// and ends in .png, .jpg, .webp or .gif"
          >
            {(ids) => (
              <input
                {...ids}
                name="avatarUrl"
                type="url"
                maxLength={1000}
                defaultValue={known?.avatarUrl ?? ''}
              />
            )}
          </Field>
          <FailureNotice error={save.error} />
          <div className="actions">
            <button type="submit" className="primary" disabled={save.isPending}>
              {save.isPending ? 'Saving…' : 'Save'}
            </button>
            {save.isSuccess && <span className="done">Saved</span>}
          </div>
        </form>
      )}
    </div>
  )
}
