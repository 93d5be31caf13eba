import type { ReactNode } from 'react'
import { Link, useLocation } from 'wouter'
import { end, useSession } from './api/session.ts'

const PLACES = [
  { path: '/', name: 'MOCs' },
  { path: '/gallery', name: 'Gallery' },
  { path: '/wishlist', name: 'Wishlist' },
  { path: '/profile', name: 'Profile' },
]

/** What stands around every page. */
export function Shell({ children }: { readonly children: ReactNode }) {
  const { session } = useSession()
  const [location] = useLocation()
  const isHere = (path: string) =>
    path === '/' ? location === '/' || location.startsWith('/mocs') : location.startsWith(path)
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="top">
        <div className="top-inner">
          <Link href="/" className="name">
            <span className="mark" aria-hidden="true" />
            LEGO Projects
          </Link>
          {session && (
            <>
              <nav aria-label="Places">
                {PLACES.map(({ path, name }) => (
                  <Link key={path} href={path} aria-current={isHere(path) ? 'page' : undefined}>
                    {name}
                  </Link>
                ))}
              </nav>
              <div className="who">
                <span className="who-name">{session.user.email}</span>
                <button type="button" className="quiet" onClick={() => end('signed out')}>
                  Sign out
                </button>
              </div>
            </>
          )}
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </>
  )
}
