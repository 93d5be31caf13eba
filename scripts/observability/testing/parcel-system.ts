import type { EmbeddedPostgres } from '@banyan/postgres'
import { parcels } from './parcels.ts'
import { ServiceSystem } from './service-system.ts'

/** The server of the bus that goes away. */
export const FAR_BUS = 'far bus'

/** Services that send parcels, each over a bus of its own. */
export async function startParcels(): Promise<ServiceSystem> {
  const system = await ServiceSystem.create()
  const server = await system.postgres('parcels')
  const send = async (name: string, bus: EmbeddedPostgres) => {
    const BUS_URL = await bus.createDatabase(`bus_of_${name}`)
    await system.run(parcels(name), { server, env: { BUS_URL } })
  }
  await send('stranded', await system.postgres(FAR_BUS))
  for (const name of ['poisoned', 'halted']) await send(name, server)
  return system
}
