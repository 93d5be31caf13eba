import { useEffect, useRef } from 'react'
import { Link } from 'wouter'
import { useLive, useLiveState } from '../api/live.ts'
import { readHistory, useSystem } from '../api/queries.ts'
import { ShareBar } from '../overview/system-map.tsx'
import { useAnnounce } from '../ui/announcer.tsx'
import { PageHeading } from '../ui/heading.tsx'
import { Unread } from '../ui/panel.tsx'
import { percent } from '../ui/text.ts'
import { Actions } from './actions.tsx'
import { Charts } from './charts.tsx'
import { CopyPanel } from './copy-panel.tsx'
import { Handovers } from './handovers.tsx'
import { LedgerPanel } from './ledger-panel.tsx'
import { NowPanel } from './now-panel.tsx'
import { PhaseBadge, PhaseTrack } from './phase.tsx'
import { PlanPanel } from './plan-panel.tsx'
import { ShadowPanel } from './shadow-panel.tsx'
import { TroublePanel } from './trouble-panel.tsx'
import { VerifyPanel } from './verify-panel.tsx'

/** Everything about one extraction, and what can be decided about it. */
export function ExtractionPage({ name }: { readonly name: string }) {
  const live = useLive()
  const { status } = useLiveState()
  const system = useSystem()
  const own = status?.extractions.find((one) => one.extraction === name)
  const planned = system.data?.extractions.find((one) => one.name === name)
  useEffect(() => {
    readHistory(name).then(
      (samples) => live.addHistory(name, samples),
      () => {
        // The charts begin now.
      },
    )
  }, [name, live])
  useSaid(
    own && `${own.phase}${own.paused ? ', paused' : ''}, ${percent(own.percent)} at the service`,
  )
  if (!status || (!system.data && !system.error)) return <p className="waiting">Waiting …</p>
  if (!own) {
    return (
      <>
        <PageHeading title="No such extraction">There is no extraction “{name}”</PageHeading>
        <p>
          <Link href="/">All extractions</Link>
        </p>
      </>
    )
  }
  return (
    <>
      <p className="crumb">
        <Link href="/">Overview</Link>
      </p>
      <div className="title">
        <PageHeading title={`${name}: ${own.phase}`}>{name}</PageHeading>
        <PhaseBadge status={own} />
        <div className="title-share">
          <ShareBar of={own.percent} goal={own.goal} />
        </div>
      </div>
      <Unread error={system.error} />
      {planned && <PhaseTrack status={own} planned={planned} />}
      <Actions status={own} />
      <div className="columns wide-left">
        <div className="column">
          <NowPanel status={own} />
          <Charts status={own} />
          {own.kind === 'tables' && <VerifyPanel status={own} />}
          <ShadowPanel status={own} />
        </div>
        <div className="column">
          {own.kind === 'tables' && <CopyPanel status={own} />}
          <Handovers status={own} />
          <TroublePanel name={name} />
          <PlanPanel name={name} planned={planned} />
        </div>
      </div>
      <div className="below">
        <LedgerPanel name={name} />
      </div>
    </>
  )
}

/** Says it when it has changed, not when the page opens. */
function useSaid(text: string | undefined): void {
  const announce = useAnnounce()
  const before = useRef<string | undefined>(undefined)
  useEffect(() => {
    if (before.current !== undefined && text !== undefined && text !== before.current) {
      announce(text)
    }
    before.current = text
  }, [text, announce])
}
