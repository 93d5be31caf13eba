import {
  defineJob,
  defineSaga,
  messageId,
  OutboxRelay,
  openDurable,
  SagaRunner,
  Scheduler,
} from '@banyan/durable'
import { transaction } from '@banyan/postgres'
import { z } from 'zod'
import { type Contender, dueTimes, KEYS, parts, payloadOf, type Setting } from './contender.ts'

/** @banyan/durable as it comes: no setting of ours is tuned. */
export async function openOurs({ pool, race, handled }: Setting): Promise<Contender> {
  const durable = await openDurable(pool)
  const onProblem = (error: Error) => console.error(`  durable: ${error.message}`)
  const payload = z.object({ n: z.number(), text: z.string() })
  const saga = defineSaga({
    name: 'chain',
    version: 1,
    input: payload,
    steps: (steps) => {
      const step = {
        invoke: async () => handled(1),
        compensate: async () => {},
      }
      return steps
        .step('one', step)
        .step('two', step)
        .step('three', step)
        .step('four', step)
        .step('five', step)
    },
  })
  const job = defineJob({ name: 'job', payload, run: async () => handled(1) })

  const relay = {
    runner: new OutboxRelay({
      durable,
      send: async (batch) => handled(batch.length),
      onProblem,
    }),
    openSql: 'SELECT EXISTS (SELECT FROM durable.outbox) AS open',
    async fill(count: number) {
      const occurredAt = new Date()
      for (const numbers of parts(count)) {
        const messages = numbers.map((n) => ({
          id: messageId(),
          type: 'thing.changed',
          key: `key-${n % KEYS}`,
          payload: payloadOf(n),
          headers: {},
          occurredAt,
        }))
        await transaction(pool, (tx) => durable.outbox.write(tx, messages))
      }
    },
  }
  const sagas = {
    runner: new SagaRunner({ durable, sagas: [saga], onProblem }),
    openSql: 'SELECT EXISTS (SELECT FROM durable.saga WHERE ended_at IS NULL) AS open',
    async fill(count: number) {
      for (const numbers of parts(count)) {
        const wanted = numbers.map((n) => ({ input: payloadOf(n) }))
        await durable.sagas.startMany(pool, saga, wanted)
      }
    },
  }
  const schedule = {
    runner: new Scheduler({ durable, jobs: [job], onProblem }),
    openSql: 'SELECT EXISTS (SELECT FROM durable.job WHERE due_at <= now()) AS open',
    async fill(count: number) {
      const { due, later } = dueTimes()
      for (const numbers of parts(count)) {
        const wanted = numbers.flatMap((n) => [
          { when: due(n), payload: payloadOf(n) },
          { when: later, payload: payloadOf(n) },
        ])
        await durable.jobs.addMany(pool, job, wanted)
      }
    },
  }
  const { runner, fill, openSql } = { relay, saga: sagas, schedule }[race]
  return {
    fill,
    openSql,
    start: async () => runner.start(),
    async stop() {
      await runner.stop()
      await durable.close()
    },
  }
}
