import { useMutation } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { ask } from './api/request.ts'
import { begin, type Session, useSession } from './api/session.ts'
import { Field } from './ui/field.tsx'
import { FailureNotice, Notice } from './ui/notice.tsx'
import { PageHeading } from './ui/page-heading.tsx'

interface Credentials {
  readonly email: string
  readonly password: string
}

/** What the Auth Service takes. */
const SHORTEST_PASSWORD = 10

/** Signs in, or makes an account and signs in; the address stays, so that one lands where one wanted to go. */
export function SignInPage() {
  const { ending } = useSession()
  const [isNew, setNew] = useState(false)
  const signIn = useMutation({
    mutationFn: async (given: Credentials) => {
      if (isNew) await ask('POST', '/auth/users', given)
      return ask<{ accessToken: string; user: Session['user'] }>('POST', '/auth/sign-in', given)
    },
    onSuccess: ({ accessToken, user }) => begin({ token: accessToken, user }),
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    signIn.mutate({ email: String(form.get('email')), password: String(form.get('password')) })
  }
  const act = isNew ? 'Create account' : 'Sign in'
  return (
    <div className="narrow card">
      <PageHeading>{act}</PageHeading>
      {ending === 'expired' && (
        <Notice tone="warn">
          <p>You were signed in for a long time. Please sign in again to go on.</p>
        </Notice>
      )}
      <form onSubmit={submit}>
        <Field label="Email address">
          {(ids) => <input {...ids} name="email" type="email" autoComplete="username" required />}
        </Field>
        <Field
          label="Password"
          {...(isNew ? { hint: `${SHORTEST_PASSWORD} characters or more` } : {})}
        >
          {(ids) => (
            <input
              {...ids}
              name="password"
              type="password"
              autoComplete={isNew ? 'new-password' : 'current-password'}
              minLength={isNew ? SHORTEST_PASSWORD : 1}
              required
            />
          )}
        </Field>
        <FailureNotice error={signIn.error} />
        <div className="actions">
          <button type="submit" className="primary" disabled={signIn.isPending}>
            {signIn.isPending ? 'One moment…' : act}
          </button>
          <button
            type="button"
            className="quiet"
            onClick={() => {
              signIn.reset()
              setNew(!isNew)
            }}
          >
            {isNew ? 'I have an account' : 'I have no account yet'}
          </button>
        </div>
      </form>
    </div>
  )
}
