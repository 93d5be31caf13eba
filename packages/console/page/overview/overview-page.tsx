import { useLiveState } from '../api/live.ts'
import { useLedger, useSystem } from '../api/queries.ts'
import { Entries } from '../extraction/entries.tsx'
import { PageHeading } from '../ui/heading.tsx'
import { Panel, Unread } from '../ui/panel.tsx'
import { Gateways } from './gateways.tsx'
import { SystemMapView } from './system-map.tsx'

const NEWEST = 12

/** All that moves, who owns what share, and what happened last. */
export function OverviewPage() {
  const { status } = useLiveState()
  const system = useSystem()
  const newest = useLedger({ kind: 'decision', limit: NEWEST })
  return (
    <>
      <PageHeading title="Overview">Overview</PageHeading>
      {status?.retired && (
        <p className="note">The monolith is retired: the gateways send nothing to it.</p>
      )}
      <Unread error={system.error} />
      {status && system.data && <SystemMapView system={system.data} status={status} />}
      <div className="columns">
        <Panel title="Newest decisions">
          <Unread error={newest.error} />
          {newest.data && <Entries entries={newest.data} named />}
        </Panel>
        <Panel title="Gateways">{status && <Gateways gateways={status.gateways} />}</Panel>
      </div>
    </>
  )
}
