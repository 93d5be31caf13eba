import { Announcer } from '@banyan/console/announcer'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { useEffect } from 'react'
import { Redirect, Route, Switch } from 'wouter'
import { Failure } from './api/failure.ts'
import { useSession } from './api/session.ts'
import { GalleryPage } from './gallery/gallery-page.tsx'
import { MocPage } from './mocs/moc-page.tsx'
import { MocsPage } from './mocs/mocs-page.tsx'
import { NewMocPage } from './mocs/new-moc-page.tsx'
import { ProfilePage } from './profile/profile-page.tsx'
import { Shell } from './shell.tsx'
import { SignInPage } from './sign-in-page.tsx'
import { PageHeading } from './ui/page-heading.tsx'
import { WishlistPage } from './wishlist/wishlist-page.tsx'

/** Reads are asked again this often when the way to them is shut for a moment. */
const TRIES = 3
const FIRST_WAIT_MS = 300

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (failures, error) => failures < TRIES && error instanceof Failure && error.passing,
      retryDelay: (failures, error) =>
        Math.max(
          FIRST_WAIT_MS * 2 ** failures,
          (error instanceof Failure && error.retryAfterMs) || 0,
        ),
      staleTime: 5_000,
    },
    // Whether a write that was not answered was done, only a look can tell.
    mutations: { retry: false },
  },
})

export function App() {
  const { session } = useSession()
  const user = session?.user.id ?? null
  // What one person saw, the next must not.
  useEffect(() => {
    if (user === null) queries.clear()
  }, [user])

  return (
    <QueryClientProvider client={queries}>
      <Announcer>
        <Shell>{session === null ? <SignInPage /> : <Pages />}</Shell>
      </Announcer>
    </QueryClientProvider>
  )
}

function Pages() {
  return (
    <Switch>
      <Route path="/" component={MocsPage} />
      <Route path="/mocs/new" component={NewMocPage} />
      <Route path="/mocs/:id">{({ id }) => <MocPage key={id} id={id} />}</Route>
      <Route path="/gallery" component={GalleryPage} />
      <Route path="/wishlist" component={WishlistPage} />
      <Route path="/profile" component={ProfilePage} />
      <Route path="/sign-in">
        <Redirect to="/" replace />
      </Route>
      <Route>
        <PageHeading>There is no such page</PageHeading>
        <p>The address may be old, or have a typing error in it.</p>
      </Route>
    </Switch>
  )
}
