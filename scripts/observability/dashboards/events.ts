import type { Dashboard } from './dashboard.ts'

const OF = 'service=~"$service"'
/** Each process of a service tells what stands in the tables of all of them. */
const ofTables = (metric: string, more = '') => `max by (service${more}) (${metric}{${OF}})`

export const events: Dashboard = {
  name: 'events',
  title: 'Events and sagas',
  description: 'Outbox, bus, inbox, dead letters, sagas and background work of each service.',
  variables: [{ name: 'service', of: 'label_values(outbox_messages, service)' }],
  rows: [
    [
      {
        title: 'Outbox, messages',
        kind: 'lines',
        unit: 'short',
        queries: [{ expr: ofTables('outbox_messages'), legend: '{{service}}' }],
      },
      {
        title: 'Outbox, oldest',
        kind: 'lines',
        unit: 's',
        threshold: 60,
        queries: [{ expr: ofTables('outbox_oldest_seconds'), legend: '{{service}}' }],
      },
      {
        title: 'Backlog of reactions, kept by the bus',
        kind: 'lines',
        unit: 'short',
        queries: [{ expr: ofTables('bus_backlog_messages', ', reaction'), legend: '{{reaction}}' }],
      },
    ],
    [
      {
        title: 'Event lag: p50, p95, p99',
        kind: 'lines',
        unit: 's',
        threshold: 60,
        queries: [0.5, 0.95, 0.99].map((quantile) => ({
          expr: `histogram_quantile(${quantile}, sum by (reaction, le) (rate(event_lag_seconds_bucket{${OF}}[$__rate_interval])))`,
          legend: `{{reaction}} p${quantile * 100}`,
        })),
      },
      {
        title: 'Inbox: waiting after a failure',
        kind: 'lines',
        unit: 'short',
        queries: [
          { expr: ofTables('inbox_waiting_messages', ', reaction'), legend: '{{reaction}}' },
        ],
      },
      {
        title: 'Inbox, oldest',
        kind: 'lines',
        unit: 's',
        threshold: 60,
        queries: [{ expr: ofTables('inbox_oldest_seconds', ', reaction'), legend: '{{reaction}}' }],
      },
    ],
    [
      {
        title: 'Reactions',
        kind: 'lines',
        unit: 'ops',
        queries: [
          {
            expr: `sum by (reaction, type) (rate(event_lag_seconds_count{${OF}}[$__rate_interval]))`,
            legend: '{{reaction}} {{type}} done',
          },
          {
            expr: `sum by (reaction, type) (rate(reaction_failures_total{${OF}}[$__rate_interval]))`,
            legend: '{{reaction}} {{type}} failed',
          },
        ],
      },
      {
        title: 'Dead letters',
        kind: 'stacked',
        unit: 'short',
        threshold: 10,
        queries: [
          { expr: ofTables('outbox_dead_letters'), legend: '{{service}} outbox' },
          { expr: ofTables('inbox_dead_letters', ', reaction'), legend: '{{reaction}}' },
          {
            expr: ofTables('background_dead_letters', ', kind, source'),
            legend: '{{service}} {{kind}} {{source}}',
          },
        ],
      },
      {
        title: 'Sagas that have not ended',
        kind: 'lines',
        unit: 'short',
        queries: [
          {
            expr: ofTables('sagas_open', ', saga, state'),
            legend: '{{service}} {{saga}} {{state}}',
          },
        ],
      },
    ],
  ],
}
