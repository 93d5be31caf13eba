import { useAnnounce } from '@banyan/console/announcer'
import { useRef, useState } from 'react'
import type { Stage } from './create-moc.ts'

/** Progress is read out when it has come further by this, %: more often nobody wants to hear. */
const STEP = 25

/** How far something has come, shown and, in larger steps, read out. */
export function useStage() {
  const announce = useAnnounce()
  const [stage, setStage] = useState<Stage | null>(null)
  const said = useRef('')
  const show = (next: Stage | null) => {
    setStage(next)
    if (!next) return
    const share = next.share === null ? '' : ` ${Math.floor((next.share * 100) / STEP) * STEP} %`
    const text = next.what + share
    if (text !== said.current) announce(text)
    said.current = text
  }
  return [stage, show] as const
}
