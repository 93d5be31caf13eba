import { useAnnounce } from '@banyan/console/announcer'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useRef, useState } from 'react'
import { Latest } from '../api/latest.ts'
import { ask, newId } from '../api/request.ts'
import type { Kept, Need } from './need.ts'

const PAGE = 200

/** Everything the Inventory keeps of a MOC, for the person who asks. */
async function loadKept(mocId: string, signal: AbortSignal): Promise<Kept[]> {
  const kept: Kept[] = []
  let cursor: string | null = null
  do {
    const query = new URLSearchParams({ sourceType: 'moc', sourceId: mocId, limit: String(PAGE) })
    if (cursor !== null) query.set('cursor', cursor)
    const page: { items: Kept[]; next: string | null } = await ask(
      ...(['GET', `/api/inventory/items?${query}`, undefined, { signal }] as const),
    )
    kept.push(...page.items)
    cursor = page.next
  } while (cursor !== null)
  return kept
}

/** What one has of the parts of a MOC, and the setting of it: shown at once, taken back when it is refused. */
export function useInventory(mocId: string) {
  const announce = useAnnounce()
  const queries = useQueryClient()
  const key = ['inventory', mocId]
  const inventory = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => loadKept(mocId, signal),
    retry: false,
  })
  /** What was wanted and is not confirmed, by the need's key. */
  const [wanted, setWanted] = useState<ReadonlyMap<string, number>>(new Map())
  const [refusal, setRefusal] = useState<unknown>(null)
  const senders = useRef(new Map<string, Latest<Wish>>())

  const send = async ({ need, count }: Wish) => {
    const sender = senders.current.get(need.key)!
    try {
      // As it is now, not as it was when it was clicked.
      const kept = keptOf(queries.getQueryData(key), need)
      const item = await keep(mocId, { ...need, kept }, count)
      queries.setQueryData<Kept[]>(key, (all = []) => [
        ...all.filter(({ id }) => id !== item.id),
        item,
      ])
    } catch (error) {
      sender.drop()
      setRefusal(error)
      await queries.invalidateQueries({ queryKey: key })
    }
    if (sender.hasNewer) return
    setWanted((before) => {
      const rest = new Map(before)
      rest.delete(need.key)
      return rest
    })
  }
  const setHave = (need: Need, count: number) => {
    setRefusal(null)
    announce(`${count} of ${need.need}`)
    setWanted((before) => new Map(before).set(need.key, count))
    let sender = senders.current.get(need.key)
    if (!sender) {
      sender = new Latest(send)
      senders.current.set(need.key, sender)
    }
    sender.ask({ need, count })
  }
  return { inventory, wanted, refusal, setHave }
}

interface Wish {
  readonly need: Need
  readonly count: number
}

function keptOf(all: Kept[] | undefined, { part, colorCode }: Need): Kept | null {
  return all?.find((item) => item.partNumber === part && item.colorCode === colorCode) ?? null
}

/** Has the Inventory keep so many of a part. @throws Failure */
async function keep(mocId: string, need: Need, count: number): Promise<Kept> {
  const { kept, part, colorCode } = need
  if (!kept) {
    const item = {
      source: { type: 'moc', id: mocId },
      ...{ name: part, partNumber: part, colorCode },
      ...{ totalCount: need.need, acquiredCount: count },
    }
    return ask<Kept>('POST', '/api/inventory/items', item, again())
  }
  const path = `/api/inventory/items/${kept.id}`
  let item = kept
  // A list more, and more is needed than when it was first kept.
  if (item.totalCount !== need.need && item.acquiredCount <= need.need) {
    item = await ask<Kept>('PATCH', path, { totalCount: need.need })
  }
  const more = count - item.acquiredCount
  return more === 0 ? item : ask<Kept>('POST', `${path}/acquired`, { count: more }, again())
}

/** So that it counts once, whoever sends it again on the way. */
function again() {
  return { headers: { 'idempotency-key': newId() } }
}
