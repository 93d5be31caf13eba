import { type FormEvent, useEffect, useState } from 'react'
import type { SessionAnswer } from '../src/session-schemas.ts'
import { signIn } from './api/request.ts'
import { PageHeading } from './ui/heading.tsx'

const NAME_KEY = 'banyan.name'

/** By a link that works once, or by a token of the plan and a name for the ledger. */
export function SignInPage({ onSignedIn }: { onSignedIn(session: SessionAnswer): void }) {
  const [failure, setFailure] = useState<string | null>(null)
  const [link, setLink] = useState(takeLink)
  const [waiting, setWaiting] = useState(link !== null)
  useEffect(() => {
    // Pasted where this page is open already, it loads no page anew.
    const pasted = () => setLink(takeLink)
    window.addEventListener('hashchange', pasted)
    return () => window.removeEventListener('hashchange', pasted)
  }, [])
  useEffect(() => {
    if (link === null) return
    signIn({ link })
      .then(onSignedIn, (error: Error) => setFailure(error.message))
      .finally(() => setWaiting(false))
  }, [link, onSignedIn])

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const [name, token] = [String(form.get('name')), String(form.get('token'))]
    setWaiting(true)
    try {
      onSignedIn(await signIn({ name, token }))
      localStorage.setItem(NAME_KEY, name)
    } catch (error) {
      setFailure((error as Error).message)
    } finally {
      setWaiting(false)
    }
  }
  return (
    <main className="sign-in">
      <PageHeading title="Sign in">Banyan console</PageHeading>
      <p className="muted">
        <code>banyan console</code> prints an address that signs you in.
      </p>
      <form onSubmit={submit}>
        <label htmlFor="name">Your name, for the ledger</label>
        <input
          id="name"
          name="name"
          required
          maxLength={100}
          autoComplete="username"
          defaultValue={localStorage.getItem(NAME_KEY) ?? ''}
        />
        <label htmlFor="token">Token</label>
        <input
          id="token"
          name="token"
          type="password"
          required
          autoComplete="current-password"
          aria-describedby="token-hint"
        />
        <p id="token-hint" className="muted small">
          <code>control.token</code> of the plan decides, <code>control.viewerToken</code> watches.
        </p>
        <button type="submit" className="primary" disabled={waiting}>
          Sign in
        </button>
        {failure && (
          <p role="alert" className="note bad">
            {failure}
          </p>
        )}
      </form>
    </main>
  )
}

/** Out of the address, at once: what stays there is seen by whoever looks over a shoulder. */
function takeLink(): string | null {
  const { pathname, hash } = window.location
  if (pathname !== '/sign-in' || hash.length < 2) return null
  window.history.replaceState(null, '', '/sign-in')
  return hash.slice(1)
}
