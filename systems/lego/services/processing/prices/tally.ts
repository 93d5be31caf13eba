import type { EstimateFound, LotFound } from '../messages.ts'
import { writeAmount } from './amount.ts'
import { itemOf, type Numbers } from './items.ts'
import { type KeptPrice, keyOf } from './price-cache.ts'

/**
 * What lots cost at the average of what is offered: exactly, in ten-thousandths.
 *
 * @param prices by `keyOf`; what is not among them has not been asked for
 */
export function tally(
  lots: readonly LotFound[],
  numbers: Numbers,
  prices: ReadonlyMap<string, KeptPrice>,
): EstimateFound {
  let total = 0n
  let pricedLots = 0
  let shortLots = 0
  let oldest: Date | null = null
  const unpriced: EstimateFound['unpriced'] = {}
  for (const lot of lots) {
    const item = itemOf(lot, numbers)
    const price = typeof item === 'string' ? undefined : prices.get(keyOf(item))
    const average = price?.average ?? null
    if (!price || average === null) {
      const reason = typeof item === 'string' ? item : whyNone(price)
      unpriced[reason] = (unpriced[reason] ?? 0) + 1
      continue
    }
    pricedLots++
    total += average * BigInt(lot.quantity)
    if (price.offered < lot.quantity) shortLots++
    if (oldest === null || price.fetchedAt < oldest) oldest = price.fetchedAt
  }
  const oldestPriceAt = oldest?.toISOString() ?? null
  return {
    total: writeAmount(total),
    lots: lots.length,
    pricedLots,
    unpriced,
    shortLots,
    oldestPriceAt,
  }
}

function whyNone(price: KeptPrice | undefined) {
  if (!price) return 'NOT_ASKED_YET'
  return price.known ? 'NOT_OFFERED' : 'UNKNOWN_TO_BRICKLINK'
}
