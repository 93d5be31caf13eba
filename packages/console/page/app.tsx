import { QueryClientProvider } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { Redirect, Route, Switch } from 'wouter'
import type { SessionAnswer } from '../src/session-schemas.ts'
import { Live, LiveContext } from './api/live.ts'
import { changed, newQueries } from './api/queries.ts'
import { Failure, onSignedOut, readSession } from './api/request.ts'
import { SessionContext } from './api/session.ts'
import { ExtractionPage } from './extraction/extraction-page.tsx'
import { OverviewPage } from './overview/overview-page.tsx'
import { Shell } from './shell.tsx'
import { SignInPage } from './sign-in-page.tsx'
import { Announcer } from './ui/announcer.tsx'
import { PageHeading } from './ui/heading.tsx'

/** How long until the server is asked again who is signed in, when it does not answer, ms. */
const RETRY_MS = 1_000

type Known = SessionAnswer | null | 'asking'

export function App() {
  const [session, setSession] = useState<Known>('asking')
  useEffect(() => {
    onSignedOut(() => setSession(null))
    if (session !== 'asking') return
    let timer = 0
    const ask = () => {
      readSession().then(setSession, (error: Error) => {
        if (error instanceof Failure && error.status === 404) setSession(null)
        else timer = window.setTimeout(ask, RETRY_MS)
      })
    }
    ask()
    return () => window.clearTimeout(timer)
  }, [session])
  if (session === 'asking') return <p className="waiting">Waiting for the control plane …</p>
  return (
    <Announcer>
      {session === null ? (
        <SignInPage onSignedIn={setSession} />
      ) : (
        <Console session={session} onLeft={() => setSession(null)} />
      )}
    </Announcer>
  )
}

function Console({ session, onLeft }: { readonly session: SessionAnswer; onLeft(): void }) {
  const [queries] = useState(newQueries)
  const [live] = useState(
    () =>
      new Live({
        onChange: () => changed(queries),
        onRefused: () => {
          readSession().then(
            (still) => still === null && onLeft(),
            () => {
              // Away, not refused: the stream is tried again.
            },
          )
        },
      }),
  )
  useEffect(() => {
    live.open()
    return () => live.close()
  }, [live])
  return (
    <QueryClientProvider client={queries}>
      <SessionContext.Provider value={session}>
        <LiveContext.Provider value={live}>
          <Shell onLeft={onLeft}>
            <Switch>
              <Route path="/" component={OverviewPage} />
              <Route path="/extractions/:name">
                {({ name }) => <ExtractionPage key={name} name={decodeURIComponent(name)} />}
              </Route>
              <Route path="/sign-in">
                <Redirect to="/" replace />
              </Route>
              <Route>
                <PageHeading title="No such page">There is no such page</PageHeading>
              </Route>
            </Switch>
          </Shell>
        </LiveContext.Provider>
      </SessionContext.Provider>
    </QueryClientProvider>
  )
}
