import { describe, expect, it } from 'vitest'
import { Latest } from './latest.ts'

/** Each is under way until its `go` is called. */
function slowly() {
  const sent: { wanted: string; go(): void }[] = []
  const latest = new Latest<string>(
    (wanted) => new Promise((go) => sent.push({ wanted, go: () => go() })),
  )
  const names = () => sent.map(({ wanted }) => wanted)
  const step = async () => {
    sent.at(-1)!.go()
    await new Promise((resolve) => setTimeout(resolve))
  }
  return { latest, names, step }
}

describe('sending what is wanted by now', () => {
  it('sends the newest after the one under way, and passes over those between', async () => {
    const { latest, names, step } = slowly()
    for (const wanted of ['a', 'b', 'c']) latest.ask(wanted)
    expect([names(), latest.hasNewer]).toEqual([['a'], true])
    await step()
    expect([names(), latest.hasNewer]).toEqual([['a', 'c'], false])
    await step()
    latest.ask('d')
    expect(names()).toEqual(['a', 'c', 'd'])
  })

  it('does not send what was dropped', async () => {
    const { latest, names, step } = slowly()
    latest.ask('a')
    latest.ask('b')
    latest.drop()
    await step()
    expect(names()).toEqual(['a'])
    latest.ask('c')
    expect(names()).toEqual(['a', 'c'])
  })
})
