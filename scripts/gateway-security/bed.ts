import { Board } from './board.ts'
import type { Case } from './case.ts'
import type { Gate, Ports } from './gate.ts'
import { judge } from './judge.ts'
import { type Bed, runCase } from './run.ts'
import { Tokens } from './tokens.ts'
import { Received, RecordingUpstream } from './upstream.ts'

/** Both upstreams, a gateway in front of them, and a way to ask what it does with a case. */
export interface Trial {
  /** Null, or what is wrong. */
  ask(one: Case): Promise<string | null>
  close(): Promise<void>
}

/**
 * @param start starts the gateway in front of these upstreams.
 * @param own it is ours: see `judge`.
 * @param limitMs how long anything is waited for.
 */
export async function startTrial(
  start: (ports: Ports, tokens: Tokens) => Promise<Gate>,
  own: boolean,
  limitMs: number,
): Promise<Trial> {
  const board = new Board()
  const received = new Received()
  const tokens = new Tokens()
  const monolith = await RecordingUpstream.start('monolith', received, board)
  const service = await RecordingUpstream.start('service', received, board)
  const upstreams = [monolith, service]
  const gate = await start({ monolith: monolith.port, service: service.port }, tokens)
  const bed: Bed = { board, received, upstreams, tokens, limitMs }
  return {
    ask: async (one) => judge(one, await runCase(one, gate, bed), own),
    async close() {
      await gate.close()
      for (const upstream of upstreams) await upstream.close()
    },
  }
}
