import type { TableSpec } from '@banyan/migration'

/** A table of the trial: how its row number n looks, and what can be done to it. */
export interface TrialTable {
  readonly spec: TableSpec
  readonly ddl: string
  /** Rows before the trial begins, numbered from 1. */
  readonly rows: number
  /** The owner key of row n; as `columns` has it in SQL. */
  owner(n: number): string | null
  /** Key columns with their types. */
  readonly key: Readonly<Record<string, string>>
  /** SQL over n, for every column. */
  readonly columns: Readonly<Record<string, string>>
  /** SQL of another value for a column. */
  readonly changes: Readonly<Record<string, string>>
  /** Columns of one type whose values differ in every row. */
  readonly swaps: readonly (readonly [string, string])[]
  /** What the application's updates set, over a number `v`. */
  readonly update: string
}

const USERS = 700
/** Keys that sort differently in every locale, or that somebody may forget to quote. */
const NAMES = [
  'ä',
  'z',
  'ß',
  "O''Brien",
  '"q"',
  '\u0001',
  '☃',
  'e\u0301',
  'back\\slash',
  '{x,y}',
  'Z ',
]

/** Composite keys, text keys under an ICU collation, mixed types, values stored out of line, and a table without owner. */
export const TABLES: readonly TrialTable[] = [
  {
    spec: { source: 'public.document', target: 'public.document', owner: 'owner' },
    ddl: `CREATE TABLE public.document (id bigint PRIMARY KEY, owner text NOT NULL, title text, summary text,
      body text, notes text, size int, width int, price numeric, at timestamptz, tags text[], meta jsonb, flag boolean);
      ALTER TABLE public.document ALTER body SET STORAGE EXTERNAL, ALTER notes SET STORAGE EXTERNAL`,
    rows: 12_000,
    owner: (n) => `user-${n % USERS}`,
    key: { id: 'bigint' },
    columns: {
      id: 'n * 7 - 1000',
      owner: `'user-' || n % ${USERS}`,
      title: `'title ' || n`,
      summary: `CASE WHEN n % 3 = 0 THEN '' ELSE 'summary ' || n END`,
      body: `CASE WHEN n % 5 < 2 THEN repeat(md5(n::text), 120) ELSE 'body ' || n END`,
      notes: `CASE WHEN n % 5 < 2 THEN repeat(md5('notes ' || n), 120) ELSE 'notes ' || n END`,
      size: '(n % 100000)::int',
      width: '(-1 - n % 100000)::int',
      price: 'n / 7.0',
      at: `'2024-02-29 23:59:59.999999+00'::timestamptz - n * interval '1 hour'`,
      tags: `CASE WHEN n % 4 = 0 THEN NULL ELSE ARRAY['a"b', NULL, 'c,' || n] END`,
      meta: `jsonb_build_object('n', n, 'text', 'x' || n)`,
      flag: 'n % 2 = 0',
    },
    changes: {
      title: `coalesce(title, '') || '!'`,
      summary: `CASE WHEN summary = '' THEN NULL ELSE '' END`,
      body: `overlay(coalesce(body, 'empty') placing '~' from 2 for 1)`,
      size: 'size # 1',
      price: 'price + 0.000000000000000001',
      at: `at + interval '1 microsecond'`,
      tags: `CASE WHEN tags IS NULL THEN '{}' ELSE array_append(tags, NULL) END`,
      meta: `meta || '{"fault": null}'`,
      flag: 'CASE WHEN flag THEN NULL ELSE true END',
    },
    swaps: [
      ['title', 'summary'],
      ['body', 'notes'],
      ['size', 'width'],
    ],
    update: `size = (v % 100000)::int, price = v / 3.0, title = 'title ' || v,
      body = CASE WHEN v % 20 = 0 THEN repeat(md5(v::text), 120) ELSE body END`,
  },
  {
    spec: { source: 'public.entry', target: 'public.entry', owner: 'owner_id' },
    ddl: `CREATE TABLE public.entry (owner_id int, line int, kind text, debit numeric(14,2), credit numeric(14,2),
      note text, PRIMARY KEY (owner_id, line))`,
    rows: 16_000,
    owner: (n) => `${n % 500}`,
    key: { owner_id: 'int', line: 'int' },
    columns: {
      owner_id: '(n % 500)::int',
      line: '(n / 500)::int',
      kind: `CASE WHEN n % 2 = 0 THEN 'in' ELSE 'out' END`,
      debit: '(n % 1000000) / 100.0',
      credit: '-1 - (n % 1000000) / 100.0',
      note: `CASE WHEN n % 7 = 0 THEN NULL ELSE 'note ' || n END`,
    },
    changes: {
      kind: `kind || ' '`,
      debit: 'debit + 0.01',
      note: `CASE WHEN note IS NULL THEN '' ELSE NULL END`,
    },
    swaps: [
      ['debit', 'credit'],
      ['kind', 'note'],
    ],
    update: `debit = (v % 1000000) / 100.0, note = 'note ' || v`,
  },
  {
    spec: { source: 'public."Mark"', target: 'public."Mark"', owner: 'owner' },
    ddl: `CREATE TABLE public."Mark" ("Name" text COLLATE "en-x-icu" PRIMARY KEY, owner text, hits int, misses int,
      seen timestamp, span interval, bits bytea)`,
    rows: 8_000,
    owner: (n) => `user-${n % USERS}`,
    key: { Name: 'text' },
    columns: {
      Name: `(ARRAY[${NAMES.map((name) => `'${name}'`).join(', ')}])[1 + n % ${NAMES.length}] || n`,
      owner: `'user-' || n % ${USERS}`,
      hits: '(n % 100000)::int',
      misses: '(-1 - n % 100000)::int',
      seen: `'2024-01-01'::timestamp + n * interval '1 second'`,
      span: `n * interval '1 minute'`,
      bits: `decode(md5(n::text), 'hex')`,
    },
    changes: {
      hits: 'hits + 1',
      seen: `CASE WHEN isfinite(seen) THEN 'infinity'::timestamp ELSE '2024-01-01'::timestamp END`,
      span: `span + interval '1 day' - interval '24 hours'`,
      bits: `set_byte(bits, 3, (get_byte(bits, 3) + 1) % 256)`,
    },
    swaps: [['hits', 'misses']],
    update: `hits = (v % 100000)::int, seen = seen + interval '1 second'`,
  },
  {
    spec: { source: 'public.reading', target: 'public.reading', owner: 'owner' },
    ddl: `CREATE TABLE public.reading (device uuid, at timestamptz, owner int, lo float8, hi float8,
      PRIMARY KEY (device, at))`,
    rows: 12_000,
    owner: (n) => `${n % 300}`,
    key: { device: 'uuid', at: 'timestamptz' },
    columns: {
      device: 'md5((n % 97)::text)::uuid',
      at: `'2024-01-01 00:00:00+00'::timestamptz + n * interval '1.000001 second'`,
      owner: '(n % 300)::int',
      lo: '-1 - n / 3.0',
      hi: 'n / 7.0 + 1',
    },
    changes: {
      lo: 'lo * (1 + 4e-16)',
      hi: `CASE WHEN hi = 0 THEN 1 ELSE '-0'::float8 END`,
    },
    swaps: [['lo', 'hi']],
    update: 'lo = -1 - v / 3.0',
  },
  {
    spec: { source: 'public.setting', target: 'public.setting', owner: null },
    ddl: 'CREATE TABLE public.setting (key text COLLATE "C" PRIMARY KEY, a text, b text)',
    rows: 400,
    owner: () => null,
    key: { key: 'text' },
    columns: {
      key: `'key ' || n`,
      a: `'a' || n`,
      b: `CASE WHEN n % 2 = 0 THEN NULL ELSE 'b' || n END`,
    },
    changes: { a: `coalesce(a, '') || ' '`, b: `CASE WHEN b IS NULL THEN '' ELSE NULL END` },
    swaps: [['a', 'b']],
    update: `a = 'a' || v`,
  },
]

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** `t.key = SQL of row n` for each key column; `n` is what stands for the number. */
export function isRow(table: TrialTable, n: string): string {
  return Object.entries(table.key)
    .map(([name, type]) => `t.${quoted(name)} = (${over(table.columns[name]!, n)})::${type}`)
    .join(' AND ')
}

export function insertRow(table: TrialTable, n: string): string {
  const names = Object.keys(table.columns).map(quoted)
  const values = Object.values(table.columns).map((sql) => over(sql, n))
  return `INSERT INTO ${table.spec.source} (${names.join(', ')}) SELECT ${values.join(', ')}`
}

/** The row's key as PostgreSQL prints it. */
export function keyText(table: TrialTable, n: string): string {
  const parts = Object.entries(table.key).map(
    ([name, type]) => `(${over(table.columns[name]!, n)})::${type}::text`,
  )
  return `ARRAY[${parts.join(', ')}]`
}

/** An expression over n with something else in its place; n inside a text stays. */
export function over(sql: string, n: string, letter = 'n'): string {
  const parts = sql.split(/('(?:[^']|'')*')/)
  return parts
    .map((part) =>
      part.startsWith("'") ? part : part.replace(new RegExp(`\\b${letter}\\b`, 'g'), n),
    )
    .join('')
}
