import { movedTables } from '../plan.ts'
import { type Finding, finding } from './finding.ts'
import { at, ident, oids, type Scene, type SideView } from './scene.ts'

/** Foreign keys that cross from moved to unmoved tables, or back. */
export const referenceChecks = [foreignKeysOut, foreignKeysIn]

interface Reference {
  readonly name: string
  readonly moved: number
  readonly other: string
  readonly otherOid: number
  /** As in pg_constraint: a, r (nothing), c (cascade), n, d (set). */
  readonly onDelete: string
  readonly onUpdate: string
}

function isAction(letter: string): boolean {
  return 'cnd'.includes(letter)
}

async function foreignKeysOut(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<Reference>(
    `SELECT conname::text AS name, conrelid AS moved, confrelid::regclass::text AS other,
            confdeltype AS "onDelete", confupdtype AS "onUpdate"
       FROM pg_constraint
      WHERE contype = 'f' AND conparentid = 0 AND conrelid = ANY ($1::oid[]) AND NOT confrelid = ANY ($1::oid[])
      ORDER BY conname`,
    [oids(side)],
  )
  return rows.map((row) => {
    const table = side.tables.find((one) => one.oid === row.moved)!
    const drop = `ALTER TABLE ${table.quoted} DROP CONSTRAINT ${ident(row.name)};`
    if (side.name === 'target') {
      return finding(
        'target-foreign-key',
        'warning',
        at(side, table),
        `Foreign key ${ident(row.name)} refers to ${row.other}, which this extraction does not fill: applied rows pass unchecked, and the service's own inserts fail while ${row.other} lacks the row.`,
        `${drop} or fill ${row.other} before the start.`,
      )
    }
    if (isAction(row.onDelete) || isAction(row.onUpdate)) {
      return finding(
        'foreign-key-cascade',
        'warning',
        at(side, table),
        `Foreign key ${ident(row.name)} carries changes of ${row.other}, which stays, into this table: for rows the service owns the guard refuses them (BN001), and with them the monolith's own statement on ${row.other}.`,
        `${drop} and delete such rows through the gateway (or on an event) when a row of ${row.other} goes.`,
      )
    }
    return finding(
      'foreign-key-out',
      'warning',
      at(side, table),
      `Foreign key ${ident(row.name)} refers to ${row.other}, which stays: the service cannot check it, and rows that come back by the reverse stream are not checked.`,
      `Let the service ask the monolith, or accept it; with the cutover: ${drop}`,
    )
  })
}

async function foreignKeysIn(side: SideView, scene: Scene): Promise<Finding[]> {
  if (side.name === 'target') return []
  const rows = await side.rows<Reference>(
    `SELECT conname::text AS name, confrelid AS moved, conrelid::regclass::text AS other, conrelid AS "otherOid",
            confdeltype AS "onDelete", confupdtype AS "onUpdate"
       FROM pg_constraint
      WHERE contype = 'f' AND conparentid = 0 AND confrelid = ANY ($1::oid[]) AND NOT conrelid = ANY ($1::oid[])
      ORDER BY conname`,
    [oids(side)],
  )
  const movers = rows.length > 0 ? await moversOf(side, scene) : new Map<number, string>()
  return rows.map((row) => {
    const table = side.tables.find((one) => one.oid === row.moved)!
    const mover = movers.get(row.otherOid)
    if (mover !== undefined) return movedToo(side, scene, row, mover)
    const action = isAction(row.onDelete)
      ? ' Its ON DELETE action does not run for rows the service deletes.'
      : ''
    return finding(
      'foreign-key-in',
      'warning',
      at(side, table),
      `${row.other}, which stays, refers to it by ${ident(row.name)}: a row deleted at the service leaves its references behind, and the table cannot be dropped after the end.${action}`,
      `Before the cutover: ALTER TABLE ${row.other} DROP CONSTRAINT ${ident(row.name)}; and check the reference in the monolith's code.`,
    )
  })
}

/** Which other extraction of the plan moves a table, by the table's oid. */
async function moversOf(side: SideView, { plan, extraction }: Scene): Promise<Map<number, string>> {
  const others = plan.extractions
    .filter((one) => one.name !== extraction.name)
    .map(movedTables)
    .flatMap(({ name, tables }) => tables.map((table) => ({ name, table: table.source })))
  const known = await side.rows<{ table: string; oid: number }>(
    'SELECT name AS table, to_regclass(name)::oid AS oid FROM unnest($1::text[]) AS name',
    [others.map(({ table }) => table)],
  )
  return new Map(
    others.flatMap(({ name, table }) => {
      const oid = known.find((one) => one.table === table)?.oid
      return oid ? [[oid, name] as const] : []
    }),
  )
}

/** The reference holds as long as this extraction's stream runs back: until the other has ended. */
function movedToo(side: SideView, { extraction }: Scene, row: Reference, mover: string): Finding {
  const table = side.tables.find((one) => one.oid === row.moved)!
  const what = `${row.other}, which moves with "${mover}", refers to it by ${ident(row.name)}`
  const ordered = extraction.completeAfter.includes(mover)
  return finding(
    'foreign-key-in-moved',
    ordered ? 'note' : 'warning',
    at(side, table),
    ordered
      ? `${what}: this extraction is completed after that one, and its stream keeps the reference's rows until then.`
      : `${what}: once this extraction is completed, the monolith's ${row.other} can refer to no younger row.`,
    ordered
      ? `Nothing to do: "banyan complete ${extraction.name}" waits for "${mover}".`
      : `Add to "${extraction.name}" in the plan: completeAfter: ['${mover}']`,
  )
}
