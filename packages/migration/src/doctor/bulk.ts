import { type Finding, finding } from './finding.ts'
import { mentions, tablesOf } from './routines.ts'
import { at, ident, type SeenTable, type SideView } from './scene.ts'

/** Statements of the application that change rows of many owners at once, where the server has counted them. */
export const bulkChecks = [bulkStatements]

/** Rows a call changes on average before it is called bulk: one owner's children are seldom more. */
const MANY_ROWS = 50

interface Counted {
  readonly query: string
  readonly calls: number
  readonly rows: number
}

async function bulkStatements(side: SideView): Promise<Finding[]> {
  if (side.name === 'target' || side.started) return []
  const places = await side.rows<{ view: string }>(
    `SELECT format('%I.pg_stat_statements', n.nspname) AS view
       FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
      WHERE e.extname = 'pg_stat_statements'`,
  )
  const view = places[0]?.view
  if (!view) return []
  const statements = await side
    .rows<Counted>(
      `SELECT regexp_replace(s.query, '\\s+', ' ', 'g') AS query, s.calls::float8 AS calls, s.rows::float8 AS rows
       FROM ${view} s JOIN pg_database d ON d.oid = s.dbid
      WHERE d.datname = current_database() AND s.query ~* '\\y(update|delete)\\y' AND s.rows >= s.calls * $1
      ORDER BY s.rows / s.calls DESC LIMIT 200`,
      [MANY_ROWS],
    )
    .catch(noneUnlessLoaded)
  const tables = await tablesOf(side)
  return statements.flatMap((statement) => {
    const written = mentions(statement.query, tables).find((one) => one.writes)
    const table = side.tables.find((one) => one.oid === written?.table.oid)
    if (!table?.owner || namesOneOwner(statement.query, table.owner)) return []
    return [told(side, table, table.owner, statement)]
  })
}

/** The extension can be created without its library being preloaded; then it has counted nothing. */
function noneUnlessLoaded(error: Error & { code?: string }): Counted[] {
  const NOT_IN_PREREQUISITE_STATE = '55000'
  if (error.code === NOT_IN_PREREQUISITE_STATE) return []
  throw error
}

function told(side: SideView, table: SeenTable, owner: string, statement: Counted): Finding {
  const mean = Math.round(statement.rows / statement.calls)
  return finding(
    'bulk-statement',
    'warning',
    at(side, table),
    `This statement changes ${mean} rows a call without naming one ${ident(owner)}: ${statement.query.slice(0, 120)}. As soon as the service owns some of them it is refused as a whole (BN001).`,
    `Run it owner by owner (… WHERE ${ident(owner)} = $1), through the gateway; or before the start and after complete.`,
  )
}

function namesOneOwner(query: string, owner: string): boolean {
  const name = owner.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`"?${name}"?\\s*=\\s*\\$\\d`, 'i').test(query)
}
