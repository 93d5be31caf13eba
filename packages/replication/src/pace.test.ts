import { describe, expect, it } from 'vitest'
import { paced } from './pace.ts'

/** True so often, then false; and how often it was asked. */
function times(n: number) {
  const asked = { count: 0 }
  return { asked, answer: () => ++asked.count <= n }
}

describe('work that is paced', () => {
  it('stands back while users are held, though somebody waits for it', async () => {
    const { asked, answer } = times(2)
    await paced({ share: () => 1, behind: () => true, held: answer })(0)
    expect(asked.count).toBe(3)
  })

  it('stands back for a stream that is behind, unless somebody waits for it', async () => {
    const idle = times(2)
    await paced({ share: () => 0.5, behind: idle.answer })(0)
    expect(idle.asked.count).toBe(3)
    const waited = times(2)
    await paced({ share: () => 1, behind: waited.answer })(0)
    expect(waited.asked.count).toBeLessThanOrEqual(1)
  })
})
