import type { ExtractionStats, SideStats } from '@banyan/contracts'

interface LuaSide {
  readonly requests: number
  /** Answers between two bounds, not added up. */
  readonly latency: readonly number[]
}

interface LuaStats {
  readonly waiting: number
  readonly extractions: Readonly<
    Record<
      string,
      {
        readonly source: LuaSide
        readonly target: LuaSide
        readonly held: number
        readonly released: number
        readonly refused: number
        readonly recentMs: readonly number[]
      }
    >
  >
}

/**
 * What the control plane is told of moved routes.
 *
 * @param lua the answer to `banyan stats`.
 * @param table the answer to `show stat`: answers of 500 and above, HAProxy's own too.
 */
export function readStats(
  lua: string,
  table: string,
): { waiting: number; extractions: readonly ExtractionStats[] } {
  const { waiting, extractions } = JSON.parse(lua) as LuaStats
  const errors = errorsByBackend(table)
  const side = (extraction: string, name: 'source' | 'target', one: LuaSide): SideStats => {
    const backends = [`${extraction}.${name}`, `${extraction}.${name}.streams`]
    let sum = 0
    return {
      requests: one.requests,
      errors: backends.reduce((all, backend) => all + (errors.get(backend) ?? 0), 0),
      latency: one.latency.slice(0, -1).map((count) => {
        sum += count
        return sum
      }),
    }
  }
  return {
    waiting,
    extractions: Object.entries(extractions).map(([extraction, one]) => ({
      extraction,
      source: side(extraction, 'source', one.source),
      target: side(extraction, 'target', one.target),
      shadow: { compared: 0, differing: 0, dropped: 0, differences: [] },
      holds: {
        held: one.held,
        released: one.released,
        refused: one.refused,
        recentMs: one.recentMs,
      },
      replayed: 0,
    })),
  }
}

function errorsByBackend(table: string): Map<string, number> {
  const [head = '', ...rows] = table.split('\n')
  const column = head.replace(/^# /, '').split(',').indexOf('hrsp_5xx')
  return new Map(
    rows.map((row) => {
      const cells = row.split(',')
      return [cells[0]!, Number(cells[column] ?? 0) || 0]
    }),
  )
}
