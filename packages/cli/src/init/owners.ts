import type { Communities, Community } from './communities.ts'
import { isPeople, wordsOf } from './nouns.ts'
import type { SurveyedTable } from './survey.ts'

/** As a plan says whose a row is. */
export type Owner =
  | string
  | { readonly through: string | readonly string[]; readonly parent: string }
  | null

/** Names for whoever a row belongs to, the likelier first. */
const NAMES = [
  'user_id',
  'owner_id',
  'account_id',
  'customer_id',
  'member_id',
  'tenant_id',
  'organization_id',
  'organisation_id',
  'org_id',
  'company_id',
  'team_id',
  'workspace_id',
  'author_id',
  'created_by',
]

/**
 * Whose the rows of each table of a community are, as far as names and keys tell: the column that most of its tables
 * have, else the way to it through a foreign key to another of them, else nobody's.
 */
export function ownersOf(
  { tables }: Community,
  { ties, hubs }: Pick<Communities, 'ties' | 'hubs'>,
): Map<string, Owner> {
  const people = new Set(
    hubs
      .filter(({ table }) => isPeople(wordsOf(table.bare).at(-1) ?? ''))
      .map(({ table }) => table.name),
  )
  const candidates = new Map<string, string[]>(
    tables.map(({ name, columns }) => {
      const referring = ties
        .filter((tie) => tie.from === name && people.has(tie.to) && tie.columns.length === 1)
        .map((tie) => tie.columns[0]!)
      const named = columns.map((column) => column.name).filter((one) => NAMES.includes(plain(one)))
      return [name, [...new Set([...referring, ...named])]]
    }),
  )
  const column = mostOften([...candidates.values()].flat())
  const owners = new Map<string, Owner>(
    tables.map(({ name }) => [
      name,
      (column !== null && candidates.get(name)!.includes(column) && column) || null,
    ]),
  )
  throughParents(tables, owners, ties)
  return owners
}

function throughParents(
  tables: readonly SurveyedTable[],
  owners: Map<string, Owner>,
  ties: Communities['ties'],
): void {
  // As often as there are tables: each round reaches one generation further.
  for (const _ of tables) {
    const found = tables
      .filter(({ name }) => owners.get(name) === null)
      .flatMap(({ name }) => {
        const way = ties.find(
          ({ from, to, reference }) =>
            from === name &&
            reference?.firm &&
            reference.required &&
            (owners.get(to) ?? null) !== null,
        )
        return way ? [{ name, way }] : []
      })
    for (const { name, way } of found) {
      const [only, ...more] = way.columns
      owners.set(name, { through: more.length === 0 ? only! : way.columns, parent: way.to })
    }
  }
}

function mostOften(columns: readonly string[]): string | null {
  const rank = (column: string) => {
    const at = NAMES.indexOf(plain(column))
    return at === -1 ? NAMES.length : at
  }
  const count = (column: string) => columns.filter((one) => one === column).length
  const [best] = [...new Set(columns)].sort(
    (a, b) => count(b) - count(a) || rank(a) - rank(b) || (a < b ? -1 : 1),
  )
  return best ?? null
}

/** `userId` is `user_id`. */
function plain(column: string): string {
  return column.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase()
}
