import { ServiceSystem } from './service-system.ts'
import { calling, ITEM, shelf } from './shelves.ts'

/** That the server of `crowded` takes, a few of which are kept for superusers. */
const CONNECTIONS = 40
const CALLED = new URL('called-process.ts', import.meta.url)

/** Shelves, each asked for its item ten times a second at most. */
export async function startShelves(): Promise<ServiceSystem> {
  const system = await ServiceSystem.create()
  const server = await system.postgres('shelves')
  const crowded = await system.postgres('crowded', { settings: { max_connections: CONNECTIONS } })
  for (const name of ['misnamed', 'slow', 'locked']) await system.run(shelf(name), { server })
  await system.run(shelf('crowded'), { server: crowded })
  const called = await system.spawn('called', CALLED)
  await system.spawn('restarted', CALLED)
  await system.run(calling, { env: { CALLED_URL: called.url } })
  for (const name of ['misnamed', 'slow', 'locked', 'crowded', 'calling']) system.ask(name, ITEM)
  return system
}
