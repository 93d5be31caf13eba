import { dashed, singularOf } from '../new-service/words.ts'

/** How a table is called, in words: `public.OrderItems` and `public.order_items` are `order`, `item`. */
export interface Noun {
  /** All words, singular, joined by "-": what a path or a service calls it. */
  readonly whole: string
  /** What tables of one matter begin with. */
  readonly family: string
}

/** Tables of these names say who somebody is; what is theirs points here. */
const PEOPLE = new Set(
  'user account customer member person people profile tenant organization organisation org company team client owner author workspace'.split(
    ' ',
  ),
)

export function isPeople(word: string): boolean {
  return PEOPLE.has(word)
}

/** The words of a name, singular each; empty where it has no letters. */
export function wordsOf(name: string): string[] {
  return (dashed(name)?.split('-') ?? []).map(singularOf)
}

/**
 * Nouns of tables. A first word that more than half of four or more tables share (`app_`, `tbl_`) tells none from
 * another, and is left out.
 */
export function nounsOf(names: readonly string[]): Map<string, Noun> {
  const words = new Map(names.map((name) => [name, wordsOf(name)]))
  const common = commonFirst([...words.values()])
  return new Map(
    [...words].map(([name, all]) => {
      const own = all[0] === common && all.length > 1 ? all.slice(1) : all
      const kept = own.length > 0 ? own : [name.toLowerCase()]
      return [name, { whole: kept.join('-'), family: kept[0]! }]
    }),
  )
}

function commonFirst(all: readonly string[][]): string | null {
  const FEW = 4
  if (all.length < FEW) return null
  const first = all.filter((words) => words.length > 1).map((words) => words[0]!)
  return (
    [...new Set(first)].find(
      (word) => first.filter((one) => one === word).length > all.length / 2,
    ) ?? null
  )
}
