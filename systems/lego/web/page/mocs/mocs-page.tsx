import { keepPreviousData, useQuery } from '@tanstack/react-query'
import type { FormEvent } from 'react'
import { Link, useLocation, useSearchParams } from 'wouter'
import { ask } from '../api/request.ts'
import { type Hit, type MocSummary, type Pagination, THEMES } from '../api/types.ts'
import { FailureNotice } from '../ui/notice.tsx'
import { PageHeading } from '../ui/page-heading.tsx'
import { Pages } from '../ui/pages.tsx'
import { MocCard } from './moc-card.tsx'

const PAGE = 24

/** All MOCs, or those that are looked for; what is looked for stands in the address. */
export function MocsPage() {
  const [params] = useSearchParams()
  const [, go] = useLocation()
  const [q, theme] = [params.get('q') ?? '', params.get('theme') ?? '']
  const mine = params.get('mine') === 'true'
  const show = (change: Record<string, string>) => {
    const next = new URLSearchParams(params)
    next.delete('page')
    for (const [name, value] of Object.entries(change)) {
      if (value === '') next.delete(name)
      else next.set(name, value)
    }
    go(next.size > 0 ? `/?${next}` : '/')
  }
  const search = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    show({ q: String(new FormData(event.currentTarget).get('q')).trim() })
  }
  return (
    <>
      <div className="title-row">
        <PageHeading>MOCs</PageHeading>
        <Link href="/mocs/new" className="button primary">
          New MOC
        </Link>
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: <search> is not known to every browser yet. */}
      <form className="filters" role="search" onSubmit={search}>
        <label className="unseen" htmlFor="q">
          Search MOCs
        </label>
        <input
          key={q}
          id="q"
          name="q"
          type="search"
          placeholder="Castle, train…"
          defaultValue={q}
        />
        <button type="submit">Search</button>
        {q === '' && (
          <>
            <label className="unseen" htmlFor="theme">
              Theme
            </label>
            <select
              id="theme"
              value={theme}
              onChange={(event) => show({ theme: event.target.value })}
            >
              <option value="">All themes</option>
              {THEMES.map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
            <label className="check">
              <input
                type="checkbox"
                checked={mine}
                onChange={(event) => show({ mine: event.target.checked ? 'true' : '' })}
              />
              Only mine
            </label>
          </>
        )}
      </form>
      {q === '' ? (
        <AllMocs
          theme={theme}
          mine={mine}
          page={Number(params.get('page') ?? 1)}
          onPage={(page) => show({ page: String(page) })}
        />
      ) : (
        <FoundMocs q={q} onAll={() => show({ q: '' })} />
      )}
    </>
  )
}

interface AllMocsProps {
  readonly theme: string
  readonly mine: boolean
  readonly page: number
  onPage(page: number): void
}

function AllMocs({ theme, mine, page, onPage }: AllMocsProps) {
  const wanted = new URLSearchParams({ page: String(page), limit: String(PAGE) })
  if (theme !== '') wanted.set('theme', theme)
  if (mine) wanted.set('mine', 'true')
  const mocs = useQuery({
    queryKey: ['mocs', String(wanted)],
    queryFn: ({ signal }) =>
      ask<{ mocs: MocSummary[]; pagination: Pagination }>(
        ...(['GET', `/api/mocs?${wanted}`, undefined, { signal }] as const),
      ),
    placeholderData: keepPreviousData,
  })
  return (
    <>
      <FailureNotice error={mocs.error} retry={() => void mocs.refetch()} />
      {mocs.isPending && <p className="loading">Loading…</p>}
      {mocs.data?.mocs.length === 0 && (
        <p className="empty">
          {mine ? 'You have no MOCs here yet.' : 'There are no MOCs here yet.'}
        </p>
      )}
      <ul className="grid" aria-label="MOCs" aria-busy={mocs.isFetching}>
        {mocs.data?.mocs.map((moc) => (
          <MocCard key={moc.id} moc={moc} />
        ))}
      </ul>
      {mocs.data && <Pages of={mocs.data.pagination} onPage={onPage} />}
    </>
  )
}

function FoundMocs({ q, onAll }: { readonly q: string; onAll(): void }) {
  const found = useQuery({
    queryKey: ['search', q],
    queryFn: ({ signal }) =>
      ask<{ results: Hit[] }>(
        'GET',
        `/api/search?type=moc&limit=50&q=${encodeURIComponent(q)}`,
        undefined,
        { signal },
      ),
    // What is new is found a few seconds later.
    staleTime: 0,
  })
  const count = found.data?.results.length ?? 0
  return (
    <>
      <FailureNotice
        error={found.error}
        title="The search does not work at the moment"
        retry={() => void found.refetch()}
      />
      {found.isPending && <p className="loading">Searching…</p>}
      {found.data && (
        <p className="summary" role="status">
          <span>
            {count === 0 ? 'Nothing' : count} found for “{q}”
          </span>
          <button type="button" className="quiet" onClick={onAll}>
            Show all MOCs
          </button>
        </p>
      )}
      <ul className="hits" aria-label="Found">
        {found.data?.results.map(({ id, title, description }) => (
          <li key={id}>
            <Link href={`/mocs/${id}`}>{title}</Link>
            {description && <p className="muted">{description}</p>}
          </li>
        ))}
      </ul>
    </>
  )
}
