import type { Queryable } from '@banyan/postgres'
import type { LotFound } from '../messages.ts'

/** Lots of one row of the table. */
const PAGE = 500
/** Rows of one statement. */
const PAGES_AT_ONCE = 4

/** Fields of all lots of a page: where they are the same in all, once. */
interface Columns {
  readonly lots: number
  readonly [name: string]: unknown
}

type Value = string | number | boolean | null | readonly unknown[]

/** What a lot has in each column. */
const VALUES: Readonly<Record<string, (lot: LotFound) => Value>> = {
  line: ({ line }) => line,
  type: ({ type }) => type,
  rebrickable: ({ ids }) => ids.rebrickable ?? null,
  bricklink: ({ ids }) => ids.bricklink ?? null,
  ldraw: ({ ids }) => ids.ldraw ?? null,
  element: ({ element }) => element,
  colourSystem: ({ colour }) => colour?.system ?? null,
  colour: ({ colour }) => colour && (colour.system === 'name' ? colour.name : colour.id),
  quantity: ({ quantity }) => quantity,
  spare: ({ spare }) => spare,
  name: ({ name }) => name,
  remarks: ({ remarks }) => remarks,
  part: ({ part }) => part,
  partColour: ({ partColour }) => partColour,
  match: ({ match }) => match,
  ambiguousColour: ({ ambiguousColour }) => ambiguousColour,
  unresolved: ({ unresolved }) => unresolved,
  suggestions: ({ suggestions }) => (suggestions.length === 0 ? null : suggestions),
}

/** Writes what a list holds: some hundred lots to a row, field by field, which is a tenth of what rows of lots take. */
export async function writeLots(
  db: Queryable,
  jobId: string,
  lots: readonly LotFound[],
): Promise<void> {
  for (let from = 0; from < lots.length; from += PAGE * PAGES_AT_ONCE) {
    const pages: (readonly LotFound[])[] = []
    const until = Math.min(lots.length, from + PAGE * PAGES_AT_ONCE)
    for (let at = from; at < until; at += PAGE)
      pages.push(lots.slice(at, Math.min(until, at + PAGE)))
    await db.query(
      // One text, with a page to a line, is sent as it is; of an array each quote in it would be escaped.
      `INSERT INTO processing.job_lot_pages (job_id, position, unresolved, columns)
       SELECT $1, least($2 + place * ${PAGE}, $3) - 1, unresolved, page
       FROM ROWS FROM (unnest($4::int[]), string_to_table($5, E'\\n')) WITH ORDINALITY AS new (unresolved, page, place)`,
      [
        jobId,
        from,
        lots.length,
        pages.map((page) => page.filter(({ unresolved }) => unresolved !== null).length),
        pages.map((page) => JSON.stringify(columnsOf(page))).join('\n'),
      ],
    )
  }
}

export interface PlacedLot {
  readonly position: number
  readonly lot: LotFound
}

/**
 * Lots in the order of their first lines.
 *
 * @param given.after the position before the first of them
 * @param given.limit so many at most
 * @param given.unresolved only those that the catalogue does not know
 */
export async function readLots(
  db: Queryable,
  jobId: string,
  { after, limit, unresolved }: { after: number; limit: number; unresolved: boolean },
): Promise<PlacedLot[]> {
  const found: PlacedLot[] = []
  for (let from = after; ; ) {
    const { rows } = await db.query<{ position: number; columns: string }>(
      `SELECT position, columns FROM processing.job_lot_pages
       WHERE job_id = $1 AND position > $2 AND unresolved >= $3
       ORDER BY position LIMIT ${PAGES_AT_ONCE}`,
      [jobId, from, Number(unresolved)],
    )
    for (const { position: last, columns } of rows) {
      const lots = lotsOf(JSON.parse(columns) as Columns)
      const first = last + 1 - lots.length
      for (const [place, lot] of lots.entries()) {
        const position = first + place
        if (position <= after || (unresolved && lot.unresolved === null)) continue
        if (found.push({ position, lot }) === limit) return found
      }
    }
    if (rows.length < PAGES_AT_ONCE) return found
    from = rows.at(-1)!.position
  }
}

function columnsOf(lots: readonly LotFound[]): Columns {
  const columns: Record<string, unknown> = {}
  for (const [name, valueIn] of Object.entries(VALUES)) {
    const values = lots.map(valueIn)
    const [first] = values
    const same = !Array.isArray(first) && values.every((value) => value === first)
    columns[name] = same ? first : values
  }
  return { ...columns, lots: lots.length }
}

function lotsOf(columns: Columns): LotFound[] {
  return Array.from({ length: columns.lots }, (_, place) => lotOf(columns, place))
}

function lotOf(columns: Columns, place: number): LotFound {
  const value = <T>(name: string): T => {
    const column = columns[name]
    return (Array.isArray(column) ? column[place] : column) as T
  }
  const ids: LotFound['ids'] = {}
  for (const system of ['rebrickable', 'bricklink', 'ldraw'] as const) {
    const id = value<string | null>(system)
    if (id !== null) ids[system] = id
  }
  return {
    line: value('line'),
    type: value('type'),
    ids,
    element: value('element'),
    colour: colourOf(value('colourSystem'), value('colour')),
    quantity: value('quantity'),
    spare: value('spare'),
    name: value('name'),
    remarks: value('remarks'),
    part: value('part'),
    partColour: value('partColour'),
    match: value('match'),
    ambiguousColour: value('ambiguousColour'),
    unresolved: value('unresolved'),
    suggestions: value<LotFound['suggestions'] | null>('suggestions') ?? [],
  }
}

type ColourFound = NonNullable<LotFound['colour']>

function colourOf(system: ColourFound['system'] | null, value: string | number) {
  if (system === null) return null
  return (system === 'name' ? { system, name: value } : { system, id: value }) as ColourFound
}
