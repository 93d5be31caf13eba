import { isPeople, type Noun, nounsOf } from './nouns.ts'
import type { Reference, Survey, SurveyedTable } from './survey.ts'

/** Tables that belong together. */
export interface Community {
  /** As in the survey, by name. */
  readonly tables: readonly SurveyedTable[]
  /** References to and from tables of other communities. */
  readonly crossing: readonly Tie[]
}

/** That a row of one table speaks of a row of another. */
export interface Tie {
  readonly from: string
  readonly to: string
  /** Its foreign key; null where only a column's name says so. */
  readonly reference: Reference | null
  readonly columns: readonly string[]
}

export interface Communities {
  readonly communities: readonly Community[]
  /** Tables that many others point to: they stay, and each with how many do. */
  readonly hubs: readonly { readonly table: SurveyedTable; readonly referrers: number }[]
  /** What tools keep for themselves, such as which migrations have run. */
  readonly bookkeeping: readonly string[]
  readonly nouns: ReadonlyMap<string, Noun>
  readonly ties: readonly Tie[]
}

/**
 * How strongly a tie pulls the table it leaves towards the one it names. A row that goes with its parent, or is known
 * by it, is a part of it; one that must have it still has a life of its own.
 */
const PULL = { part: 4, required: 2, optional: 1, name: 1, family: 3, own: 2 } as const

/** As many tables of other matters must point to a table before it is a hub; to one of people, fewer. */
const HUB = { families: 3, familiesOfPeople: 2 } as const

const BOOKKEEPING =
  /^(schema_?migrations?|migrations?|knex_migrations(_lock)?|_prisma_migrations|flyway_schema_history|databasechangelog(lock)?|__?drizzle_migrations|ar_internal_metadata|alembic_version|django_migrations|typeorm_metadata|sequelizemeta|pgmigrations|goose_db_version|__efmigrationshistory)$/i

/**
 * Groups tables by what ties them: foreign keys, columns named after another table (`album_id`, without a key), and
 * names that begin alike. Hubs and bookkeeping are set aside first. Then each table is a group; as long as one is
 * pulled to a single other by more than half of all that holds it (its ties out, those inside it, and 2 of its own),
 * the one that is pulled most joins it. Equal pulls go by name, so the same tables give the same groups.
 */
export function communitiesOf({
  tables,
  references,
}: Pick<Survey, 'tables' | 'references'>): Communities {
  const bookkeeping = tables.filter(({ bare }) => BOOKKEEPING.test(bare)).map(({ name }) => name)
  const own = tables.filter(({ name }) => !bookkeeping.includes(name))
  const bare = nounsOf(own.map((table) => table.bare))
  const nouns = new Map(own.map((table) => [table.name, bare.get(table.bare)!]))
  const ties = tiesOf(own, references, nouns)
  const hubs = own.flatMap((table) => {
    const referrers = referrersOf(table.name, ties)
    return isHub(table.name, referrers, nouns) ? [{ table, referrers: referrers.length }] : []
  })
  const set = new Set(hubs.map(({ table }) => table.name))
  const rest = own.filter(({ name }) => !set.has(name))
  const groups = grouped(
    rest,
    ties.filter(({ from, to }) => !set.has(from) && !set.has(to)),
    nouns,
  )
  return {
    hubs,
    bookkeeping,
    nouns,
    ties,
    communities: groups.map((group) => community(group, tables, ties, set)),
  }
}

function community(
  group: ReadonlySet<string>,
  tables: readonly SurveyedTable[],
  ties: readonly Tie[],
  hubs: ReadonlySet<string>,
): Community {
  return {
    tables: tables.filter(({ name }) => group.has(name)),
    crossing: ties.filter(
      ({ from, to }) => group.has(from) !== group.has(to) && !hubs.has(from) && !hubs.has(to),
    ),
  }
}

function tiesOf(
  tables: readonly SurveyedTable[],
  references: readonly Reference[],
  nouns: ReadonlyMap<string, Noun>,
): Tie[] {
  const known = new Set(tables.map(({ name }) => name))
  const keyed = references
    .filter(({ from, to }) => from !== to && known.has(from) && known.has(to))
    .map(
      (reference): Tie => ({
        from: reference.from,
        to: reference.to,
        reference,
        columns: reference.columns,
      }),
    )
  return [...keyed, ...tables.flatMap((table) => namedTies(table, tables, references, nouns))]
}

