import { useAnnounce } from '@banyan/console/announcer'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useMemo, useRef, useState } from 'react'
import { Latest } from '../api/latest.ts'
import { watch } from '../api/polling.ts'
import { ask } from '../api/request.ts'
import type { Pagination, WishlistItem } from '../api/types.ts'
import { moved, type Order, orderOf, refreshed, settledAs, takenBack } from './order.ts'

const KEY = ['wishlist']
const PAGE = 100
/** The server applies an order after 5 s at most; after this nobody knows any more, ms. */
const PATIENCE_MS = 15_000

/** All of it: a new order must name every item. */
async function loadWishlist(signal: AbortSignal): Promise<WishlistItem[]> {
  const items = new Map<string, WishlistItem>()
  for (let page = 1, pages = 1; page <= pages; page++) {
    const path = `/api/wishlist?limit=${PAGE}&page=${page}`
    const answer = await ask<{ items: WishlistItem[]; pagination: Pagination }>(
      ...(['GET', path, undefined, { signal }] as const),
    )
    for (const item of answer.items) items.set(item.id, item)
    pages = answer.pagination.totalPages
  }
  return [...items.values()]
}

export type Saving = 'saved' | 'saving' | 'refused' | null

/** The person's wishlist, in the order that they see, and what can be done with it. */
export function useWishlist() {
  const announce = useAnnounce()
  const queries = useQueryClient()
  const list = useQuery({ queryKey: KEY, queryFn: ({ signal }) => loadWishlist(signal) })
  const [order, setOrder] = useState<Order>(orderOf([]))
  const [saving, setSaving] = useState<Saving>(null)
  const [refusal, setRefusal] = useState<unknown>(null)
  const refresh = () => queries.invalidateQueries({ queryKey: KEY })

  useEffect(() => {
    const items = list.data
    if (items)
      setOrder((current) =>
        refreshed(
          current,
          items.map(({ id }) => id),
        ),
      )
  }, [list.data])

  const sending = useRef<Latest<readonly string[]>>(null)
  sending.current ??= new Latest(async (itemIds) => {
    try {
      await ask('POST', '/api/wishlist/reorder/debounced', { itemIds })
      await applied(() => sending.current!.hasNewer)
      if (sending.current!.hasNewer) return
      setOrder((current) => settledAs(current, itemIds))
      setSaving('saved')
    } catch (error) {
      // The next one says how it ends.
      if (sending.current!.hasNewer) return
      setOrder(takenBack)
      setRefusal(error)
      setSaving('refused')
      announce('The new order could not be saved; the list is as it was before')
    }
    await refresh()
  })

  const items = useMemo(() => {
    const byId = new Map(list.data?.map((item) => [item.id, item]))
    return order.shown.flatMap((id) => byId.get(id) ?? [])
  }, [order.shown, list.data])

  const move = (id: string, to: number) => {
    const next = moved(order, id, to)
    if (next === order) return
    setOrder(next)
    setRefusal(null)
    setSaving('saving')
    sending.current!.ask(next.shown)
    const place = next.shown.indexOf(id) + 1
    announce(`${titleOf(items, id)} is now ${place} of ${next.shown.length}`)
  }

  const add = useMutation({
    mutationFn: (item: object) => ask<WishlistItem>('POST', '/api/wishlist', item),
    onSuccess: ({ title }) => {
      announce(`${title} is on your wishlist`)
      return refresh()
    },
  })
  const change = useMutation({
    mutationFn: ({ id, ...rest }: { id: string; isAcquired: boolean }) =>
      ask<WishlistItem>('PATCH', `/api/wishlist/${id}`, rest),
    onMutate: ({ id, isAcquired }) => {
      const before = queries.getQueryData<WishlistItem[]>(KEY)
      queries.setQueryData<WishlistItem[]>(KEY, (now) =>
        now?.map((item) => (item.id === id ? { ...item, isAcquired } : item)),
      )
      return { before }
    },
    onError: (_error, _given, context) => queries.setQueryData(KEY, context?.before),
    onSettled: refresh,
  })
  const remove = useMutation({
    mutationFn: ({ id }: WishlistItem) => ask('DELETE', `/api/wishlist/${id}`),
    onSuccess: (_answer, { title }) => announce(`${title} is off your wishlist`),
    onSettled: refresh,
  })
  return { list, items, saving, refusal, move, add, change, remove }
}

/** Resolves when the server has applied what waits, or `superseded` says that nobody needs to know. */
async function applied(superseded: () => boolean): Promise<void> {
  await watch(
    () => ask<{ pending: boolean }>('GET', '/api/wishlist/reorder/status'),
    ({ pending }) => !pending || superseded(),
    { patienceMs: PATIENCE_MS },
  )
}

function titleOf(items: readonly WishlistItem[], id: string): string {
  return items.find((item) => item.id === id)?.title ?? 'It'
}
