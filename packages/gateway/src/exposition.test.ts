import { expect, it } from 'vitest'
import { combined, Exposition, textOf } from './exposition.ts'

/** What one worker tells. */
function page(count: number, version: number, lag: number) {
  return new Exposition()
    .family('requests_total', 'counter', 'Requests', [
      [{ side: 'target' }, count],
      [{ side: 'source' }, 1],
    ])
    .family('seconds', 'histogram', 'Times', [
      [{ le: '+Inf' }, count, '_bucket'],
      [{}, count, '_count'],
    ])
    .family('version', 'gauge', 'Version', [[{}, version]], 'min')
    .family('lag', 'gauge', 'Lag', [[{}, lag]], 'average')
    .family('started', 'gauge', 'Start', [[{}, 7]], 'omit').families
}

it('is one page of several processes: sums, or what else a figure of all is', () => {
  const extra = new Exposition().family('requests_total', 'counter', 'Requests', [
    [{ side: 'none' }, 4],
  ])
  const text = textOf(combined([page(2, 9, 1), page(3, 8, 3), extra.families]))
  expect(text.split('\n')).toEqual([
    '# HELP requests_total Requests',
    '# TYPE requests_total counter',
    'requests_total{side="target"} 5',
    'requests_total{side="source"} 2',
    'requests_total{side="none"} 4',
    '# HELP seconds Times',
    '# TYPE seconds histogram',
    'seconds_bucket{le="+Inf"} 5',
    'seconds_count 5',
    '# HELP version Version',
    '# TYPE version gauge',
    'version 8',
    '# HELP lag Lag',
    '# TYPE lag gauge',
    'lag 2',
    '',
  ])
})
