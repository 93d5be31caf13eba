import type { Pagination } from '../api/types.ts'

/** Goes from page to page of a list. */
export function Pages({ of, onPage }: { readonly of: Pagination; onPage(page: number): void }) {
  const { page, totalPages } = of
  if (totalPages <= 1) return null
  return (
    <nav className="pages" aria-label="Pages">
      <button type="button" disabled={page <= 1} onClick={() => onPage(page - 1)}>
        Previous
      </button>
      <span>
        Page {page} of {totalPages}
      </span>
      <button type="button" disabled={page >= totalPages} onClick={() => onPage(page + 1)}>
        Next
      </button>
    </nav>
  )
}
