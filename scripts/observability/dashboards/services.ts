import type { Dashboard } from './dashboard.ts'

const OF = 'service=~"$service"'
/** As the rules have it: what watches a service is not among what it does. */
const ASKED = `${OF},route!~"/metrics|/health(/.*)?|/openapi.json"`

export const services: Dashboard = {
  name: 'services',
  title: 'Services',
  description: 'How each service fares: requests, failures, latency, what it calls, its database.',
  variables: [{ name: 'service', of: 'label_values(http_requests_total, service)' }],
  rows: [
    [
      {
        title: 'Requests',
        kind: 'stacked',
        unit: 'reqps',
        queries: [
          {
            expr: `sum by (service) (rate(http_requests_total{${ASKED}}[$__rate_interval]))`,
            legend: '{{service}}',
          },
        ],
      },
      {
        title: 'Share of failures over 24 hours',
        kind: 'lines',
        unit: 'percentunit',
        threshold: 0.05,
        over: '24h',
        queries: [{ expr: `banyan:errors:ratio_5m{${OF}}`, legend: '{{service}}' }],
      },
      {
        title: 'Error budget of 99.9 %: how fast it goes',
        help: 'At 1 it lasts exactly as long as it has to.',
        kind: 'lines',
        unit: 'short',
        threshold: 1,
        queries: ['1h', '6h', '3d'].map((window) => ({
          expr: `banyan:errors:ratio_${window}{${OF}} / 0.001`,
          legend: `{{service}} over ${window}`,
        })),
      },
    ],
    [
      {
        title: 'Latency: p50, p95, p99',
        kind: 'lines',
        unit: 's',
        threshold: 1,
        queries: [0.5, 0.95, 0.99].map((quantile) => ({
          expr: `histogram_quantile(${quantile}, sum by (service, le) (rate(http_request_duration_seconds_bucket{${ASKED}}[$__rate_interval])))`,
          legend: `{{service}} p${quantile * 100}`,
        })),
      },
      {
        title: 'Latency heatmap',
        kind: 'heatmap',
        unit: 's',
        queries: [
          {
            expr: `sum by (le) (increase(http_request_duration_seconds_bucket{${ASKED}}[$__rate_interval]))`,
            legend: '{{le}}',
          },
        ],
      },
      {
        title: 'Latency by route, p95',
        kind: 'lines',
        unit: 's',
        queries: [
          {
            expr: `histogram_quantile(0.95, sum by (service, method, route, le) (rate(http_request_duration_seconds_bucket{${ASKED}}[$__rate_interval])))`,
            legend: '{{service}} {{method}} {{route}}',
          },
        ],
      },
    ],
    [
      {
        title: 'Errors by route',
        kind: 'stacked',
        unit: 'reqps',
        queries: [
          {
            expr: `sum by (service, method, route, status) (rate(http_request_errors_total{${ASKED}}[$__rate_interval]))`,
            legend: '{{service}} {{method}} {{route}} {{status}}',
          },
        ],
      },
      {
        title: 'Calls to other services, by outcome',
        kind: 'lines',
        unit: 'reqps',
        queries: [
          {
            expr: `sum by (service, upstream, outcome) (rate(upstream_calls_total{${OF}}[$__rate_interval]))`,
            legend: '{{service}} → {{upstream}} {{outcome}}',
          },
        ],
      },
      {
        title: 'Calls to other services, p95',
        kind: 'lines',
        unit: 's',
        queries: [
          {
            expr: `histogram_quantile(0.95, sum by (service, upstream, le) (rate(upstream_call_duration_seconds_bucket{${OF}}[$__rate_interval])))`,
            legend: '{{service}} → {{upstream}}',
          },
        ],
      },
    ],
    [
      {
        title: 'Connections of the pool',
        kind: 'lines',
        unit: 'short',
        queries: [
          {
            expr: `sum by (service, state) (db_pool_connections{${OF}})`,
            legend: '{{service}} {{state}}',
          },
          { expr: `sum by (service) (db_pool_connections_max{${OF}})`, legend: '{{service}} most' },
        ],
      },
      {
        title: 'Connections of the database server, share taken',
        kind: 'lines',
        unit: 'percentunit',
        threshold: 0.8,
        queries: [
          {
            expr: `max by (service) (db_server_connections{${OF}} / db_server_connections_max{${OF}})`,
            legend: '{{service}}',
          },
        ],
      },
      {
        title: 'Circuits that are not closed',
        kind: 'lines',
        unit: 'short',
        queries: [
          {
            expr: `max by (service, upstream, state) (upstream_circuit_state{${OF},state!="closed"})`,
            legend: '{{service}} → {{upstream}} {{state}}',
          },
        ],
      },
    ],
    [
      {
        title: 'Processor',
        kind: 'lines',
        unit: 'percentunit',
        queries: [
          {
            expr: `rate(process_cpu_seconds_total{${OF}}[$__rate_interval])`,
            legend: '{{service}} {{instance}}',
          },
        ],
      },
      {
        title: 'Memory',
        kind: 'lines',
        unit: 'bytes',
        queries: [
          { expr: `process_resident_memory_bytes{${OF}}`, legend: '{{service}} {{instance}}' },
        ],
      },
      {
        title: 'Processes that answer',
        kind: 'states',
        unit: 'short',
        queries: [{ expr: 'up{job=~"banyan-.+"}', legend: '{{job}} {{instance}}' }],
      },
    ],
  ],
}
