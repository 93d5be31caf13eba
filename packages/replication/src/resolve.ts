import type { Queryable } from '@banyan/postgres'
import { badPlan, describeTable, nearNames, quoteIdent } from './catalog.ts'
import { mayPass } from './failures.ts'
import { foldedForward, resolveFold } from './fold.ts'
import {
  type ColumnExpr,
  type ColumnSource,
  declaredLosses,
  type TableSide,
  type TableSpec,
} from './mapping.ts'
import type { Ownerless } from './resolve-owner.ts'

/** Looks one table of a plan up and checks its mapping; see `resolveTables`. */
export async function resolveTable(
  sourceDb: Queryable,
  targetDb: Queryable,
  spec: TableSpec,
): Promise<Ownerless> {
  const source = await describeTable(sourceDb, spec.source, 'source')
  const row = await describeTable(targetDb, spec.target, 'target')
  const folded = spec.fold && (await resolveFold(targetDb, spec, source, row))
  const target = folded?.target ?? row
  const oneWay: string[] = []
  const forward = readMapping(spec.source, 'forward', foldedForward(spec), source, target)
  if (!spec.forward) refuseUnmapped(spec, source, forward)
  const renames = new Map(
    forward.filter((expr) => expr.sql === null).map((expr) => [expr.from[0]!, expr.column]),
  )
  const backward = readBackward(spec, source, target, renames, oneWay)
  if (spec.part?.of !== 'target') refuseUnfilled(spec.source, 'target', target, forward)
  for (const column of spec.part?.of === 'source' ? [] : unfilled(source, backward)) {
    oneWay.push(`nothing fills ${spec.source}.${column}, which has no default`)
  }
  for (const column of Object.keys(spec.oneWay ?? {})) {
    if (!source.columns.some((known) => known.name === column)) {
      const names = source.columns.map((known) => known.name)
      throw badPlan(
        `table ${spec.source}, oneWay`,
        `there is no column "${column}"; near: ${near(column, names)}`,
      )
    }
    const told = oneWay.indexOf(`${spec.source}.${column} is not written back`)
    if (told >= 0) oneWay.splice(told, 1)
  }
  oneWay.push(...declaredLosses(spec))
  checkKeys(spec, source, target, renames)
  if (spec.part) await checkCondition(spec, source, target, targetDb, sourceDb)
  checkOwner(spec, source, renames)
  checkToast(spec.source, source, forward)
  checkToast(spec.target, target, backward)
  await checkTypes(targetDb, spec.source, source, forward)
  await checkTypes(sourceDb, spec.target, target, backward)
  return {
    spec,
    source,
    target,
    forward,
    backward,
    ...(folded ? { fold: folded.fold } : {}),
    ...(oneWay.length > 0 ? { oneWay } : {}),
  }
}

/** The expressions that fill `to` from `from`, in the order of `to`'s columns. */
function readMapping(
  where: string,
  direction: 'forward' | 'backward',
  given: Readonly<Record<string, ColumnSource>> | undefined,
  from: TableSide,
  to: TableSide,
): ColumnExpr[] {
  const fromNames = from.columns.map((column) => column.name)
  const toNames = to.columns.map((column) => column.name)
  const wanted: Readonly<Record<string, ColumnSource>> =
    given ??
    Object.fromEntries(
      from.columns
        .filter((column) => !column.generated && isFillable(to, column.name))
        .map((column) => [column.name, column.name]),
    )
  const exprs: ColumnExpr[] = []
  for (const [column, filler] of Object.entries(wanted)) {
    const place = `${where}, ${direction}.${column}`
    if (!toNames.includes(column)) {
      throw badPlan(place, `${to.quoted} has no column "${column}"; near: ${near(column, toNames)}`)
    }
    if (!isFillable(to, column)) {
      throw badPlan(
        place,
        `"${column}" of ${to.quoted} is generated: leave it out, it is recomputed`,
      )
    }
    const expr =
      typeof filler === 'string'
        ? { column, from: [filler], sql: null }
        : { column, from: [...filler.from], sql: filler.sql }
    for (const name of expr.from) {
      const input = from.columns.find((candidate) => candidate.name === name)
      if (!input) {
        throw badPlan(
          place,
          `${from.quoted} has no column "${name}"; near: ${near(name, fromNames)}`,
        )
      }
      if (input.generated) {
        throw badPlan(
          place,
          `"${name}" of ${from.quoted} is generated and so not in the change stream: compute it from the columns it is made of`,
        )
      }
    }
    exprs.push(expr)
  }
  return exprs.sort((a, b) => toNames.indexOf(a.column) - toNames.indexOf(b.column))
}

function isFillable(side: TableSide, name: string): boolean {
  return side.columns.some((column) => column.name === name && !column.generated)
}

function near(given: string, names: readonly string[]): string {
  return nearNames(given, names)
    .map((name) => `"${name}"`)
    .join(', ')
}

function refuseUnmapped(spec: TableSpec, source: TableSide, forward: readonly ColumnExpr[]): void {
  const mapped = new Set(forward.flatMap((expr) => expr.from))
  const lost = source.columns.filter((column) => !column.generated && !mapped.has(column.name))
  if (lost.length === 0) return
  const names = lost.map((column) => `"${column.name}"`).join(', ')
  throw badPlan(
    `table ${spec.source}`,
    `${spec.target} has no column for ${names}: add it there, or write \`forward\` without it to leave it behind`,
  )
}

