/**
 * The order of a list that is dragged about: shown at once, settled when the server has it. Ids, first to last.
 */
export interface Order {
  /** As the server has it, by what it last said. */
  readonly settled: readonly string[]
  /** As the person sees it. */
  readonly shown: readonly string[]
}

export function orderOf(ids: readonly string[]): Order {
  return { settled: ids, shown: ids }
}

/** Whether what is shown waits for the server. */
export function isUnsettled({ settled, shown }: Order): boolean {
  return settled.length !== shown.length || shown.some((id, at) => id !== settled[at])
}

/** With the item at another place, counted from 0; what is beyond an end is that end. */
export function moved(order: Order, id: string, to: number): Order {
  const from = order.shown.indexOf(id)
  const place = Math.max(0, Math.min(to, order.shown.length - 1))
  if (from === -1 || from === place) return order
  const shown = order.shown.filter((one) => one !== id)
  shown.splice(place, 0, id)
  return { ...order, shown }
}

/** The server refused: everything as it was. */
export function takenBack({ settled }: Order): Order {
  return orderOf(settled)
}

/** The server has taken what is shown. */
export function settledAs(order: Order, ids: readonly string[]): Order {
  return { ...order, settled: ids }
}

/**
 * The server has said what there is. What somebody is about to move stays where they put it; what is gone is gone, and
 * what is new stands at the end: as the server itself reads an order that came before.
 */
export function refreshed(order: Order, ids: readonly string[]): Order {
  if (!isUnsettled(order)) return orderOf(ids)
  const there = new Set(ids)
  const kept = order.shown.filter((id) => there.has(id))
  const known = new Set(kept)
  return { settled: ids, shown: [...kept, ...ids.filter((id) => !known.has(id))] }
}
