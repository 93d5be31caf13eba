import { type ReactNode, useEffect, useRef, useState } from 'react'
import { Link } from 'wouter'
import { useLiveState, useNow } from './api/live.ts'
import { signOut } from './api/request.ts'
import { useSession } from './api/session.ts'
import { useAnnounce } from './ui/announcer.tsx'
import { duration } from './ui/text.ts'
import { applyTheme, chosenTheme, THEMES, type Theme } from './ui/theme.ts'

const THEME_NAMES: Record<Theme, string> = { system: 'As the system', light: 'Light', dark: 'Dark' }

/** What stands around each page: where one is, whether it is live, who one is. */
export function Shell({ children, onLeft }: { readonly children: ReactNode; onLeft(): void }) {
  const { name, role } = useSession()
  const leave = () => signOut().finally(onLeft)
  return (
    <>
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <header className="top">
        <Link href="/" className="brand">
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d="M1 3h14v3H1z" />
            <path d="M2.5 6h2v8h-2zM7 6h2v8H7zM11.5 6h2v5h-2z" />
          </svg>
          Banyan
        </Link>
        <Heard />
        <div className="who">
          <ThemeChoice />
          <span className="who-name">
            {name} <span className="muted">{role}</span>
          </span>
          <button type="button" className="quiet" onClick={leave}>
            Sign out
          </button>
        </div>
      </header>
      <main id="main">{children}</main>
    </>
  )
}

function ThemeChoice() {
  const [theme, setTheme] = useState(chosenTheme)
  return (
    <select
      aria-label="Theme"
      value={theme}
      onChange={({ target }) => {
        const chosen = THEMES.find((one) => one === target.value) ?? 'system'
        setTheme(chosen)
        applyTheme(chosen)
      }}
    >
      {THEMES.map((one) => (
        <option key={one} value={one}>
          {THEME_NAMES[one]}
        </option>
      ))}
    </select>
  )
}

/** Whether what is shown is of now. */
function Heard() {
  const { connected, heardAt, status } = useLiveState()
  const now = useNow()
  const announce = useAnnounce()
  const before = useRef(connected)
  useEffect(() => {
    if (before.current === connected) return
    before.current = connected
    announce(connected ? 'Live again' : 'The control plane does not answer; trying again')
  }, [connected, announce])
  if (!connected) {
    const since = heardAt === null ? 'not heard yet' : `last heard ${ago(now, heardAt)}`
    return <p className="heard lost">Reconnecting; {since}</p>
  }
  const leading = status?.engine.active
  return (
    <p className="heard">
      <span className="dot" aria-hidden="true" />
      Live
      {status && (
        <span className="muted">
          {leading ? ` · ${leading} leads` : ' · no engine leads'}
          {leading && status.engine.role === 'standing by' && ` · ${status.engine.self} answers`}
        </span>
      )}
    </p>
  )
}

function ago(now: number, at: number): string {
  return `${duration((now - at) / 1000)} ago`
}
