import { type Pool, transaction } from '@banyan/postgres'
import { leftovers } from '@banyan/replication'
import { type Finding, finding } from './finding.ts'
import { at, ident, READ_ONLY, type SideView } from './scene.ts'

/** That the target waits empty, and that nothing of an earlier attempt lies about. */
export const targetChecks = [targetIsEmpty]

async function targetIsEmpty(side: SideView): Promise<Finding[]> {
  if (side.name === 'source' || side.started) return []
  const found: Finding[] = []
  for (const table of side.tables) {
    const rows = await side.rows(`SELECT 1 FROM ${table.quoted} LIMIT 1`)
    if (rows.length === 0) continue
    found.push(
      finding(
        'target-not-empty',
        'error',
        at(side, table),
        'The table already has rows: those the source does not have would count as divergence, and a key of theirs may stop the copy.',
        `TRUNCATE ${table.quoted}; (nothing of it is needed once the source is copied)`,
      ),
    )
  }
  return found
}

/** Objects of ours that are here although this extraction has not started. */
export async function leftBehind(side: SideView, pool: Pool): Promise<Finding[]> {
  const things = await transaction(pool, (client) => leftovers(client), READ_ONLY)
  const known = await registered(side)
  return things
    .filter((thing) => !thing.startsWith('schema '))
    .filter((thing) => !belongsToKnown(thing, known))
    .map((thing) => {
      const mine = side.ownNames.some((name) => thing.endsWith(` ${name}`))
      return finding(
        'left-behind',
        mine ? 'error' : 'warning',
        `${side.name} ${thing}`,
        mine
          ? 'An earlier extraction of this name left it behind; a slot of another time would skip changes.'
          : 'It has a name of ours, and no extraction that is installed here uses it. A slot nobody reads fills the disk.',
        drop(thing),
      )
    })
}

async function registered(side: SideView): Promise<string[]> {
  const there = await side.rows<{ there: boolean }>(
    `SELECT to_regclass('banyan.extraction') IS NOT NULL AS there`,
  )
  if (!there[0]!.there) return []
  const rows = await side.rows<{ extraction: string }>('SELECT extraction FROM banyan.extraction')
  return rows.map((row) => row.extraction)
}

function belongsToKnown(thing: string, known: readonly string[]): boolean {
  // Guards name the extraction by number; while any is installed they are its own.
  if (thing.startsWith('trigger ')) return known.length > 0
  return known.some((name) =>
    thing.includes(` banyan_${name.toLowerCase().replace(/[^a-z0-9]/g, '_')}_`),
  )
}

function drop(thing: string): string {
  const [kind, name = ''] = thing.split(/ (.*)/s)
  switch (kind) {
    case 'slot':
      return `SELECT pg_drop_replication_slot('${name}');`
    case 'origin':
      return `SELECT pg_replication_origin_drop('${name}');`
    case 'publication':
      return `DROP PUBLICATION ${ident(name)};`
    case 'role':
      return `DROP ROLE ${ident(name)};`
    default: {
      const [trigger, table] = name.split(' on ')
      return `DROP TRIGGER ${ident(trigger!)} ON ${table};`
    }
  }
}
