import { between, chance, pick, type Random, several } from './random.ts'
import type { Make } from './structures.ts'

/** An array of any shape: empty, NULLs, up to three dimensions, bounds that do not begin at 1. */
export function array(random: Random, element: Make, delimiter = ','): string {
  if (chance(random, 0.1)) return '{}'
  const shape = pick(random, [[1], [3], [between(random, 1, 8)], [2, 2], [1, 3], [2, 1, 2]])
  const bounds = chance(random, 0.3)
    ? `${shape
        .map((length) => {
          const lower = between(random, -3, 4)
          return `[${lower}:${lower + length - 1}]`
        })
        .join('')}=`
    : ''
  const level = (left: readonly number[]): string =>
    left.length === 0
      ? item(random, element)
      : `{${several(random, left[0]!, left[0]!, () => level(left.slice(1))).join(delimiter)}}`
  return bounds + level(shape)
}

function item(random: Random, element: Make): string {
  if (chance(random, 0.12)) return 'NULL'
  return `"${element(random).replace(/["\\]/g, '\\$&')}"`
}

/** A row of these fields, some of them NULL. */
export function composite(random: Random, fields: readonly Make[]): string {
  const parts = fields.map((make) =>
    chance(random, 0.15) ? '' : `"${make(random).replace(/["\\]/g, '$&$&')}"`,
  )
  return `(${parts.join(',')})`
}

/** A lower and a higher end. */
export type Ends = (random: Random) => readonly [string, string]

export function range(random: Random, ends: Ends): string {
  if (chance(random, 0.08)) return 'empty'
  const [low, high] = ends(random)
  const bound = (value: string) =>
    chance(random, 0.12) ? '' : `"${value.replace(/["\\]/g, '$&$&')}"`
  return `${pick(random, ['[', '('])}${bound(low)},${bound(high)}${pick(random, [']', ')'])}`
}

export function multirange(random: Random, ends: Ends): string {
  return `{${several(random, 0, 4, () => range(random, ends)).join(',')}}`
}
