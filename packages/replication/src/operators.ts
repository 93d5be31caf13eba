import { quoteIdent } from './catalog.ts'
import type { Column } from './mapping.ts'

/*
 * A type of an extension (citext, ltree, isn, …) brings its own comparison operators, which `search_path =
 * pg_catalog` does not find: `=` would then be no operator at all, or, worse, that of a type it casts to,
 * which tells other rows apart, sorts otherwise, and knows no index.
 */

/** A comparison operator as a column's default index compares. */
export function operator(
  column: Pick<Column, 'operators'>,
  sign: '=' | '<' | '>' | '<=' | '>=',
): string {
  return column.operators === null ? sign : `OPERATOR(${quoteIdent(column.operators)}.${sign})`
}

/**
 * Whether one key stands behind another in the order of the key's index, or up to and with it.
 *
 * @param left for each column, SQL of the one key; `right` likewise of the other.
 */
export function compareKeys(
  columns: readonly Pick<Column, 'operators'>[],
  left: readonly string[],
  sign: '>' | '<=',
  right: readonly string[],
): string {
  if (columns.every((column) => column.operators === null)) {
    return `(${left.join(', ')}) ${sign} (${right.join(', ')})`
  }
  // A row comparison takes one operator for all its columns: spelled out, with its first column in front
  // for the index.
  const strict = sign === '>' ? '>' : '<'
  const compare = (i: number, by: '=' | '<' | '>' | '<=' | '>=') =>
    `${left[i]} ${operator(columns[i]!, by)} ${right[i]}`
  const from = (i: number): string =>
    i === columns.length - 1
      ? compare(i, sign)
      : `(${compare(i, strict)} OR ${compare(i, '=')} AND ${from(i + 1)})`
  return columns.length === 1 ? from(0) : `${compare(0, `${strict}=`)} AND ${from(0)}`
}