/** `album_id` of the type of that table's key, where no foreign key says what it is. */
function namedTies(
  table: SurveyedTable,
  tables: readonly SurveyedTable[],
  references: readonly Reference[],
  nouns: ReadonlyMap<string, Noun>,
): Tie[] {
  const keyed = new Set(
    references.filter(({ from }) => from === table.name).flatMap(({ columns }) => columns),
  )
  return table.columns.flatMap(({ name, type }): Tie[] => {
    const stem = /^(.+?)_?id$/i.exec(name)?.[1]
    if (stem === undefined || keyed.has(name)) return []
    const wanted = nounsOf([stem]).get(stem)!.whole
    const to = tables.find((other) => {
      const [key, ...more] = other.key
      const fits = other.columns.find((column) => column.name === key)?.type === type
      return other !== table && more.length === 0 && fits && nouns.get(other.name)!.whole === wanted
    })
    return to ? [{ from: table.name, to: to.name, reference: null, columns: [name] }] : []
  })
}

function referrersOf(name: string, ties: readonly Tie[]): string[] {
  return [...new Set(ties.filter(({ to }) => to === name).map(({ from }) => from))]
}

function isHub(
  name: string,
  referrers: readonly string[],
  nouns: ReadonlyMap<string, Noun>,
): boolean {
  const { family, whole } = nouns.get(name)!
  const others = new Set(referrers.map((one) => nouns.get(one)!.family))
  others.delete(family)
  return others.size >= (isPeople(whole) ? HUB.familiesOfPeople : HUB.families)
}

function grouped(
  tables: readonly SurveyedTable[],
  ties: readonly Tie[],
  nouns: ReadonlyMap<string, Noun>,
): Set<string>[] {
  let groups = tables.map(({ name }) => new Set([name]))
  for (;;) {
    const joins = groups.flatMap((group) => strongestJoin(group, groups, ties, nouns) ?? [])
    const [first] = joins.sort(
      (a, b) => b.share - a.share || compare(firstOf(a.group), firstOf(b.group)),
    )
    if (!first) return groups.sort((a, b) => compare(firstOf(a), firstOf(b)))
    const joined = new Set([...first.group, ...first.to])
    groups = [...groups.filter((one) => one !== first.group && one !== first.to), joined]
  }
}

interface Join {
  readonly group: Set<string>
  readonly to: Set<string>
  /** Of all that holds the group, the part that leads there. */
  readonly share: number
}

function strongestJoin(
  group: Set<string>,
  groups: readonly Set<string>[],
  ties: readonly Tie[],
  nouns: ReadonlyMap<string, Noun>,
): Join | null {
  const families = (one: ReadonlySet<string>) => [...one].map((name) => nouns.get(name)!.family)
  const mine = new Set(families(group))
  const leaving = ties.filter(({ from }) => group.has(from))
  const alike = groups.filter(
    (one) => one !== group && families(one).some((word) => mine.has(word)),
  )
  const whole = PULL.own + sum(leaving) + (alike.length > 0 ? PULL.family : 0)
  const joins = groups
    .filter((one) => one !== group)
    .map((to): Join => {
      const pull =
        sum(leaving.filter((tie) => to.has(tie.to))) + (alike.includes(to) ? PULL.family : 0)
      return { group, to, share: pull / whole }
    })
    .filter(({ share }) => share > 0.5)
    .sort((a, b) => b.share - a.share || compare(firstOf(a.to), firstOf(b.to)))
  return joins[0] ?? null
}

function sum(ties: readonly Tie[]): number {
  return ties.reduce((total, tie) => total + pullOf(tie), 0)
}

function pullOf({ reference }: Tie): number {
  if (reference === null) return PULL.name
  if (reference.cascades || reference.inKey) return PULL.part
  return reference.required ? PULL.required : PULL.optional
}

function firstOf(group: ReadonlySet<string>): string {
  return [...group].sort(compare)[0]!
}

/** By code unit, the same everywhere. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
