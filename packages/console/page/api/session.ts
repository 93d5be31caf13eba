import { createContext, useContext } from 'react'
import type { SessionAnswer } from '../../src/session-schemas.ts'

export const SessionContext = createContext<SessionAnswer | null>(null)

/** Who is signed in. */
export function useSession(): SessionAnswer {
  const session = useContext(SessionContext)
  if (!session) throw new Error('nobody is signed in here')
  return session
}
