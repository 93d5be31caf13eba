import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { Failure } from '../api/failure.ts'
import { pauseBefore } from '../api/polling.ts'
import { ask } from '../api/request.ts'
import type { Creation, Moc, MocFile, PartsListSummary, StoredFile } from '../api/types.ts'
import type { ListOfParts } from '../parts/need.ts'

/** How often it is asked how far a creation has come: what takes longer is seen when the page is opened again. */
const MOST_LOOKS = 60

export interface PartsList extends PartsListSummary, ListOfParts {}

/** What the service says of a MOC that came with its files; null from the monolith, and of any other MOC. */
async function orNothing<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof Failure && error.status === 404) return null
    throw error
  }
}

/** A MOC and what belongs to it, each loaded by itself: what cannot be had hides nothing else. */
export function useMoc(id: string, me: string | undefined) {
  const queries = useQueryClient()
  const base = `/api/mocs/${id}`
  const moc = useQuery({
    queryKey: ['moc', id],
    queryFn: ({ signal }) => ask<Moc>('GET', base, undefined, { signal }),
  })
  const isMine = moc.data !== undefined && moc.data.userId === me
  const lists = useQuery({
    queryKey: ['moc', id, 'lists'],
    queryFn: async ({ signal }) => {
      const asking = { signal }
      const { partsLists } = await ask<{ partsLists: PartsListSummary[] }>(
        ...(['GET', `${base}/parts-lists`, undefined, asking] as const),
      )
      return Promise.all(
        partsLists.map((list) =>
          ask<PartsList>('GET', `${base}/parts-lists/${list.id}`, undefined, asking),
        ),
      )
    },
  })
  const files = useQuery({
    queryKey: ['moc', id, 'files'],
    queryFn: async ({ signal }) =>
      (await ask<{ files: MocFile[] }>('GET', `${base}/files`, undefined, { signal })).files,
  })
  // Nobody reads what could not be handed over.
  const isIncomplete = useRef(false)
  const stored = useQuery({
    queryKey: ['moc', id, 'stored files'],
    queryFn: async ({ signal }) =>
      (
        await orNothing(
          ask<{ files: StoredFile[] }>('GET', `${base}/stored-files`, undefined, { signal }),
        )
      )?.files ?? [],
    refetchInterval: ({ state: { data, dataUpdateCount } }) =>
      isReading(data) && !isIncomplete.current && dataUpdateCount < MOST_LOOKS
        ? pauseBefore(dataUpdateCount)
        : false,
  })
  const creation = useQuery({
    queryKey: ['moc', id, 'creation'],
    queryFn: ({ signal }) =>
      orNothing(ask<Creation>('GET', `${base}/creation`, undefined, { signal })),
    enabled: isMine,
    refetchInterval: ({ state: { data, dataUpdateCount } }) =>
      data?.status === 'creating' && dataUpdateCount < MOST_LOOKS
        ? pauseBefore(dataUpdateCount)
        : false,
  })
  isIncomplete.current = creation.data?.status === 'incomplete'
  const read = stored.data?.filter(({ reading }) => reading === 'read').length ?? 0
  // A list that has been read since is a list of the MOC, and counts in its pieces.
  useEffect(() => {
    if (read === 0) return
    void queries.invalidateQueries({ queryKey: ['moc', id, 'lists'] })
    void queries.invalidateQueries({ queryKey: ['moc', id], exact: true })
  }, [read, id, queries])
  const refresh = () =>
    Promise.all([
      queries.invalidateQueries({ queryKey: ['moc', id] }),
      queries.invalidateQueries({ queryKey: ['mocs'] }),
    ])
  return { moc, isMine, lists, files, stored, creation, refresh }
}

function isReading(files: readonly StoredFile[] | undefined): boolean {
  return files?.some(({ reading }) => reading === 'waiting') ?? false
}
