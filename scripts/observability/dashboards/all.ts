import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../rules.ts'
import { type Dashboard, render } from './dashboard.ts'
import { events } from './events.ts'
import { extractions } from './extractions.ts'
import { gateway } from './gateway.ts'
import { services } from './services.ts'

export const DASHBOARDS: readonly Dashboard[] = [services, gateway, events, extractions]

export function pathOf({ name }: Dashboard): string {
  return join(ROOT, 'deploy', 'grafana', 'dashboards', `${name}.json`)
}

export function writeDashboards(): void {
  for (const dashboard of DASHBOARDS) {
    const path = pathOf(dashboard)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, render(dashboard))
  }
}
