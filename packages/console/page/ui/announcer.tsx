import { createContext, type ReactNode, useCallback, useContext, useState } from 'react'

const Announce = createContext<(text: string) => void>(() => {})

/** Says something to those who hear the page: what others see change, or move. */
export function useAnnounce(): (text: string) => void {
  return useContext(Announce)
}

/** The page's one live region; a second time the same text is said again. */
export function Announcer({ children }: { readonly children: ReactNode }) {
  const [said, setSaid] = useState({ text: '', times: 0 })
  const announce = useCallback((text: string) => {
    setSaid(({ times }) => ({ text, times: times + 1 }))
  }, [])
  return (
    <Announce.Provider value={announce}>
      {children}
      <div className="unseen" role="status" aria-live="polite">
        <span key={said.times}>{said.text}</span>
      </div>
    </Announce.Provider>
  )
}
