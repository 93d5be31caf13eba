import type { Queryable } from '@banyan/postgres'
import { type Fold, joinFolds } from './fold.ts'
import type { OwnerPath } from './owner-path.ts'
import { joinParts } from './part.ts'
import { resolveTable } from './resolve.ts'
import { type Ownerless, resolveOwners } from './resolve-owner.ts'
import type { SideName } from './side.ts'

/** What fills a column: another column's name, or an SQL expression over the named columns. */
export type ColumnSource = string | ComputedColumn

/** An SQL expression over columns. */
export interface ComputedColumn {
  /** The columns that it names. */
  readonly from: readonly string[]
  /** Runs with `search_path = pg_catalog`. */
  readonly sql: string
}

/** The owner key of a row is its parent's: a validated foreign key that is NOT DEFERRABLE leads there. */
export interface OwnerThrough {
  /** Source column, or columns, of the foreign key. */
  readonly through: string | readonly string[]
  /** `source` of the parent's own entry; it may have its owner through a parent in turn. */
  readonly parent: string
}

/** One table of an extraction, as an operator writes it in the plan. */
export interface TableSpec {
  /** `schema.table`; quoted parts keep their case: `public."MixedCase"`. */
  readonly source: string
  /** The same, of the service's. */
  readonly target: string
  /**
   * Source column with the owner key, or the way to it through a parent of the same extraction; null:
   * the table moves as one bucket.
   */
  readonly owner: string | OwnerThrough | null
  /** Target column <- source column or expression. Left out: every column by its own name. */
  readonly forward?: Readonly<Record<string, ColumnSource>>
  /** Source column <- target column or expression. Plain renames of `forward` are inverted by themselves. */
  readonly backward?: Readonly<Record<string, ColumnSource>>
  /**
   * SQL conditions over source columns that hold for every row, besides its CHECK constraints: values
   * that break them are not tried when the round trip is proven.
   */
  readonly holds?: readonly string[]
  /**
   * This entry is a part of another one's rows: of its source's (split: further target tables of one
   * source) or of its target's (merge: further source tables of one target). `where` says over that
   * shared table which rows have the part; without it, all have.
   */
  readonly part?: {
    /** Whose rows these are a part of. */
    readonly of: 'source' | 'target'
    /** Which of them have it; all by default. */
    readonly where?: ComputedColumn
  }
  /**
   * Rows of this table are elements of a JSON array in their parent's row: `target` is the parent's.
   * `forward` then says what the elements' fields are.
   */
  readonly fold?: {
    /** Column of the target with the array: jsonb NOT NULL DEFAULT '[]'. */
    readonly into: string
    /** Columns of the foreign key -> key of the parent's row on the target. */
    readonly parent: Readonly<Record<string, string>>
    /** What, beside its parent, tells a row: the other columns of its key. */
    readonly key: readonly string[]
    /** Fields that the stream orders elements by, before their key. */
    readonly order?: readonly string[]
  }
  /**
   * Source columns that a rollback may lose, each with the reason. Without it a column that does not
   * survive the way there and back makes the plan be refused.
   */
  readonly oneWay?: Readonly<Record<string, string>>
}

export interface Column {
  readonly name: string
  /** As `format_type` prints it. */
  readonly type: string
  /** The type without its modifier: a cast to it neither cuts nor rounds, the column itself then refuses. */
  readonly baseType: string
  readonly typeOid: number
  readonly typmod: number
  readonly notNull: boolean
  readonly generated: boolean
  readonly identity: 'always' | 'by default' | null
  readonly hasDefault: boolean
  /** Its values may be stored out of line, and so be absent from an update that did not change them. */
  readonly toastable: boolean
  /** How its text sorts; null for what is not text. */
  readonly collation: string | null
  /** Schema of the operators its default index compares with; null: pg_catalog, or it has none. */
  readonly operators: string | null
}

export interface TableSide {
  readonly schema: string
  readonly name: string
  readonly oid: number
  /** `"schema"."table"`. */
  readonly quoted: string
  readonly columns: readonly Column[]
  /** Columns that identify a row in the change stream: primary key or replica identity index. */
  readonly key: readonly string[]
  /** Why `key` is empty, and what to do; null when it is not. */
  readonly keyless: string | null
  /** Index that is made the table's replica identity while the extraction runs; null: it has one. */
  readonly identityIndex: string | null
  readonly replicaIdentity: 'default' | 'full' | 'index' | 'nothing'
  readonly uniqueIndexes: readonly (readonly string[])[]
  /** Its partitions and what it is a partition of, in words. */
  readonly kin: readonly string[]
}

/** A column of the side written, and what fills it from the side read. */
export interface ColumnExpr {
  readonly column: string
  readonly from: readonly string[]
  /** SQL over the columns of `from`; null: the one column of `from`, as it is. */
  readonly sql: string | null
}

export interface ResolvedTable {
  readonly spec: TableSpec
  readonly source: TableSide
  readonly target: TableSide
  /** Where the owner key stands on each side; null: the table moves as one bucket. */
  readonly owners: Readonly<Record<SideName, OwnerPath | null>>
  /** Whether rows of other tables find their owner through this one. */
  readonly isParent: boolean
  /** Set when rows are elements of an array; `target` is then made up, as if it were unnested. */
  readonly fold?: Fold
  /** Columns of the target that rows of other entries are folded into. */
  readonly arrays?: readonly string[]
  /** Fills the target from the source. */
  readonly forward: readonly ColumnExpr[]
  /** Fills the source from the target. */
  readonly backward: readonly ColumnExpr[]
  /** Why a rollback would lose something; absent when nothing is lost. */
  readonly oneWay?: readonly string[]
}

/** What the plan itself says a rollback may lose. */
export function declaredLosses(spec: Pick<TableSpec, 'source' | 'oneWay'>): string[] {
  return Object.entries(spec.oneWay ?? {}).map(
    ([column, reason]) => `${spec.source}.${column}: ${reason}`,
  )
}

/**
 * Looks the tables of a plan up in both databases and checks that each mapping can work.
 *
 * @throws BanyanError `BAD_PLAN` that says where, what was given and what exists.
 */
export async function resolveTables(
  source: Queryable,
  target: Queryable,
  specs: readonly TableSpec[],
): Promise<ResolvedTable[]> {
  const resolved: Ownerless[] = []
  for (const spec of specs) resolved.push(await resolveTable(source, target, spec))
  return joinFolds(await joinParts(source, target, await resolveOwners(source, target, resolved)))
}
