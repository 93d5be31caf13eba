/** One lot of a parts list, as the list's file has it. */
export interface Lot {
  readonly part: string
  readonly color: number | null
  readonly spare: boolean
  readonly quantity: number
}

export interface ListOfParts {
  readonly id: string
  readonly format: string
  readonly parts: readonly Lot[]
}

/** What the Inventory keeps of a part of a MOC. */
export interface Kept {
  readonly id: string
  readonly partNumber: string | null
  readonly colorCode: string | null
  readonly totalCount: number
  readonly acquiredCount: number
}

/** A part in a colour, over all lists of a MOC. */
export interface Need {
  readonly key: string
  readonly part: string
  readonly color: number | null
  readonly format: string
  /** As the Inventory knows the colour. */
  readonly colorCode: string | null
  readonly need: number
  /** Pieces that lie beside: not needed to build it. */
  readonly spare: number
  readonly have: number
  readonly missing: number
  /** The Inventory's item; null where it keeps none yet. */
  readonly kept: Kept | null
}

/**
 * What is needed and what is there, in the order in which parts are first named. Colour numbers mean what the format of
 * their list means by them, so lists of different formats are not added up.
 *
 * @param wanted what somebody has just set, by key; it counts before the Inventory has it
 */
export function needsOf(
  lists: readonly ListOfParts[],
  kept: readonly Kept[],
  wanted: ReadonlyMap<string, number> = new Map(),
): Need[] {
  const keptBy = new Map(kept.map((item) => [keyOf(item.partNumber, item.colorCode), item]))
  const sums = new Map<string, { lot: Lot; format: string; need: number; spare: number }>()
  for (const { format, parts } of lists) {
    for (const lot of parts) {
      const key = keyOf(lot.part, codeOf(format, lot.color))
      const sum = sums.get(key) ?? { lot, format, need: 0, spare: 0 }
      if (lot.spare) sum.spare += lot.quantity
      else sum.need += lot.quantity
      sums.set(key, sum)
    }
  }
  return [...sums].map(([key, { lot, format, need, spare }]) => {
    const item = keptBy.get(key) ?? null
    const have = wanted.get(key) ?? item?.acquiredCount ?? 0
    return {
      ...{ key, part: lot.part, color: lot.color, format, colorCode: codeOf(format, lot.color) },
      ...{ need, spare, have, missing: Math.max(0, need - have), kept: item },
    }
  })
}

export interface Total {
  readonly need: number
  readonly have: number
  readonly missing: number
  /** 0 to 100, rounded down: 100 is all of it. */
  readonly percent: number
}

/** What one has too much of one part does not make up for another. */
export function totalOf(needs: readonly Need[]): Total {
  const need = needs.reduce((sum, one) => sum + one.need, 0)
  const missing = needs.reduce((sum, one) => sum + one.missing, 0)
  const have = need - missing
  return { need, have, missing, percent: need === 0 ? 100 : Math.floor((have / need) * 100) }
}

/** What somebody typed or clicked, as a count there can be of this part. */
export function countWithin({ need }: Pick<Need, 'need'>, wanted: number): number {
  if (!Number.isFinite(wanted)) return 0
  return Math.max(0, Math.min(Math.trunc(wanted), need))
}

/** `bricklink:11`, `rebrickable:0`: a number alone would be two colours. */
function codeOf(format: string, color: number | null): string | null {
  return color === null ? null : `${format.split('-')[0]}:${color}`
}

function keyOf(part: string | null, colorCode: string | null): string {
  return `${part ?? ''} ${colorCode ?? ''}`
}
