import { type Finding, finding } from './finding.ts'
import { routinesOf } from './routines.ts'
import { at, ident, oids, type SeenTable, type SideView } from './scene.ts'

/** That each row says whose it is, and goes on saying the same. */
export const ownerChecks = [
  ownerColumns,
  ownerInParent,
  ownerChangedByReference,
  ownerChangedByTrigger,
]

interface OwnerColumn {
  readonly type: string
  readonly required: boolean
  readonly generated: boolean
}

/** Types whose text is the same for the same value, whoever prints it. */
const PLAIN_TYPES = ['text', 'character varying', 'uuid', 'smallint', 'integer', 'bigint']

async function ownerColumns(side: SideView): Promise<Finding[]> {
  const found: Finding[] = []
  for (const table of side.tables) {
    if (table.owner === null) continue
    const rows = await side.rows<OwnerColumn>(
      `SELECT format_type(atttypid, NULL) AS type, attnotnull AS required, attgenerated <> '' AS generated
         FROM pg_attribute WHERE attrelid = $1 AND attname = $2 AND attnum > 0 AND NOT attisdropped`,
      [table.oid, table.owner],
    )
    found.push(...judge(side, table, table.owner, rows[0]))
  }
  return found
}

function judge(
  side: SideView,
  table: SeenTable,
  owner: string,
  column: OwnerColumn | undefined,
): Finding[] {
  const subject = at(side, table)
  const sql = `ALTER TABLE ${table.quoted}`
  if (!column) {
    return [
      finding(
        'owner-missing',
        'error',
        subject,
        `There is no column ${ident(owner)}, which the plan names as the owner key.`,
        `Correct "owner" in the plan, or: ${sql} ADD COLUMN ${ident(owner)} text; fill it, then SET NOT NULL.`,
      ),
    ]
  }
  const found: Finding[] = []
  if (column.generated) {
    found.push(
      finding(
        'owner-generated',
        'error',
        subject,
        `${ident(owner)} is a generated column: the stream does not carry it.`,
        `${sql} ALTER COLUMN ${ident(owner)} DROP EXPRESSION; (for a stored one; then let the application write it)`,
      ),
    )
  }
  if (!column.required && !column.generated) {
    found.push(
      finding(
        'owner-nullable',
        'warning',
        subject,
        `${ident(owner)} may be NULL: such rows all fall into one bucket that no request names.`,
        `${sql} ALTER COLUMN ${ident(owner)} SET NOT NULL; (after giving such rows an owner)`,
      ),
    )
  }
  if (!PLAIN_TYPES.includes(column.type)) {
    found.push(
      finding(
        'owner-type',
        'warning',
        subject,
        `${ident(owner)} is of type ${column.type}: two values that are equal there may differ as text, and then fall into different buckets.`,
        `${sql} ALTER COLUMN ${ident(owner)} TYPE text; or make sure that requests and rows carry the very same text.`,
      ),
    )
  }
  return found
}

async function ownerInParent(side: SideView): Promise<Finding[]> {
  if (side.name === 'target') return []
  const found: Finding[] = []
  for (const table of side.tables.filter((one) => one.spec.owner === null)) {
    const parents = await side.rows<{ parent: number; mine: string; theirs: string }>(
      `SELECT f.confrelid AS parent, a.attname::text AS mine, b.attname::text AS theirs
         FROM pg_constraint f
         JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[1]
         JOIN pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = f.confkey[1]
        WHERE f.conrelid = $1 AND f.contype = 'f' AND f.confrelid = ANY ($2::oid[]) AND f.confrelid <> f.conrelid`,
      [table.oid, oids(side)],
    )
    const reference = parents.find((one) => ownerOf(side, one.parent) !== null)
    found.push(reference ? throughParent(side, table, reference) : whole(side, table))
  }
  return found
}

function ownerOf(side: SideView, oid: number): string | null {
  return side.tables.find((table) => table.oid === oid)?.owner ?? null
}

function throughParent(
  side: SideView,
  table: SeenTable,
  reference: { parent: number; mine: string; theirs: string },
): Finding {
  const parent = side.tables.find((one) => one.oid === reference.parent)!
  return finding(
    'owner-in-parent',
    'warning',
    at(side, table),
    `Its rows find their owner through ${parent.quoted}, but the plan moves the table as one bucket, apart from its parents.`,
    `In the plan: owner: { through: '${reference.mine}', parent: '${parent.spec.source}' }; the foreign key must be validated and NOT DEFERRABLE on both sides.`,
  )
}

