import type { Dashboard, Panel } from './dashboard.ts'

/** Every engine tells the same; the newest of them is meant. */
const of = (figure: string, more = '') =>
  `max by (extraction${more}) (banyan_extraction_${figure}{extraction=~"$extraction"})`
const lines = (
  title: string,
  unit: string,
  queries: Panel['queries'],
  more: Partial<Panel> = {},
): Panel => ({ title, kind: 'lines', unit, queries, ...more })

export const extractions: Dashboard = {
  name: 'extractions',
  title: 'Extractions',
  description: 'What moves: phase, share, lag, divergence, holds.',
  variables: [{ name: 'extraction', of: 'label_values(banyan_extraction_phase, extraction)' }],
  rows: [
    [
      {
        title: 'Phase',
        kind: 'states',
        unit: 'short',
        queries: [
          { expr: `${of('phase', ', phase')} == 1`, legend: '{{extraction}} {{phase}}' },
          { expr: of('paused'), legend: '{{extraction}} paused' },
          { expr: of('trouble'), legend: '{{extraction}} in trouble' },
        ],
      },
      lines('Share of the users at the target', 'percentunit', [
        { expr: of('target_share'), legend: '{{extraction}}' },
        { expr: of('goal_share'), legend: '{{extraction}} goal' },
      ]),
      lines('Copied', 'percentunit', [
        {
          expr: `${of('copied_rows')} / clamp_min(${of('copy_rows')}, 1)`,
          legend: '{{extraction}}',
        },
      ]),
    ],
    [
      lines(
        'Lag',
        's',
        [{ expr: of('stream_lag_seconds', ', stream'), legend: '{{extraction}} {{stream}}' }],
        { threshold: 60 },
      ),
      lines('Lag in bytes', 'bytes', [
        { expr: of('stream_lag_bytes', ', stream'), legend: '{{extraction}} {{stream}} behind' },
        { expr: of('stream_kept_bytes', ', stream'), legend: '{{extraction}} {{stream}} kept' },
      ]),
      lines('Rows that differ', 'short', [
        { expr: of('divergent_rows'), legend: '{{extraction}} differ' },
        { expr: of('verified_rows'), legend: '{{extraction}} compared' },
      ]),
    ],
    [
      lines('How long handovers held requests', 's', [
        { expr: of('hold_seconds', ', quantile'), legend: '{{extraction}} p{{quantile}}' },
      ]),
      lines('Handovers', 'short', [
        { expr: of('handovers', ', outcome'), legend: '{{extraction}} {{outcome}}' },
      ]),
      lines('Shadow: answers that differed', 'short', [
        { expr: of('shadow_differing'), legend: '{{extraction}} differing' },
        { expr: of('shadow_compared'), legend: '{{extraction}} compared' },
      ]),
    ],
    [
      lines('Writes that a guard refused', 'short', [
        { expr: of('refused_writes', ', side'), legend: '{{extraction}} {{side}}' },
      ]),
      lines('Leases of gateways', 's', [
        { expr: 'max by (gateway) (banyan_gateway_lease_seconds)', legend: '{{gateway}}' },
      ]),
      {
        title: 'Engines: 1 leads',
        kind: 'states',
        unit: 'short',
        queries: [{ expr: 'banyan_engine_leading', legend: '{{instance}}' }],
      },
    ],
  ],
}