function unfilled(side: TableSide, exprs: readonly ColumnExpr[]): string[] {
  const filled = new Set(exprs.map((expr) => expr.column))
  return side.columns
    .filter(
      (column) =>
        column.notNull &&
        !column.hasDefault &&
        !column.generated &&
        column.identity === null &&
        !filled.has(column.name),
    )
    .map((column) => column.name)
}

function refuseUnfilled(
  where: string,
  name: string,
  side: TableSide,
  exprs: readonly ColumnExpr[],
): void {
  const missing = unfilled(side, exprs)
  if (missing.length === 0) return
  throw badPlan(
    `table ${where}`,
    `nothing fills ${missing.map((column) => `"${column}"`).join(', ')} of the ${name} ${side.quoted}, which is NOT NULL without a default`,
  )
}

/** `backward` as given, completed by the inverse of every plain rename of `forward`. */
function readBackward(
  spec: TableSpec,
  source: TableSide,
  target: TableSide,
  renames: ReadonlyMap<string, string>,
  oneWay: string[],
): ColumnExpr[] {
  const given = { ...spec.backward }
  for (const [sourceColumn, targetColumn] of renames) {
    const generated = target.columns.find((column) => column.name === targetColumn)?.generated
    if (!(sourceColumn in given) && !generated) given[sourceColumn] = targetColumn
  }
  for (const column of source.columns) {
    if (!column.generated && !(column.name in given) && spec.part?.of !== 'source') {
      oneWay.push(`${spec.source}.${column.name} is not written back`)
    }
  }
  return readMapping(spec.source, 'backward', given, target, source)
}

/** The same row must be found by the same columns on both sides, whichever way the stream runs. */
function checkKeys(
  spec: TableSpec,
  source: TableSide,
  target: TableSide,
  renames: ReadonlyMap<string, string>,
): void {
  for (const [side, given, name] of [
    [source, spec.source, 'source'],
    [target, spec.target, 'target'],
  ] as const) {
    if (side.keyless) throw badPlan(`${name} table ${given}`, side.keyless)
  }
  const mapped = source.key.map((column) => renames.get(column))
  const lost = source.key.filter((_, i) => mapped[i] === undefined)
  if (lost.length > 0) {
    throw badPlan(
      `table ${spec.source}`,
      `key column ${lost.map((column) => `"${column}"`).join(', ')} must be mapped by a plain name, not computed or left out`,
    )
  }
  if (!sameSet(mapped as string[], target.key)) {
    throw badPlan(
      `table ${spec.source}`,
      `its key (${source.key.map(quoteIdent).join(', ')}) arrives as (${mapped.map((column) => quoteIdent(column!)).join(', ')}), but ${spec.target} is identified by (${target.key.map(quoteIdent).join(', ')})`,
    )
  }
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name) => b.includes(name))
}

/** An update that leaves an out-of-line value alone does not carry it: nothing could be computed from it. */
function checkToast(where: string, from: TableSide, exprs: readonly ColumnExpr[]): void {
  if (from.replicaIdentity === 'full') return
  for (const expr of exprs) {
    if (expr.sql === null || expr.from.length < 2) continue
    const wide = from.columns.find((column) => expr.from.includes(column.name) && column.toastable)
    if (wide) {
      throw badPlan(
        `${where}, "${expr.column}"`,
        `it is computed from several columns of which "${wide.name}" may be absent from a change: ALTER TABLE ${from.quoted} REPLICA IDENTITY FULL first`,
      )
    }
  }
}

/** The condition of a part runs where the part is written. */
async function checkCondition(
  spec: TableSpec,
  source: TableSide,
  target: TableSide,
  targetDb: Queryable,
  sourceDb: Queryable,
): Promise<void> {
  const { of, where } = spec.part!
  if (!where) return
  const [whole, db] = of === 'source' ? [source, targetDb] : [target, sourceDb]
  const names = whole.columns.map((column) => column.name)
  for (const name of where.from) {
    if (names.includes(name)) continue
    throw badPlan(
      `table ${spec.source}, part.where`,
      `${whole.quoted} has no column "${name}"; near: ${near(name, names)}`,
    )
  }
  await checkTypes(db, `${spec.source}, part.where`, whole, [{ column: 'where', ...where }])
}

/** Expressions run over typed columns on the side written: the types must exist there, and the SQL must parse. */
async function checkTypes(
  toDb: Queryable,
  where: string,
  from: TableSide,
  exprs: readonly ColumnExpr[],
): Promise<void> {
  for (const expr of exprs) {
    if (expr.sql === null) continue
    const inputs = expr.from.map((name) => {
      const type = from.columns.find((column) => column.name === name)!.baseType
      return `NULL::${type} AS ${quoteIdent(name)}`
    })
    const query = `SELECT (${expr.sql}) FROM (SELECT ${inputs.join(', ') || '1'}) AS input LIMIT 0`
    await toDb.query(query).catch((error: Error) => {
      if (mayPass(error)) throw error
      throw badPlan(
        `${where}, "${expr.column}"`,
        `the expression ${expr.sql} fails: ${error.message}`,
      )
    })
  }
}

function checkOwner(
  spec: TableSpec,
  source: TableSide,
  renames: ReadonlyMap<string, string>,
): void {
  if (typeof spec.owner !== 'string') return
  const names = source.columns.map((column) => column.name)
  if (!names.includes(spec.owner)) {
    throw badPlan(
      `table ${spec.source}, owner`,
      `there is no column "${spec.owner}"; near: ${near(spec.owner, names)}`,
    )
  }
  if (!renames.has(spec.owner)) {
    throw badPlan(
      `table ${spec.source}, owner`,
      `"${spec.owner}" must be mapped by a plain name, so that both sides see the same owner`,
    )
  }
}
