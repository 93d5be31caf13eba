import type { UseQueryResult } from '@tanstack/react-query'
import { useState } from 'react'
import { Failure } from '../api/failure.ts'
import { AddFile } from '../mocs/add-file.tsx'
import type { PartsList } from '../mocs/use-moc.ts'
import { FailureNotice, Notice } from '../ui/notice.tsx'
import { Progress } from '../ui/progress.tsx'
import { ListRow } from './list-row.tsx'
import { needsOf, totalOf } from './need.ts'
import { PartsTable } from './parts-table.tsx'
import { useInventory } from './use-inventory.ts'

interface Props {
  readonly mocId: string
  readonly isMine: boolean
  readonly lists: UseQueryResult<PartsList[]>
  refresh(): Promise<unknown>
}

/** The parts of a MOC: what is needed of each, and what one has of it. */
export function PartsSection({ mocId, isMine, lists, refresh }: Props) {
  const { inventory, wanted, refusal, setHave } = useInventory(mocId)
  const [onlyMissing, setOnlyMissing] = useState(false)
  const hasInventory = inventory.isSuccess
  const needs = needsOf(lists.data ?? [], inventory.data ?? [], wanted)
  const total = totalOf(needs)
  const shown = onlyMissing && hasInventory ? needs.filter(({ missing }) => missing > 0) : needs
  return (
    <section aria-labelledby="parts">
      <div className="title-row">
        <h2 id="parts">Parts</h2>
        {isMine && (
          <AddFile
            mocId={mocId}
            kind="parts-list"
            label="Add a parts list"
            accept=".xml,.csv"
            refresh={refresh}
          />
        )}
      </div>
      <FailureNotice error={lists.error} retry={() => void lists.refetch()} />
      {lists.isPending && <p className="loading">Loading…</p>}
      {lists.data?.length === 0 && <p className="empty">No parts list yet.</p>}
      {lists.data && lists.data.length > 0 && (
        <>
          <ul className="lists">
            {lists.data.map((list) => (
              <ListRow
                key={list.id}
                byPart={!inventory.isError}
                {...{ mocId, list, isMine, refresh }}
              />
            ))}
          </ul>
          {inventory.isError && <NoInventory error={inventory.error} />}
          {hasInventory && (
            <Progress
              label="What you have of all parts"
              share={total.percent / 100}
              text={`${total.have.toLocaleString('en')} of ${total.need.toLocaleString('en')}, ${total.missing.toLocaleString('en')} missing`}
            />
          )}
          <FailureNotice error={refusal} title="That count was not saved" />
          {hasInventory && (
            <label className="check">
              <input
                type="checkbox"
                checked={onlyMissing}
                onChange={(event) => setOnlyMissing(event.target.checked)}
              />
              Only what is missing
            </label>
          )}
          {shown.length === 0 ? (
            <p className="empty">You have all of it.</p>
          ) : (
            <PartsTable needs={shown} onHave={hasInventory ? setHave : null} />
          )}
        </>
      )}
    </section>
  )
}

/** The parts are shown all the same: only what one has of each is not known. */
function NoInventory({ error }: { readonly error: unknown }) {
  const failure = error instanceof Failure ? error : null
  return (
    <Notice tone="warn" title="Your inventory cannot be reached at the moment">
      <p>You see which parts are needed, but not which of them you have.</p>
      {failure && (
        <p className="correlation">
          If you ask for help, name <code>{failure.correlationId}</code>
        </p>
      )}
    </Notice>
  )
}
