import { type Finding, finding } from './finding.ts'
import { effectsOf, onlyNotifies, type Routine, routinesOf, tablesOf } from './routines.ts'
import { at, ident, oids, type SideView } from './scene.ts'

/** Triggers and rules that tie moved tables to the rest, by the text of their functions. */
export const triggerChecks = [triggersOnMoved, triggersElsewhere, targetTriggers, rulesOnMoved]

interface Trigger {
  readonly oid: number
  readonly table: string
  readonly name: string
  readonly routine: number
  /** As in pg_trigger: O (origin), A (always), R (replica). */
  readonly enabled: string
  /** Whether it runs after the row was written, which it cannot change any more. */
  readonly after: boolean
}

const TRIGGERS = `
  SELECT t.tgrelid AS oid, t.tgrelid::regclass::text AS table, t.tgname::text AS name, t.tgfoid AS routine, t.tgenabled AS enabled,
         (t.tgtype & 66) = 0 AS after
    FROM pg_trigger t
    JOIN pg_class c ON c.oid = t.tgrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgparentid = 0 AND t.tgname NOT LIKE '~banyan\\_%'
     AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'banyan', 'banyan_control')
   ORDER BY t.tgname`

async function triggersOnMoved(side: SideView): Promise<Finding[]> {
  const moved = oids(side)
  const triggers = (await side.rows<Trigger>(TRIGGERS)).filter((one) => moved.includes(one.oid))
  if (triggers.length === 0) return []
  const [routines, tables] = await Promise.all([routinesOf(side), tablesOf(side)])
  const unmoved = tables.filter((table) => !moved.includes(table.oid))
  const found: Finding[] = []
  for (const trigger of triggers) {
    const table = side.tables.find((one) => one.oid === trigger.oid)!
    const routine = routines.find((one) => one.oid === trigger.routine)
    found.push(...always(side, table, trigger, routine, routines))
    if (side.name === 'target') continue
    const effects = routine ? effectsOf(routine, routines, unmoved) : []
    const written = effects.filter((effect) => effect.writes)
    const disable = `ALTER TABLE ${table.quoted} DISABLE TRIGGER ${ident(trigger.name)};`
    if (written.length > 0) {
      const names = written.map((effect) => effect.table.quoted).join(', ')
      found.push(
        finding(
          'trigger-into-unmoved',
          'error',
          at(side, table),
          `Trigger ${ident(trigger.name)} writes ${names}, which does not move (${written[0]!.via.signature}): the service cannot do that in its transaction, and for rows that come back by the reverse stream it does not fire.`,
          `Move ${names} too (add to "tables" in the plan), or let the application write it apart from this table and then: ${disable}`,
        ),
      )
    } else if (effects.length > 0) {
      const names = effects.map((effect) => effect.table.quoted).join(', ')
      found.push(
        finding(
          'trigger-reads-unmoved',
          'warning',
          at(side, table),
          `Trigger ${ident(trigger.name)} reads ${names}, which does not move: the service has to do without, or ask the monolith.`,
          `Do in the service what the trigger does; with the cutover: ${disable}`,
        ),
      )
    } else {
      found.push(
        finding(
          'trigger-stays',
          'note',
          at(side, table),
          `Trigger ${ident(trigger.name)} stays with the monolith; what it does has to be done by the service, or by the same trigger there.`,
          `Create it in the target database, or do it in the service's code.`,
        ),
      )
    }
  }
  return found
}

function always(
  side: SideView,
  table: { quoted: string },
  trigger: Trigger,
  routine: Routine | undefined,
  routines: readonly Routine[],
): Finding[] {
  if (trigger.enabled === 'O') return []
  const name = ident(trigger.name)
  const word = trigger.enabled === 'A' ? 'ALWAYS' : 'REPLICA'
  const asOthers = `ALTER TABLE ${table.quoted} ENABLE TRIGGER ${name};`
  if (trigger.after && routine && onlyNotifies(routine, routines)) {
    return [
      finding(
        'trigger-notifies-on-apply',
        'note',
        at(side, table),
        `Trigger ${name} is ENABLE ${word}, and notifies: also of every row that is copied or applied.`,
        `Nothing, where whoever listens should hear of those too, as caches should; else: ${asOthers}`,
      ),
    ]
  }
  return [
    finding(
      'trigger-fires-on-apply',
      'error',
      at(side, table),
      `Trigger ${name} is ENABLE ${word}: it fires for every row that is copied or applied, a second time for each change.`,
      asOthers,
    ),
  ]
}

async function triggersElsewhere(side: SideView): Promise<Finding[]> {
  if (side.name === 'target') return []
  const moved = oids(side)
  const triggers = (await side.rows<Trigger>(TRIGGERS)).filter((one) => !moved.includes(one.oid))
  if (triggers.length === 0) return []
  const [routines, tables] = await Promise.all([routinesOf(side), tablesOf(side)])
  const movedTables = tables.filter((table) => moved.includes(table.oid))
  return triggers.flatMap((trigger) => {
    const routine = routines.find((one) => one.oid === trigger.routine)
    const written = routine
      ? effectsOf(routine, routines, movedTables).filter((effect) => effect.writes)
      : []
    if (written.length === 0) return []
    const names = written.map((effect) => effect.table.quoted).join(', ')
    return [
      finding(
        'trigger-from-unmoved',
        'error',
        `${side.name} ${trigger.table}`,
        `Trigger ${ident(trigger.name)} of a table that stays writes ${names} (${written[0]!.via.signature}): for rows the service owns the guard refuses it (BN001), and with it the monolith's own statement on ${trigger.table}.`,
        `Let the application make that change through the gateway, then: ALTER TABLE ${trigger.table} DISABLE TRIGGER ${ident(trigger.name)};`,
      ),
    ]
  })
}

async function targetTriggers(side: SideView): Promise<Finding[]> {
  if (side.name === 'source') return []
  const moved = oids(side)
  const triggers = (await side.rows<Trigger>(TRIGGERS)).filter((one) => moved.includes(one.oid))
  return triggers
    .filter((trigger) => trigger.enabled === 'O')
    .map((trigger) =>
      finding(
        'target-trigger',
        'note',
        at(side, side.tables.find((one) => one.oid === trigger.oid)!),
        `Trigger ${ident(trigger.name)} fires for the service's own writes, not for rows that are copied or applied.`,
        'What it would have filled for those rows must be in the mapping ("forward" in the plan).',
      ),
    )
}

async function rulesOnMoved(side: SideView): Promise<Finding[]> {
  const rows = await side.rows<{ oid: number; name: string }>(
    `SELECT ev_class AS oid, rulename::text AS name FROM pg_rewrite
      WHERE ev_class = ANY ($1::oid[]) AND rulename <> '_RETURN' ORDER BY rulename`,
    [oids(side)],
  )
  return rows.map(({ oid, name }) => {
    const table = side.tables.find((one) => one.oid === oid)!
    return finding(
      'rule-on-moved',
      'error',
      at(side, table),
      `Rule ${ident(name)} rewrites statements on the table, before any guard sees a row.`,
      `Write it as a trigger, then: DROP RULE ${ident(name)} ON ${table.quoted};`,
    )
  })
}
