import { useSyncExternalStore } from 'react'

export interface Session {
  readonly token: string
  readonly user: { readonly id: string; readonly email: string; readonly roles: readonly string[] }
}

/** Why there is no session: nobody signed in, or it came to its end. */
export type Ending = 'none' | 'signed out' | 'expired'

interface State {
  readonly session: Session | null
  readonly ending: Ending
}

/** Ends with the tab, and survives a reload. What runs here is only what the policy of the page lets run. */
const KEY = 'lego.session'

let state: State = { session: stored(), ending: 'none' }
const listeners = new Set<() => void>()

export function useSession(): State {
  return useSyncExternalStore(subscribe, () => state)
}

export function currentToken(): string | null {
  return state.session?.token ?? null
}

export function begin(session: Session): void {
  sessionStorage.setItem(KEY, JSON.stringify(session))
  set({ session, ending: 'none' })
}

export function end(ending: Exclude<Ending, 'none'>): void {
  sessionStorage.removeItem(KEY)
  set({ session: null, ending })
}

function set(next: State): void {
  state = next
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

function stored(): Session | null {
  try {
    const text = sessionStorage.getItem(KEY)
    return text === null ? null : (JSON.parse(text) as Session)
  } catch {
    return null
  }
}
