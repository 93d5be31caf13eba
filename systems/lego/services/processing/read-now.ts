import type { z } from 'zod'
import type { Lot } from './formats/lots.ts'
import { collectLots } from './formats/lots.ts'
import { openPartList } from './formats/part-list.ts'
import { PartListRefused } from './formats/refusal.ts'
import type { ReadAnswer, ReadBody } from './messages.ts'

type Answer = z.infer<typeof ReadAnswer>

/** Why a list is not read, as the monolith's clients know it. */
export class NotRead extends Error {
  readonly status: 415 | 422
  readonly code: 'UNKNOWN_FORMAT' | 'UNREADABLE_PARTS_LIST' | 'NO_PARTS'
  readonly rejected: Answer['rejected']

  constructor(
    status: NotRead['status'],
    code: NotRead['code'],
    message: string,
    rejected: Answer['rejected'] = [],
  ) {
    super(message)
    this.status = status
    this.code = code
    this.rejected = rejected
  }
}

/**
 * Reads a parts list while its sender waits, and keeps nothing: in the file's own numbers, nothing is looked up.
 * In BrickLink's where the file has them for every lot, else in the first it names.
 *
 * @throws NotRead
 */
export async function readNow({ content, format }: z.infer<typeof ReadBody>): Promise<Answer> {
  const { list, lots } = await read(content, format)
  const parts = [...lots.lots()].map(partOf)
  const rejected = lots.problems.map(({ line, message }) => ({ at: line, reason: message }))
  if (parts.length === 0) {
    throw new NotRead(422, 'NO_PARTS', 'The file names no part that could be read', rejected)
  }
  const { pieces } = lots.totals
  return { format: list.format, parts, lotCount: parts.length, pieceCount: pieces, rejected }
}

async function read(content: string, format: z.infer<typeof ReadBody>['format']) {
  try {
    const list = await openPartList(bytesOf(content), { format })
    return { list, lots: await collectLots(list.entries) }
  } catch (error) {
    if (!(error instanceof PartListRefused)) throw error
    if (error.code === 'UNSUPPORTED_FORMAT') throw new NotRead(415, 'UNKNOWN_FORMAT', error.message)
    throw new NotRead(422, 'UNREADABLE_PARTS_LIST', error.message)
  }
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}

function partOf({ ids, element, name, colour, quantity, spare }: Lot): Answer['parts'][number] {
  const part = ids.bricklink ?? ids.rebrickable ?? ids.ldraw ?? element ?? name ?? 'unknown'
  const color = colour && colour.system !== 'name' ? colour.id : null
  return { part, color, quantity, spare }
}
