import type { Communities, Tie } from './communities.ts'
import type { Owner } from './owners.ts'
import type { Proposal } from './proposals.ts'

/** Why a proposal stands where it stands, a sentence each; `asked`: a document of routes was given. */
export function reasonsOf(
  { tables, crossing, share, documented, routes, writesPerSecond }: Omit<Proposal, 'why'>,
  { hubs, ties }: Communities,
  asked: boolean,
): string[] {
  const reasons: string[] = []
  const nobodys = tables.filter(({ owner }) => owner === null).map(({ name }) => name)
  reasons.push(
    nobodys.length === 0
      ? `Every row says whose it is (${[...new Set(tables.map(({ owner }) => wordOf(owner)))].sort(byWay).join(', ')}): it can move a share of the users at a time.`
      : `Nothing says whose the rows of ${nobodys.join(', ')} are: as it stands, it can only move all at once.`,
  )
  reasons.push(
    crossing.length === 0
      ? 'No reference leads from it to another capability, or back.'
      : `${crossing.length} ${crossing.length === 1 ? 'reference crosses' : 'references cross'} its border: ${crossing.map(told).join(', ')}.`,
  )
  const names = new Set(tables.map(({ name }) => name))
  const stays = hubs.filter(({ table }) =>
    ties.some((tie) => names.has(tie.from) && tie.to === table.name),
  )
  if (stays.length > 0) {
    reasons.push(
      `It refers to ${stays.map(({ table }) => table.name).join(', ')}, which stays: the service cannot check that.`,
    )
  }
  if (asked) {
    reasons.push(
      documented
        ? `It has routes of its own: ${routes.map(({ path }) => path).join(', ')}.`
        : 'No route of the document speaks of it.',
    )
  }
  const rate = writesPerSecond === null ? '' : `, ${rounded(writesPerSecond)} rows written a second`
  reasons.push(
    `${tables.length} ${tables.length === 1 ? 'table' : 'tables'}, ${percent(share.bytes)} of the bytes, ${percent(share.writes)} of the rows written${rate}.`,
  )
  return reasons
}

function wordOf(owner: Owner): string {
  if (owner === null) return 'nobody'
  return typeof owner === 'string' ? owner : `through ${[owner.through].flat().join(', ')}`
}

/** Columns of their own before ways to others'. */
function byWay(a: string, b: string): number {
  return Number(a.includes(' ')) - Number(b.includes(' ')) || (a < b ? -1 : 1)
}

function told({ from, to, columns, reference }: Tie): string {
  return `${from} (${columns.join(', ')}) -> ${to}${reference ? '' : ' by name, without a foreign key'}`
}

function percent(share: number): string {
  return share > 0 && share < 0.01 ? 'under 1 %' : `${Math.round(share * 100)} %`
}

function rounded(rate: number): string {
  return rate === 0 || rate >= 10 ? String(Math.round(rate)) : rate.toPrecision(2)
}
