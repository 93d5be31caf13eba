import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DASHBOARDS } from './dashboards/all.ts'
import { BY_EVENT, BY_SAGA, parcels } from './testing/parcels.ts'
import { Prometheus, SCRAPED_S } from './testing/prometheus.ts'
import { STARTING_MS } from './testing/see-alerts.ts'
import { ServiceSystem } from './testing/service-system.ts'
import { called, calling, ITEM, shelf } from './testing/shelves.ts'
import { BROKEN, System } from './testing/system.ts'

const began = Date.now() / 1_000
let services: ServiceSystem
let moving: System
let prometheus: Prometheus
beforeAll(async () => {
  services = await startServices()
  moving = await startMove()
  for (const path of ['/notes/7', '/pages', BROKEN, '/notes/%00']) {
    services.askAt(moving.process('gateway').url, path)
  }
  const targets = [...services.targets, ...moving.targets]
  prometheus = await Prometheus.start(moving.folder, targets)
}, STARTING_MS)
afterAll(async () => {
  await prometheus?.stop()
  await services?.stop()
  await moving?.stop()
}, STARTING_MS)

/** One calls another, one fails, one says and hears events and has sagas; each is asked all the time. */
async function startServices(): Promise<ServiceSystem> {
  const system = await ServiceSystem.create()
  const server = await system.postgres('services')
  const BUS_URL = await server.createDatabase('bus')
  await system.run(called)
  await system.run(calling, { env: { CALLED_URL: system.url('called') } })
  await system.run(shelf('misnamed'), { server })
  await system.pool('misnamed').query('ALTER TABLE misnamed.item RENAME TO thing')
  await system.run(parcels('sending'), { server, env: { BUS_URL } })
  for (const name of ['calling', 'misnamed']) system.ask(name, ITEM)
  const body = () => ({ parcel: randomUUID() })
  for (const path of [BY_EVENT, BY_SAGA]) system.ask('sending', path, { body })
  return system
}

/** A half of the buckets is handed over, and that is where it stays. */
function startMove(): Promise<System> {
  return System.start({
    shadow: { percent: 0 },
    // Never enough to judge by: some of them fail.
    gates: { minimumRequests: 1_000_000 },
    steps: [{ percent: 50 }, { percent: 100 }],
  })
}

/** As Grafana does for a page of "All". */
function filled(expr: string, variables: readonly { readonly name: string }[]): string {
  return variables.reduce(
    (text, { name }) => text.replaceAll(`$${name}`, '.*'),
    expr.replaceAll('$__rate_interval', `${4 * SCRAPED_S}s`),
  )
}

it('half of the users of what moves are at the target', async () => {
  await prometheus.until('a handover', async () => {
    const moved = await prometheus.query('banyan_extraction_target_share == 0.5')
    return moved.length === 1
  })
})

describe.each(DASHBOARDS)('the dashboard $title', ({ rows, variables = [] }) => {
  for (const { name, of } of variables) {
    it(`offers values of ${name}`, async () => {
      const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(of)!
      const some = await prometheus.until('a value', async () => {
        const values = await prometheus.labelValues(metric!, label!)
        return values.length > 0 && values
      })
      expect(some).not.toContain('')
    })
  }

  for (const { title, queries } of rows.flat()) {
    for (const { expr, legend = '' } of queries) {
      it(`draws ${title}: ${legend}`, async () => {
        const query = filled(expr, variables)
        expect(query).not.toContain('$_')
        const lines = await prometheus.until(query, async () => {
          const drawn = await prometheus.queryRange(query, began)
          const some = drawn.filter(({ values }) =>
            values.some(([, value]) => Number.isFinite(Number(value))),
          )
          return some.length > 0 && some
        })
        // Not of each line: the gateway is no service, and what has no route is of no extraction.
        const known = lines.flatMap(({ metric }) => Object.keys(metric))
        const named = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label)
        expect(known).toEqual(expect.arrayContaining(named))
      })
    }
  }
})
