import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../rules.ts'
import { DASHBOARDS, pathOf } from './all.ts'
import { render } from './dashboard.ts'

describe.each(DASHBOARDS)('the dashboard $title', (dashboard) => {
  it('is as it was written to deploy/grafana: npm run dashboards', () => {
    expect(readFileSync(pathOf(dashboard), 'utf8')).toBe(render(dashboard))
  })

  it('fills its rows, and gives no two panels one number or one title', () => {
    const { panels } = JSON.parse(render(dashboard)) as {
      panels: { id: number; title: string; gridPos: { x: number; y: number; w: number } }[]
    }
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length)
    for (const [y, row] of dashboard.rows.entries()) {
      const widths = panels
        .filter(({ gridPos }) => gridPos.y === y * 8)
        .map(({ gridPos }) => gridPos.w)
      expect(widths).toHaveLength(row.length)
      expect(widths.reduce((sum, width) => sum + width, 0)).toBe(24)
    }
  })
})

it('deploy/grafana has no dashboard of which nothing is known', () => {
  expect(readdirSync(join(ROOT, 'deploy/grafana/dashboards')).sort()).toEqual(
    DASHBOARDS.map((one) => basename(pathOf(one))).sort(),
  )
})
