import type { SideView } from './scene.ts'

/** A function or procedure of the application, with the text of its definition. */
export interface Routine {
  readonly oid: number
  readonly name: string
  /** `schema.name(argument types)`. */
  readonly signature: string
  /** Without comments. */
  readonly text: string
}

/** A table, as function texts may name it. */
export interface NamedTable {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly quoted: string
}

/** What a routine does with a table, by itself or by what it calls. */
export interface Effect {
  readonly table: NamedTable
  readonly writes: boolean
  /** The routine whose text names the table. */
  readonly via: Routine
}

/** The application's own routines that have a text: not ours, not an extension's, not C. */
export async function routinesOf(side: Pick<SideView, 'rows'>): Promise<Routine[]> {
  const rows = await side.rows<Routine>(
    `SELECT p.oid, p.proname::text AS name, format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)) AS signature,
            pg_get_functiondef(p.oid) AS text
       FROM pg_proc p
       JOIN pg_namespace n ON n.oid = p.pronamespace
       JOIN pg_language l ON l.oid = p.prolang
      WHERE p.prokind IN ('f', 'p') AND l.lanname NOT IN ('c', 'internal')
        AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'banyan')
        AND NOT EXISTS (SELECT FROM pg_depend d
                         WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
      ORDER BY 3`,
  )
  return rows.map((row) => ({ ...row, text: withoutComments(row.text) }))
}

/** Every table of the application. */
export async function tablesOf(side: Pick<SideView, 'rows'>): Promise<NamedTable[]> {
  return side.rows<NamedTable>(
    `SELECT c.oid, n.nspname::text AS schema, c.relname::text AS name, format('%I.%I', n.nspname, c.relname) AS quoted
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'banyan', 'banyan_control')
        AND n.nspname NOT LIKE 'pg\\_%'
      ORDER BY 3`,
  )
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, ' ').replace(/--[^\n]*/g, ' ')
}

const NAME = '(?:"(?:[^"]|"")+"|[A-Za-z_\\u0080-\\uffff][\\w$\\u0080-\\uffff]*)'
/** Texts of EXECUTE are searched like the rest: what a function builds at run time is a guess all the same. */
const STATEMENT = new RegExp(
  `\\b(insert\\s+into|update(?:\\s+only)?|delete\\s+from(?:\\s+only)?|merge\\s+into|truncate(?:\\s+table)?|copy|from|join|using)\\s+(${NAME}(?:\\s*\\.\\s*${NAME})?)`,
  'gi',
)

/** What a routine reads and writes, following the routines it calls; each table once, writing before reading. */
export function effectsOf(
  start: Routine,
  routines: readonly Routine[],
  tables: readonly NamedTable[],
): Effect[] {
  const seen = new Set<Routine>()
  const effects = new Map<number, Effect>()
  const visit = (routine: Routine) => {
    if (seen.has(routine)) return
    seen.add(routine)
    for (const { table, writes } of mentions(routine.text, tables)) {
      if (!effects.get(table.oid)?.writes && (writes || !effects.has(table.oid))) {
        effects.set(table.oid, { table, writes, via: routine })
      }
    }
    for (const other of routines) if (calls(routine, other)) visit(other)
  }
  visit(start)
  return [...effects.values()]
}

/** What a routine may do besides to notify, or have done; a comparison with such a word is taken for one, too. */
const DOES =
  /\b(insert|update|delete|merge|truncate|copy|execute|call|select|into|create|alter|drop|set)\b/i

/** Whether all that a routine does is to notify (`PERFORM pg_notify(…)`): it touches no table, and calls no other routine. */
export function onlyNotifies(routine: Routine, routines: readonly Routine[]): boolean {
  const text = routine.text.slice(routine.text.search(/\bas\s+\$/i))
  const performed = [...text.matchAll(/\bperform\s+([\w.]+)/gi)].map((match) => match[1]!)
  return (
    performed.length > 0 &&
    performed.every((name) => /^(pg_catalog\.)?pg_notify$/i.test(name)) &&
    !DOES.test(text) &&
    !routines.some((other) => calls({ ...routine, text }, other))
  )
}

/** Every place where a text of SQL names one of the tables, in order. */
export function mentions(
  text: string,
  tables: readonly NamedTable[],
): { table: NamedTable; writes: boolean }[] {
  return [...text.matchAll(STATEMENT)].flatMap((match) => {
    const writes = !/^(from|join|using)$/i.test(match[1]!)
    return named(match[2]!, tables).map((table) => ({ table, writes }))
  })
}

/** A name without a schema may be any schema's table: the search path at run time is not known. */
function named(given: string, tables: readonly NamedTable[]): NamedTable[] {
  const parts = [...given.matchAll(new RegExp(NAME, 'g'))].map(([part]) =>
    part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part.toLowerCase(),
  )
  const name = parts.at(-1)
  const schema = parts.length > 1 ? parts[0] : undefined
  return tables.filter(
    (table) => table.name === name && (schema === undefined || table.schema === schema),
  )
}

function calls(routine: Routine, other: Routine): boolean {
  if (routine === other) return false
  const name = other.name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`(?<![\\w$])"?${name}"?\\s*\\(`, 'i').test(routine.text)
}
