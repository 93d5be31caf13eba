/** What a dashboard shows, without what Grafana wants to know besides. */
export interface Dashboard {
  /** File name, and Grafana's uid. */
  readonly name: string
  readonly title: string
  readonly description: string
  /** Time range at the start; `now-6h` by default. */
  readonly from?: string
  readonly variables?: readonly Variable[]
  readonly rows: readonly (readonly Panel[])[]
}

/** Chosen at the top of the page; `$name` in queries. */
export interface Variable {
  readonly name: string
  /** Whose values: `label_values(metric, label)`. */
  readonly of: string
}

export interface Panel {
  readonly title: string
  /** What a reader should make of it, where the title does not say. */
  readonly help?: string
  readonly kind: 'lines' | 'stacked' | 'heatmap' | 'number' | 'map' | 'states'
  /** Grafana's name of it: `s`, `percentunit`, `reqps`, `bytes`, `short`. */
  readonly unit: string
  readonly queries: readonly Query[]
  /** Marked in the graph: what an alert's rule has. */
  readonly threshold?: number
  /** A range of its own: `24h`, whatever the page shows. */
  readonly over?: string
}

export interface Query {
  readonly expr: string
  readonly legend?: string
}

const WIDTH = 24
const HEIGHT = 8
const SOURCE = { type: 'prometheus', uid: '$datasource' }
const KINDS = {
  lines: 'timeseries',
  stacked: 'timeseries',
  heatmap: 'heatmap',
  number: 'stat',
  map: 'nodeGraph',
  states: 'state-timeline',
} as const

/** As Grafana (10 or later) imports or provisions it. */
export function render(dashboard: Dashboard): string {
  const { name, title, description, rows, variables = [], from = 'now-6h' } = dashboard
  const panels = rows.flatMap((row, y) =>
    row.map((panel, x) => ({
      id: rows.slice(0, y).reduce((sum, { length }) => sum + length, 0) + x + 1,
      gridPos: { x: (WIDTH / row.length) * x, y: y * HEIGHT, w: WIDTH / row.length, h: HEIGHT },
      ...rendered(panel),
    })),
  )
  const model = {
    uid: `banyan-${name}`,
    title: `Banyan: ${title}`,
    description,
    tags: ['banyan'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: '30s',
    time: { from, to: 'now' },
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Prometheus' },
        ...variables.map(({ name, of }) => ({
          name,
          type: 'query',
          datasource: SOURCE,
          query: { query: of, refId: name },
          refresh: 2,
          includeAll: true,
          multi: true,
          allValue: '.*',
          current: { text: 'All', value: '$__all' },
        })),
      ],
    },
    links: [{ type: 'dashboards', tags: ['banyan'], title: 'Banyan', asDropdown: true }],
    panels,
  }
  return `${JSON.stringify(model, null, 2)}\n`
}

function rendered({ title, help, kind, unit, queries, threshold, over }: Panel) {
  return {
    type: KINDS[kind],
    title,
    ...(help ? { description: help } : {}),
    datasource: SOURCE,
    ...(over ? { timeFrom: over } : {}),
    fieldConfig: { defaults: { unit, ...markedAt(threshold), ...drawn(kind) }, overrides: [] },
    options: optionsOf(kind, unit),
    targets: queries.map(({ expr, legend }, i) => ({
      refId: String.fromCharCode(65 + i),
      datasource: SOURCE,
      expr,
      ...(legend ? { legendFormat: legend } : {}),
      ...(kind === 'heatmap' ? { format: 'heatmap' } : {}),
      ...(kind === 'map' ? { format: 'table', instant: true } : {}),
    })),
    ...(kind === 'map' ? { transformations: EDGES } : {}),
  }
}

/** A table of calls as the edges of a graph; the nodes are those that edges name. */
const EDGES = [
  {
    id: 'organize',
    options: { excludeByName: { Time: true }, renameByName: { Value: 'mainstat' } },
  },
]

function markedAt(threshold: number | undefined) {
  if (threshold === undefined) return {}
  const steps = [
    { color: 'green', value: null },
    { color: 'red', value: threshold },
  ]
  return { thresholds: { mode: 'absolute', steps } }
}

function drawn(kind: Panel['kind']) {
  if (kind !== 'lines' && kind !== 'stacked') return {}
  return {
    min: 0,
    custom: {
      thresholdsStyle: { mode: 'line' },
      ...(kind === 'stacked' ? { fillOpacity: 40, stacking: { mode: 'normal' } } : {}),
    },
  }
}

function optionsOf(kind: Panel['kind'], unit: string) {
  if (kind === 'heatmap') return { calculate: false, yAxis: { unit }, cellGap: 1 }
  if (kind === 'number') return { reduceOptions: { calcs: ['lastNotNull'] }, colorMode: 'value' }
  if (kind === 'lines' || kind === 'stacked') {
    return { tooltip: { mode: 'multi', sort: 'desc' }, legend: { displayMode: 'list' } }
  }
  return {}
}
