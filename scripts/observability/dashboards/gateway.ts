import type { Dashboard } from './dashboard.ts'

/** Who asks whom, requests a second: the gateway its sides, services each other. */
const EDGES = [
  `label_join(
  label_replace(
    label_replace(sum by (extraction, side) (rate(banyan_gateway_requests_total[5m])), "source", "gateway", "", ""),
    "target", "$1", "side", "(.*)"),
  "id", " to ", "source", "target", "extraction")`,
  `label_join(
  label_replace(
    label_replace(sum by (service, upstream) (rate(upstream_calls_total[5m])), "source", "$1", "service", "(.*)"),
    "target", "$1", "upstream", "(.*)"),
  "id", " to ", "source", "target")`,
].join('\nor\n')

export const gateway: Dashboard = {
  name: 'gateway',
  title: 'Gateway',
  description: 'What clients meet, which side serves them, and who asks whom.',
  from: 'now-24h',
  variables: [
    { name: 'extraction', of: 'label_values(banyan_gateway_requests_total, extraction)' },
  ],
  rows: [
    [
      {
        title: 'Traffic by side, share',
        help: 'What has moved is target; what has not, or never will, is source.',
        kind: 'stacked',
        unit: 'percentunit',
        queries: [
          {
            expr: `sum by (extraction, side) (rate(banyan_gateway_requests_total{extraction=~"$extraction"}[$__rate_interval]))
  / ignoring (extraction, side) group_left sum(rate(banyan_gateway_requests_total{extraction=~"$extraction"}[$__rate_interval]))`,
            legend: '{{extraction}} {{side}}',
          },
        ],
      },
      {
        title: 'Service map',
        help: 'Requests a second of the last five minutes.',
        kind: 'map',
        unit: 'reqps',
        queries: [{ expr: EDGES }],
      },
    ],
    [
      {
        title: 'Share of failures over 24 hours',
        kind: 'lines',
        unit: 'percentunit',
        threshold: 0.05,
        over: '24h',
        queries: [{ expr: 'banyan:errors:ratio_5m{service="gateway"}', legend: 'all requests' }],
      },
      {
        title: 'Errors by side and route',
        kind: 'stacked',
        unit: 'reqps',
        queries: [
          {
            expr: `sum by (extraction, side, route, status) (rate(banyan_gateway_requests_total{extraction=~"$extraction",status=~"5.."}[$__rate_interval]))`,
            legend: '{{extraction}} {{side}} {{route}} {{status}}',
          },
        ],
      },
    ],
    [
      {
        title: 'Latency heatmap',
        kind: 'heatmap',
        unit: 's',
        queries: [
          {
            expr: `sum by (le) (increase(banyan_gateway_request_duration_seconds_bucket{extraction=~"$extraction"}[$__rate_interval]))`,
            legend: '{{le}}',
          },
        ],
      },
      {
        title: 'Latency by side: p50, p95, p99',
        kind: 'lines',
        unit: 's',
        threshold: 1,
        queries: [0.5, 0.95, 0.99].map((quantile) => ({
          expr: `histogram_quantile(${quantile}, sum by (extraction, side, le) (rate(banyan_gateway_request_duration_seconds_bucket{extraction=~"$extraction"}[$__rate_interval])))`,
          legend: `{{extraction}} {{side}} p${quantile * 100}`,
        })),
      },
    ],
    [
      {
        title: 'Requests in flight, and on hold',
        kind: 'lines',
        unit: 'short',
        queries: [
          { expr: 'banyan_gateway_requests_in_flight', legend: '{{instance}} in flight' },
          { expr: 'banyan_gateway_requests_held', legend: '{{instance}} on hold' },
        ],
      },
      {
        title: 'Holds of handovers, by outcome',
        kind: 'lines',
        unit: 'short',
        queries: [
          {
            expr: 'sum by (extraction, outcome) (increase(banyan_gateway_holds_total[$__rate_interval]))',
            legend: '{{extraction}} {{outcome}}',
          },
        ],
      },
      {
        title: 'Refusals of the gateway itself',
        kind: 'stacked',
        unit: 'reqps',
        queries: [
          {
            expr: 'sum by (code) (rate(banyan_gateway_refusals_total[$__rate_interval]))',
            legend: '{{code}}',
          },
        ],
      },
    ],
    [
      {
        title: 'Breakers that are not closed',
        kind: 'lines',
        unit: 'short',
        queries: [
          {
            expr: 'max by (side, state) (banyan_gateway_breaker_state{state!="closed"})',
            legend: '{{side}} {{state}}',
          },
        ],
      },
      {
        title: 'Serves moved routes',
        kind: 'states',
        unit: 'short',
        queries: [{ expr: 'banyan_gateway_serving_moved_routes', legend: '{{instance}}' }],
      },
      {
        title: 'Connections to upstreams',
        kind: 'lines',
        unit: 'short',
        queries: [
          {
            expr: 'sum by (upstream, state) (banyan_gateway_upstream_connections)',
            legend: '{{upstream}} {{state}}',
          },
        ],
      },
    ],
  ],
}
