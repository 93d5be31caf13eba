import type { Client, Observation, Random, Step } from '@banyan/lab'
import { read } from './steps.ts'
import type { Worker } from './wisher.ts'

/** A user who looks at what parts lists hold, before any becomes a MOC's: each answer is held against the list. */
export class Parser implements Client {
  readonly user: string
  readonly headers: Readonly<Record<string, string>>

  constructor(person: Worker) {
    this.user = person.id
    this.headers = { authorization: `Bearer ${person.token}` }
  }

  next(random: Random): Step {
    const lots = Array.from({ length: 1 + random.below(40) }, (_, i) => ({
      part: String(3001 + i),
      color: random.below(20),
      quantity: 1 + random.below(99),
    }))
    const [fileName, content] = random.next() < 0.5 ? csvOf(lots) : xmlOf(lots)
    const pieces = lots.reduce((sum, { quantity }) => sum + quantity, 0)
    const expected = `${lots.length} lots, ${pieces} pieces`
    return {
      ...read('parse', '/api/parts-lists/parse'),
      method: 'POST',
      body: { fileName, content },
      conclude: (outcome, answer) => {
        if (outcome !== 'acknowledged') return {}
        const { lotCount, pieceCount } = answer!.body as { lotCount: number; pieceCount: number }
        const found = `${lotCount} lots, ${pieceCount} pieces`
        if (found === expected) return {}
        // Nobody ever wrote such a thing: the checker calls it stale, and shows it.
        const wrong: Observation = { entity: 'parts list', value: `${found} of ${expected}` }
        return { reads: [wrong] }
      },
    }
  }
}

interface ListedLot {
  readonly part: string
  readonly color: number
  readonly quantity: number
}

function csvOf(lots: readonly ListedLot[]): [fileName: string, content: string] {
  const lines = lots.map(({ part, color, quantity }) => `${part},${color},${quantity},False`)
  return ['list.csv', ['Part,Color,Quantity,Is Spare', ...lines].join('\n')]
}

function xmlOf(lots: readonly ListedLot[]): [fileName: string, content: string] {
  const items = lots.map(
    ({ part, color, quantity }) =>
      `<ITEM><ITEMTYPE>P</ITEMTYPE><ITEMID>${part}</ITEMID><COLOR>${color}</COLOR><MINQTY>${quantity}</MINQTY></ITEM>`,
  )
  return ['list.xml', `<INVENTORY>${items.join('')}</INVENTORY>`]
}
