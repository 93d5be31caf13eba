import type { Fault } from './fault.ts'
import { SESSION, type ServiceSystem } from './service-system.ts'
import { ITEM } from './shelves.ts'

function misnamedTable(): Fault<ServiceSystem> {
  const of = { service: 'misnamed' }
  return {
    name: 'a table that was given another name',
    alerts: {
      HighErrorRate: of,
      ManyErrors: of,
      ErrorBudgetBurnsFast: of,
      ErrorBudgetBurns: of,
      ErrorBudgetBurnsSlowly: of,
    },
    async begin(system) {
      await system.pool('misnamed').query('ALTER TABLE misnamed.item RENAME TO thing')
    },
    async mend(system) {
      await system.pool('misnamed').query('ALTER TABLE misnamed.thing RENAME TO item')
    },
  }
}

function slowStatement(): Fault<ServiceSystem> {
  return {
    name: 'a statement that takes 2 s',
    alerts: { SlowAnswers: { service: 'slow' }, VerySlowAnswers: { service: 'slow' } },
    async begin(system) {
      await system.pool('slow').query(`
        BEGIN;
        ALTER TABLE slow.item RENAME TO kept;
        CREATE VIEW slow.item AS SELECT kept.* FROM slow.kept, LATERAL (SELECT pg_sleep(2)) AS waited;
        COMMIT`)
      // One client alone would have five answers in the window.
      system.ask('slow', ITEM, { atOnce: 4 })
    },
    async mend(system) {
      await system
        .pool('slow')
        .query('BEGIN; DROP VIEW slow.item; ALTER TABLE slow.kept RENAME TO item; COMMIT')
    },
  }
}

/** Of the pool's 20 connections so many wait for the lock; one is left for those who look at it. */
const WAITING = 17

function forgottenTransaction(): Fault<ServiceSystem> {
  let pid = 0
  return {
    name: 'a session that forgot to commit',
    alerts: { ConnectionPoolHigh: { service: 'locked' } },
    async begin(system) {
      const session = await system.session('locked')
      const { rows } = await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      pid = rows[0]!.pid
      await session.query('BEGIN; LOCK TABLE locked.item IN ACCESS EXCLUSIVE MODE')
      system.ask('locked', ITEM, { atOnce: WAITING })
    },
    async mend(system) {
      await system.pool('locked').query('SELECT pg_terminate_backend($1)', [pid])
    },
  }
}

/** Of the 37 that the server takes of anybody. */
const SESSIONS = 31

function tooManySessions(): Fault<ServiceSystem> {
  return {
    name: 'sessions that take the connections of a server',
    alerts: { DatabaseConnectionsHigh: { service: 'crowded' } },
    async begin(system) {
      for (let i = 0; i < SESSIONS; i++) await system.session('crowded')
    },
    async mend(system) {
      await system.pool('crowded').query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = $1`,
        [SESSION],
      )
    },
  }
}

function calledIsGone(): Fault<ServiceSystem> {
  return {
    name: 'a called service that was killed',
    alerts: {
      ProcessDown: ofProcess('called'),
      CircuitOpen: { service: 'calling', upstream: 'called' },
    },
    begin: (system) => system.process('called').kill(),
    mend: (system) => system.process('called').start(),
  }
}

function crashLoop(): Fault<ServiceSystem> {
  const end = new AbortController()
  let over = Promise.resolve()
  return {
    name: 'a process that is killed as soon as it is seen',
    alerts: { CrashLoop: ofProcess('restarted') },
    async begin(system, prometheus) {
      const process = system.process('restarted')
      const started = async () => {
        const { instance } = ofProcess('restarted')(system)
        const [one] = await prometheus.query(`process_start_time_seconds{instance="${instance}"}`)
        return Number(one?.value[1])
      }
      const loop = async () => {
        let last = await started()
        while (!end.signal.aborted) {
          await process.kill()
          await process.start()
          const later = async () => ((await started()) > last ? started() : null)
          last = await prometheus.until('the restart is seen', later)
        }
      }
      over = loop()
    },
    async mend() {
      end.abort()
      await over
    },
  }
}

function ofProcess(name: string) {
  return (system: ServiceSystem) => ({ instance: new URL(system.process(name).url).host })
}

export const SERVICE_FAULTS: readonly Fault<ServiceSystem>[] = [
  misnamedTable(),
  slowStatement(),
  forgottenTransaction(),
  tooManySessions(),
  calledIsGone(),
  crashLoop(),
]
