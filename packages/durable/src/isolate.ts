import type { OutgoingMessage } from './messages.ts'

/** Thrown by `send` when the transport will never take some of the messages, whatever else it takes. */
export class MessagesRefused extends Error {
  readonly ids: ReadonlySet<string>

  constructor(ids: Iterable<string>, reason: string, options?: ErrorOptions) {
    super(reason, options)
    this.name = 'MessagesRefused'
    this.ids = new Set(ids)
  }
}

export function refusedBy(error: unknown): MessagesRefused | null {
  return error instanceof MessagesRefused ? error : null
}

type Keyed = Pick<OutgoingMessage, 'id' | 'key'>

export interface Refused<Row> {
  readonly row: Row
  readonly error: Error
  /** The transport said so itself; else it is known by others having been taken. */
  readonly certain: boolean
}

export interface Outcome<Row> {
  readonly sent: readonly Row[]
  readonly refused: readonly Refused<Row>[]
}

/**
 * Sends a batch in ever smaller parts until those that are refused stand alone; what follows one of them
 * in its key is held back. `again` were refused before: each is sent alone, so that it drags nobody along.
 *
 * @throws the transport's error when it takes nothing at all: then it is the transport that fails.
 */
export async function isolate<Row extends Keyed>(
  send: (batch: readonly Row[]) => Promise<void>,
  fresh: readonly Row[],
  again: readonly Row[],
): Promise<Outcome<Row>> {
  const sent: Row[] = []
  const refused: Refused<Row>[] = []
  const held = new Set<string>()

  const part = async (rows: readonly Row[]): Promise<void> => {
    const batch = rows.filter((row) => !held.has(row.key))
    if (batch.length === 0) return
    try {
      await send(batch)
      sent.push(...batch)
    } catch (error) {
      const named = refusedBy(error)
      const alone = batch.length === 1
      if (alone || (named && batch.some((row) => named.ids.has(row.id)))) {
        for (const row of batch) {
          if (!alone && !named?.ids.has(row.id)) continue
          if (held.has(row.key)) continue
          held.add(row.key)
          refused.push({ row, error: error as Error, certain: named !== null })
        }
        // Two that stand alone and nothing sent: there is no telling them from a transport that is down.
        if (sent.length === 0 && refused.filter((one) => !one.certain).length > 1) throw error
        await part(batch)
        return
      }
      const middle = Math.ceil(batch.length / 2)
      await part(batch.slice(0, middle))
      await part(batch.slice(middle))
    }
  }

  await part(fresh)
  const only = refused[0]
  if (fresh.length > 0 && sent.length === 0 && only && !only.certain) throw only.error
  for (const row of again) {
    try {
      await send([row])
      sent.push(row)
    } catch (error) {
      refused.push({ row, error: error as Error, certain: refusedBy(error) !== null })
    }
  }
  return { sent, refused }
}
