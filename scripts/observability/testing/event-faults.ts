import { ask, eventually } from '@banyan/service/testing'
import { banyan } from './banyan.ts'
import type { Fault } from './fault.ts'
import { FAR_BUS } from './parcel-system.ts'
import { BY_EVENT, BY_SAGA } from './parcels.ts'
import type { ServiceSystem } from './service-system.ts'

function busAway(): Fault<ServiceSystem> {
  return {
    name: 'a bus that is away',
    alerts: { EventLagHigh: { service: 'stranded' } },
    async begin(system) {
      await system.server(FAR_BUS).stop()
      await send(system, 'stranded', BY_EVENT, 1)
    },
    async mend(system) {
      await system.server(FAR_BUS).start()
      await untilArrived(system, 'stranded', 1)
    },
  }
}

/** More than ten make an alert. */
const LETTERS = 12

function deadEvents(): Fault<ServiceSystem> {
  return {
    name: 'events whose reaction fails each time',
    alerts: { DeadLetters: { service: 'poisoned' } },
    async begin(system) {
      await rename(system, 'poisoned', 'arrival', 'kept')
      await send(system, 'poisoned', BY_EVENT, LETTERS)
    },
    async mend(system) {
      await rename(system, 'poisoned', 'kept', 'arrival')
      const letters = await listed(system, 'poisoned', 'letters', ['dlq', 'list'])
      await operator(system, 'poisoned', ['dlq', 'redrive', ...letters])
      await untilArrived(system, 'poisoned', LETTERS)
    },
  }
}

function stuckSaga(): Fault<ServiceSystem> {
  return {
    name: 'a saga that goes neither on nor back',
    alerts: { SagaHalted: { service: 'halted', saga: 'trip' } },
    async begin(system) {
      await rename(system, 'halted', 'arrival', 'kept')
      await send(system, 'halted', BY_SAGA, 1)
    },
    async mend(system) {
      await rename(system, 'halted', 'kept', 'arrival')
      const [id] = await listed(system, 'halted', 'sagas', ['sagas', 'list', '--state', 'stuck'])
      await operator(system, 'halted', ['sagas', 'redrive', id!])
      await untilRows(
        system,
        'halted',
        `SELECT FROM halted_durable.saga WHERE state = 'compensated'`,
        1,
      )
    },
  }
}

async function rename(system: ServiceSystem, of: string, from: string, to: string): Promise<void> {
  await system.pool(of).query(`ALTER TABLE ${of}.${from} RENAME TO ${to}`)
}

async function send(system: ServiceSystem, from: string, path: string, count: number) {
  for (let i = 1; i <= count; i++) {
    const { status, text } = await ask(system.url(from) + path, { body: { parcel: `no. ${i}` } })
    if (status !== 200) throw new Error(`${from} answered ${status}: ${text}`)
  }
}

function untilArrived(system: ServiceSystem, at: string, count: number): Promise<unknown> {
  return untilRows(system, at, `SELECT FROM ${at}.arrival`, count)
}

function untilRows(system: ServiceSystem, of: string, query: string, count: number) {
  const pool = system.pool(of)
  return eventually(`${query}: ${count}`, async () => (await pool.query(query)).rowCount === count)
}

/** Runs the command on a service's database. @returns what it prints */
function operator(system: ServiceSystem, service: string, args: readonly string[]) {
  return banyan([...args, '--database', system.databaseUrl(service), '--json'], system.folder)
}

/** The ids of what a list has. */
async function listed(system: ServiceSystem, service: string, of: string, args: readonly string[]) {
  const answer = JSON.parse(await operator(system, service, args)) as Record<
    string,
    { id: string }[]
  >
  return answer[of]!.map(({ id }) => id)
}

export const EVENT_FAULTS: readonly Fault<ServiceSystem>[] = [busAway(), deadEvents(), stuckSaga()]
