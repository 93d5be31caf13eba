import type { ExtractionStatus } from '@banyan/migration'
import type { Sample } from '@banyan/migration/sample'
import { useLiveState } from '../api/live.ts'
import { Chart, type Series } from '../ui/chart.tsx'
import { Panel } from '../ui/panel.tsx'
import { figure, ms, percent } from '../ui/text.ts'

const NONE: readonly Sample[] = []

/** How it went in the last quarter of an hour, as far as somebody measured. */
export function Charts({ status: { extraction, kind } }: { readonly status: ExtractionStatus }) {
  const samples = useLiveState().samples[extraction] ?? NONE
  const times = samples.map(({ at }) => at)
  const sides = (of: (recent: NonNullable<Sample['source']>) => number | null): Series[] => [
    { name: 'monolith', look: 'source', values: samples.map(({ source }) => source && of(source)) },
    { name: 'service', look: 'target', values: samples.map(({ target }) => target && of(target)) },
  ]
  return (
    <Panel title="Now and before" aside={<span className="muted">last 15 minutes</span>}>
      <div className="charts">
        <Chart
          {...{ times, show: figure, least: 1 }}
          title="Requests/s"
          series={sides(({ requestsPerSecond }) => requestsPerSecond)}
        />
        <Chart
          {...{ times, show: ms, least: 10 }}
          title="Latency, p95"
          series={sides(({ p95Ms }) => p95Ms)}
        />
        <Chart
          {...{ times, show: figure, least: 1 }}
          title="Errors/s"
          series={sides(({ errorsPerSecond }) => errorsPerSecond)}
        />
        <Chart
          {...{ times, show: percent, least: 100 }}
          title="Share of the service"
          series={[{ name: 'share', look: 'target', values: samples.map((one) => one.percent) }]}
        />
        {kind === 'tables' && (
          <>
            <Chart
              {...{ times, show: ms, least: 100 }}
              title="Lag"
              series={[
                { name: 'there', look: 'target', values: samples.map((one) => one.forwardLagMs) },
                { name: 'back', look: 'source', values: samples.map((one) => one.reverseLagMs) },
              ]}
            />
            <Chart
              {...{ times, show: figure, least: 1 }}
              title="Rows that differ"
              series={[
                { name: 'rows', look: 'target', values: samples.map((one) => one.divergent) },
              ]}
            />
          </>
        )}
      </div>
    </Panel>
  )
}
