import { pluralOf } from '../new-service/words.ts'
import { type Communities, type Community, communitiesOf, type Tie } from './communities.ts'
import { isPeople, wordsOf } from './nouns.ts'
import { type DocumentedPath, subjectsOf } from './openapi.ts'
import { type Owner, ownersOf } from './owners.ts'
import { reasonsOf } from './reasons.ts'
import { type ProposedRoute, routesFor } from './routes.ts'
import type { Survey, SurveyedTable } from './survey.ts'

/** A capability that could move as one. */
export interface Proposal {
  readonly name: string
  readonly tables: readonly (SurveyedTable & { readonly owner: Owner })[]
  readonly routes: readonly ProposedRoute[]
  /** Whether the routes come from a document; else they are guessed from the name. */
  readonly documented: boolean
  readonly crossing: readonly Tie[]
  /** Of all rows written, and of all bytes, 0 to 1. */
  readonly share: { readonly writes: number; readonly bytes: number }
  readonly writesPerSecond: number | null
  /** Why it stands where it stands, a sentence each. */
  readonly why: readonly string[]
}

export interface Proposed extends Pick<Communities, 'hubs' | 'bookkeeping'> {
  /** The one to move first, first. */
  readonly proposals: readonly Proposal[]
  /** Paths of the document that speak of no proposal. */
  readonly unmatched: readonly string[]
}

/**
 * Capabilities of a database, in the order in which they are best moved: those that can move user by user before those
 * that cannot; with fewer references to other capabilities; with routes of their own, where a document was given; with
 * the smaller share of writes and bytes; by name.
 */
export function propose(survey: Survey, paths: readonly DocumentedPath[] | null): Proposed {
  const found = communitiesOf(survey)
  const named = withNames(found)
  const matched = new Map(named.map(({ name }) => [name, [] as DocumentedPath[]]))
  const unmatched: string[] = []
  for (const path of paths ?? []) {
    const name = matchOf(path, named, found)
    if (name === null) unmatched.push(path.path)
    else matched.get(name)!.push(path)
  }
  const proposals = named
    .map(({ name, community }) =>
      proposalOf(name, community, found, survey, paths && matched.get(name)!, paths),
    )
    .sort(byEase)
  return { proposals, unmatched, hubs: found.hubs, bookkeeping: found.bookkeeping }
}

function byEase(a: Proposal, b: Proposal): number {
  const stuck = ({ tables }: Proposal) => Number(tables.some(({ owner }) => owner === null))
  const load = ({ share }: Proposal) => share.writes + share.bytes
  return (
    stuck(a) - stuck(b) ||
    a.crossing.length - b.crossing.length ||
    Number(b.documented) - Number(a.documented) ||
    load(a) - load(b) ||
    (a.name < b.name ? -1 : 1)
  )
}

interface Named {
  readonly name: string
  readonly community: Community
}

function withNames({ communities, nouns, ties }: Communities): Named[] {
  const taken = new Set<string>()
  return communities.map((community) => {
    const names = community.tables.map(({ name }) => name)
    const families = names.map((name) => nouns.get(name)!.family)
    const family = families.find((one) => families.filter((other) => other === one).length > 1)
    const root = [...names].sort(
      (a, b) => referred(b, names, ties) - referred(a, names, ties) || (a < b ? -1 : 1),
    )[0]!
    const wished = family !== undefined ? family : withoutPeople(nouns.get(root)!.whole)
    let name = wished
    for (let n = 2; taken.has(name); n++) name = `${wished}-${n}`
    taken.add(name)
    return { name, community }
  })
}

function referred(name: string, among: readonly string[], ties: readonly Tie[]): number {
  return ties.filter(({ from, to }) => to === name && among.includes(from)).length
}

/** `user-profile` is the users' profile: whose it is, is no part of what it is. */
function withoutPeople(whole: string): string {
  const words = whole.split('-')
  return words.length > 1 && isPeople(words[0]!) ? words.slice(1).join('-') : whole
}

/** The proposal that a path speaks of: by its first word, then by its tags, then by any word. */
function matchOf(
  { path, tags }: DocumentedPath,
  all: readonly Named[],
  { nouns }: Communities,
): string | null {
  const [first, ...later] = subjectsOf(path)
  const tagged = tags.map((tag) => wordsOf(tag).join('-'))
  const points = all.map(({ name, community }) => {
    const words = new Set([name])
    for (const table of community.tables) {
      const { whole, family } = nouns.get(table.name)!
      words.add(whole).add(family)
      if (whole.startsWith(`${family}-`)) words.add(whole.slice(family.length + 1))
    }
    const hit = (word: string | undefined) => word !== undefined && words.has(word)
    return (hit(first) ? 4 : 0) + (tagged.some(hit) ? 2 : 0) + (later.some(hit) ? 1 : 0)
  })
  const most = Math.max(0, ...points)
  return most === 0 ? null : all[points.indexOf(most)]!.name
}

function proposalOf(
  name: string,
  community: Community,
  found: Communities,
  survey: Survey,
  own: readonly DocumentedPath[] | null,
  all: readonly DocumentedPath[] | null,
): Proposal {
  const owners = ownersOf(community, found)
  const tables = community.tables.map((table) => ({
    ...table,
    owner: owners.get(table.name) ?? null,
  }))
  const total = (of: readonly SurveyedTable[], what: 'writes' | 'bytes') =>
    of.reduce((sum, table) => sum + table[what], 0)
  const shareOf = (what: 'writes' | 'bytes') =>
    total(tables, what) / (total(survey.tables, what) || 1)
  const rates = tables.map(({ writesPerSecond }) => writesPerSecond)
  const documented = own !== null && own.length > 0
  const known = {
    name,
    tables,
    documented,
    routes: documented
      ? routesFor(own, all!)
      : [`/${pluralOf(name)}`, `/${pluralOf(name)}/*`].map((path) => ({
          methods: [],
          path,
          owner: null,
        })),
    crossing: community.crossing,
    share: { writes: shareOf('writes'), bytes: shareOf('bytes') },
    writesPerSecond: rates.includes(null)
      ? null
      : rates.reduce<number>((sum, one) => sum + one!, 0),
  }
  return { ...known, why: reasonsOf(known, found, all !== null) }
}