function whole(side: SideView, table: SeenTable): Finding {
  return finding(
    'owner-none',
    'note',
    at(side, table),
    'The plan names no owner key: the whole table is handed over at once, with the step that holds its bucket.',
    'Name the column that says whose row it is as "owner" in the plan, if there is one.',
  )
}

async function ownerChangedByReference(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<{ oid: number; name: string; column: string; action: string }>(
    `SELECT f.conrelid AS oid, f.conname::text AS name, a.attname::text AS column,
            concat_ws(', ',
              CASE WHEN f.confupdtype IN ('c', 'n', 'd') THEN 'ON UPDATE ' || CASE f.confupdtype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' ELSE 'SET DEFAULT' END END,
              CASE WHEN f.confdeltype IN ('n', 'd') THEN 'ON DELETE ' || CASE f.confdeltype WHEN 'n' THEN 'SET NULL' ELSE 'SET DEFAULT' END END) AS action
       FROM pg_constraint f
       JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = ANY (f.conkey)
      WHERE f.contype = 'f' AND f.conrelid = ANY ($1::oid[])
        AND (f.confupdtype IN ('c', 'n', 'd') OR f.confdeltype IN ('n', 'd'))`,
    [oids(side)],
  )
  return rows
    .filter((row) => ownerOf(side, row.oid) === row.column)
    .map((row) => {
      const table = side.tables.find((one) => one.oid === row.oid)!
      return finding(
        'owner-changed-by-reference',
        'warning',
        at(side, table),
        `Foreign key ${ident(row.name)} changes the owner key (${row.action}): the row would leave its bucket, and the change is refused when the two buckets have different owners.`,
        `ALTER TABLE ${table.quoted} DROP CONSTRAINT ${ident(row.name)}; and add it again with ON UPDATE NO ACTION ON DELETE NO ACTION.`,
      )
    })
}

async function ownerChangedByTrigger(side: SideView): Promise<Finding[]> {
  const triggers = await side.rows<{
    oid: number
    name: string
    routine: number
    /** Its guard is a row's trigger, too; any other looks when all of them have run. */
    partitioned: boolean
  }>(
    // Type bits 0 and 1: for each row, before. Only such a trigger can change the row.
    `SELECT tgrelid AS oid, tgname::text AS name, tgfoid AS routine,
            EXISTS (SELECT FROM pg_partition_tree(tgrelid)) AS partitioned
       FROM pg_trigger
      WHERE tgrelid = ANY ($1::oid[]) AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 3 = 3
        AND tgname NOT LIKE '~banyan\\_%' ORDER BY tgname`,
    [oids(side)],
  )
  if (triggers.length === 0) return []
  const routines = await routinesOf(side)
  const found: Finding[] = []
  for (const trigger of triggers) {
    const table = side.tables.find((one) => one.oid === trigger.oid)!
    const text = routines.find((routine) => routine.oid === trigger.routine)?.text
    if (table.owner === null || !text || !assigns(text, table.owner)) continue
    const after = trigger.partitioned && trigger.name > '~banyan_guard'
    found.push(
      finding(
        'owner-changed-by-trigger',
        after ? 'error' : 'warning',
        at(side, table),
        after
          ? `Trigger ${ident(trigger.name)} sets ${ident(table.owner)} after the guard has looked at the row, since its name sorts last.`
          : `Trigger ${ident(trigger.name)} sets ${ident(table.owner)}: the row may end in another bucket than the request was routed by, and is refused there.`,
        after
          ? `ALTER TRIGGER ${ident(trigger.name)} ON ${table.quoted} RENAME TO ${ident(`a_${trigger.name.replace(/[^A-Za-z0-9_]/g, '')}`)};`
          : `Let the application write ${ident(table.owner)}, then: ALTER TABLE ${table.quoted} DISABLE TRIGGER ${ident(trigger.name)};`,
      ),
    )
  }
  return found
}

/** Whether a trigger function assigns to NEW.column: `=` is an assignment only where a statement begins. */
function assigns(text: string, column: string): boolean {
  const name = column.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const target = `new\\s*\\.\\s*(?:"${name}"|${name})`
  return new RegExp(
    `(?:;|\\b(?:begin|then|else|loop)\\b)\\s*${target}\\s*:?=|\\binto\\s+(?:strict\\s+)?${target}\\b`,
    'i',
  ).test(text)
}
