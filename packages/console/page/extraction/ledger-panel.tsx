import { useDeferredValue, useId, useState } from 'react'
import { ENTRIES, useChain, useLedger } from '../api/queries.ts'
import { Panel, Unread } from '../ui/panel.tsx'
import { Entries } from './entries.tsx'

const KINDS = ['decision', 'fact', 'intent'] as const
type Kind = (typeof KINDS)[number]

/** Decisions and steps, newest first, by what stands in them. */
export function LedgerPanel({ name }: { readonly name: string }) {
  const id = useId()
  const [text, setText] = useState('')
  const [kind, setKind] = useState<Kind | ''>('')
  const [limit, setLimit] = useState(ENTRIES)
  const wanted = useDeferredValue(text.trim())
  const ledger = useLedger({
    ...{ extraction: name, text: wanted, limit },
    ...(kind === '' ? {} : { kind }),
  })
  const chain = useChain()
  return (
    <Panel
      title="Ledger"
      aside={
        chain.data !== undefined && (
          <span className={chain.data ? 'muted' : 'bad-text'}>
            {chain.data ? 'hash chain holds' : 'the hash chain is broken'}
          </span>
        )
      }
    >
      <div className="search">
        <label htmlFor={id}>Search</label>
        <input
          id={id}
          type="search"
          value={text}
          placeholder="who, what, why"
          onChange={({ target }) => setText(target.value)}
        />
        <select
          aria-label="Kind of entries"
          value={kind}
          onChange={({ target }) => setKind(KINDS.find((one) => one === target.value) ?? '')}
        >
          <option value="">everything</option>
          {KINDS.map((one) => (
            <option key={one} value={one}>
              {one}s
            </option>
          ))}
        </select>
      </div>
      <Unread error={ledger.error} />
      {ledger.data && <Entries entries={ledger.data} />}
      {ledger.data && ledger.data.length >= limit && limit < 500 && (
        <button type="button" onClick={() => setLimit(Math.min(500, limit + 4 * ENTRIES))}>
          Older entries
        </button>
      )}
    </Panel>
  )
}
