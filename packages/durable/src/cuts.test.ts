import { EmbeddedPostgres } from '@banyan/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CUT_ACTORS, proveCuts } from './testing/cuts.ts'

let server: EmbeddedPostgres

beforeAll(async () => {
  server = await EmbeddedPostgres.start()
})
afterAll(() => server.stop())

const SEED = Number(process.env.BANYAN_SEED ?? Date.now() % 1_000)
/** Runs of an actor here; `npm run prove -- --durable` makes all of them. */
const RUNS = 2

/** Each run starts a process, and waits for the lease of the one that died. */
const PATIENCE_MS = 180_000

/** Spread evenly over what the actor sends, another place in each run. */
function some(cuts: number): number[] {
  console.log(`seed ${SEED}: BANYAN_SEED=${SEED} makes the same cuts`)
  const step = cuts / RUNS
  return Array.from({ length: RUNS }, (_, i) => Math.floor(i * step + (SEED % step)))
}

describe('kill -9 between any two statements', () => {
  // At once: most of the time each waits for the lease of one that died.
  it.concurrent.each(['relay', 'inbox', 'saga', 'scheduler'])(
    'of the %s loses nothing, doubles no effect and keeps the order',
    async (name) => {
      const actor = new URL(`./testing/${name}-actor.ts`, import.meta.url)
      const verdict = await proveCuts({ actor, server, choose: some })
      expect(verdict).toEqual({ cuts: RUNS, lost: 0, doubled: 0, disordered: 0, failures: [] })
    },
    PATIENCE_MS,
  )

  it(
    'and a crash of the server right after it are no worse',
    async () => {
      const between = async () => {
        await server.kill()
        await server.start()
      }
      const actor = CUT_ACTORS.relay
      const verdict = await proveCuts({ actor, server, choose: (cuts) => [cuts >> 1], between })
      expect(verdict).toMatchObject({ cuts: 1, lost: 0, doubled: 0, failures: [] })
    },
    PATIENCE_MS,
  )
})
