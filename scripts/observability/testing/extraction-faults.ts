import type { Fault } from './fault.ts'
import type { System } from './system.ts'

function divergence(): Fault<System> {
  return {
    name: 'a write past the guard',
    alerts: { ExtractionDiverges: { extraction: 'notes' } },
    async begin(system) {
      const client = await system.pool(system.target.url('target')).connect()
      await client.query('BEGIN')
      await client.query(
        "SELECT set_config('banyan.exempt', secret, true), set_config('session_replication_role', 'replica', true) FROM banyan.engine",
      )
      await client.query("UPDATE public.note SET body = 'rogue' WHERE id = 7")
      await client.query('COMMIT')
      client.release()
    },
    async mend(system) {
      await system.banyan(['verify', 'notes', '--repair', 'public.note:7', '--why', 'a test'])
    },
  }
}

function heldStream(): Fault<System> {
  let release = async () => {}
  return {
    name: 'a session that keeps a table of the target to itself',
    alerts: { ExtractionLags: { extraction: 'notes', stream: 'forward' } },
    async begin(system) {
      const client = await system.pool(system.target.url('target')).connect()
      await client.query('BEGIN; LOCK TABLE public.note IN ACCESS EXCLUSIVE MODE')
      release = async () => {
        await client.query('ROLLBACK')
        client.release()
      }
      await system
        .pool(system.source.url('source'))
        .query("UPDATE public.note SET body = 'changed' WHERE id = 8")
    },
    mend: () => release(),
  }
}

function noTarget(): Fault<System> {
  return {
    name: 'an engine that starts while the target is away',
    alerts: { ExtractionInTrouble: { extraction: 'notes' } },
    async begin(system) {
      await system.target.kill()
      // One that runs waits for it, which shows as lag.
      await system.process('engine').restart()
    },
    mend: (system) => system.target.start(),
  }
}

function noEngine(): Fault<System> {
  return {
    name: 'an engine that is gone',
    alerts: { NoEngineLeads: {}, GatewayLeaseLost: { job: 'banyan-gateways' } },
    async begin(system) {
      await system.process('engine').kill()
    },
    async mend(system) {
      await system.process('engine').start()
    },
  }
}

export const EXTRACTION_FAULTS: readonly Fault<System>[] = [
  divergence(),
  heldStream(),
  noTarget(),
  noEngine(),
]
