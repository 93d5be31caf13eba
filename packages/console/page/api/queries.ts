import type {
  ActionPreview,
  DurableTrouble,
  LedgerEntry,
  StepPreview,
  SystemMap,
  Why,
} from '@banyan/migration'
import type { Sample } from '@banyan/migration/sample'
import { keepPreviousData, QueryClient, useQuery } from '@tanstack/react-query'
import { read } from './request.ts'

/** A page of the ledger. */
export const ENTRIES = 25
/** What no entry of the ledger tells of (a gate that nears its bound, a letter that dies) is asked for this often, ms. */
const OFTEN_MS = 5_000

export function newQueries(): QueryClient {
  return new QueryClient({
    defaultOptions: { queries: { retry: 2, retryDelay: 500, refetchOnWindowFocus: false } },
  })
}

/** What a step or a decision may have changed. */
export function changed(queries: QueryClient): void {
  for (const of of ['why', 'actions', 'ledger', 'chain', 'system']) {
    void queries.invalidateQueries({ queryKey: [of] })
  }
}

export function useSystem() {
  return useQuery({ queryKey: ['system'], queryFn: () => read<SystemMap>('/system') })
}

export function useWhy(name: string) {
  return useQuery({
    queryKey: ['why', name],
    queryFn: () => read<Why>(`${pathOf(name)}/why`),
    refetchInterval: OFTEN_MS,
    placeholderData: keepPreviousData,
  })
}

export function useActions(name: string) {
  return useQuery({
    queryKey: ['actions', name],
    queryFn: async () =>
      (await read<{ actions: readonly ActionPreview[] }>(`${pathOf(name)}/actions`)).actions,
    placeholderData: keepPreviousData,
  })
}

export function usePlan(name: string) {
  return useQuery({
    queryKey: ['plan', name],
    queryFn: async () =>
      (await read<{ steps: readonly StepPreview[] }>(`${pathOf(name)}/plan`)).steps,
    staleTime: 60_000,
  })
}

export function useTrouble(name: string) {
  return useQuery({
    queryKey: ['durable', name],
    queryFn: () => read<DurableTrouble>(`${pathOf(name)}/durable`),
    refetchInterval: 2 * OFTEN_MS,
  })
}

export async function readHistory(name: string): Promise<readonly Sample[]> {
  return (await read<{ samples: readonly Sample[] }>(`${pathOf(name)}/history`)).samples
}

export interface LedgerQuery {
  /** Undefined: of all. */
  readonly extraction?: string
  readonly text?: string
  /** Undefined: of all kinds. */
  readonly kind?: LedgerEntry['kind']
  readonly limit: number
}

export function useLedger({ extraction, kind, text, limit }: LedgerQuery) {
  const query = new URLSearchParams({
    limit: String(limit),
    ...(extraction === undefined ? {} : { extraction }),
    ...(kind === undefined ? {} : { kind }),
    ...(text ? { text } : {}),
  })
  return useQuery({
    queryKey: ['ledger', extraction, kind, text, limit],
    queryFn: async () =>
      (await read<{ entries: readonly LedgerEntry[] }>(`/ledger/search?${query}`)).entries,
    placeholderData: keepPreviousData,
  })
}

/** Whether the hash chain of the whole ledger holds. */
export function useChain() {
  return useQuery({
    queryKey: ['chain'],
    // Entries after the last there can be: none, and the verdict.
    queryFn: async () =>
      (await read<{ verified: boolean }>(`/ledger?after=${Number.MAX_SAFE_INTEGER}`)).verified,
    staleTime: 30_000,
  })
}

export function pathOf(name: string): string {
  return `/extractions/${encodeURIComponent(name)}`
}
