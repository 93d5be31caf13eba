import { array, composite, multirange, range } from '../values/containers.ts'
import { decimal, digits, integer } from '../values/numbers.ts'
import { pick } from '../values/random.ts'
import { SCALARS } from '../values/scalars.ts'
import { bits, type Make } from '../values/structures.ts'
import { text, unicodeBlock, word } from '../values/texts.ts'
import { interval, time, timestamp } from '../values/times.ts'

/** One kind of column whose values go round. */
export interface TypeCase {
  readonly name: string
  /** As written in CREATE TABLE. */
  readonly type: string
  /** @param n counts the values of this case. */
  make(random: Parameters<Make>[0], n: number): string
}

const LABELS = [
  'glad',
  'so, so',
  `O'Neil "x"`,
  '',
  ' ',
  '(a)',
  '{b}',
  'back\\slash',
  'NULL',
  'ünï 👍',
]

/** The types of our own that some cases use. */
export const TYPES_SQL = `
  CREATE TYPE public.mood AS ENUM (${LABELS.map((label) => `'${label.replaceAll("'", "''")}'`).join(', ')});
  CREATE TYPE public."Odd ""Name" AS ENUM ('x', 'Y');
  CREATE TYPE public.pair AS (a int, b text);
  CREATE TYPE public.nested AS (p public.pair, list text[], m public.mood, at timestamptz);
  CREATE DOMAIN public.positive AS numeric CHECK (VALUE > 0);
  CREATE DOMAIN public.price AS public.positive CHECK (VALUE < 1e9);
  CREATE DOMAIN public.words AS text[] CHECK (array_ndims(VALUE) IS NULL OR array_ndims(VALUE) < 4);
  CREATE DOMAIN public.checked_pair AS public.pair CHECK ((VALUE).a IS DISTINCT FROM 0);
  CREATE DOMAIN public.code AS varchar(9) COLLATE "C";
  CREATE TYPE public.textrange AS RANGE (subtype = text, collation = "C");
  CREATE TYPE public.floatrange AS RANGE (subtype = float8, subtype_diff = float8mi);`

const of = (name: string): Make => SCALARS.get(name)!
const mood: Make = (random) => pick(random, LABELS)
const pair: Make = (random) => composite(random, [of('integer'), of('text')])
const positive: Make = (random) => `${digits(random, 1, 8)}.${digits(random, 0, 9)}1`
const words: Make = (random) => array(random, text)
const nested: Make = (random) =>
  composite(random, [pair, words, mood, of('timestamp with time zone')])
const code: Make = (random) => text(random, 9)
/** Never a zero in the first field. */
const checkedPair: Make = (random) => `(${pick(random, ['', '1', '-7'])},"${word(random)}")`
const letters = (random: Parameters<Make>[0]): [string, string] => [
  `a${word(random)}`,
  `b${text(random, 9)}`,
]
const floats = (): [string, string] => ['-0', '1.5e300']

/** Types with a modifier: what the column would cut or round has been cut before it is compared. */
const MODIFIED: readonly TypeCase[] = [
  { name: 'numeric(12,4)', type: 'numeric(12,4)', make: (random) => decimal(random, 8, 6) },
  { name: 'numeric(5,-2)', type: 'numeric(5,-2)', make: (random) => integer(random, 22) },
  { name: 'varchar(40)', type: 'varchar(40)', make: (random) => text(random, 40) },
  { name: 'char(12)', type: 'char(12)', make: (random) => text(random, 12) },
  { name: 'bit(13)', type: 'bit(13)', make: (random) => bits(random, 13, 13) },
  { name: 'varbit(20)', type: 'varbit(20)', make: (random) => bits(random, 0, 20) },
  { name: 'time(3)', type: 'time(3)', make: time },
  {
    name: 'timestamp(2)',
    type: 'timestamp(2)',
    // PostgreSQL rounds its last microsecond to a year that it cannot read again.
    make: (random) => timestamp(random).replace('23:59:59.999999', '23:59:59.98'),
  },
  { name: 'interval(3)', type: 'interval(3)', make: interval },
  { name: 'interval year to month', type: 'interval year to month', make: interval },
]

const OWN: readonly TypeCase[] = [
  { name: 'every code point', type: 'text', make: (_, n) => unicodeBlock(n) },
  { name: 'text COLLATE "C"', type: 'text COLLATE "C"', make: of('text') },
  { name: 'enum', type: 'public.mood', make: mood },
  {
    name: 'enum with a quoted name',
    type: 'public."Odd ""Name"',
    make: (random) => pick(random, ['x', 'Y']),
  },
  { name: 'composite', type: 'public.pair', make: pair },
  { name: 'composite of composites', type: 'public.nested', make: nested },
  { name: 'domain', type: 'public.positive', make: positive },
  { name: 'domain over domain', type: 'public.price', make: positive },
  { name: 'domain over array', type: 'public.words', make: words },
  { name: 'domain over composite', type: 'public.checked_pair', make: checkedPair },
  { name: 'domain with a length', type: 'public.code', make: code },
  { name: 'range of text', type: 'public.textrange', make: (random) => range(random, letters) },
  { name: 'range of floats', type: 'public.floatrange', make: (random) => range(random, floats) },
  {
    name: 'multirange of text',
    type: 'public.textmultirange',
    make: (random) => multirange(random, letters),
  },
]

const ARRAYS: readonly [type: string, element: Make][] = [
  ...[
    'smallint',
    'bigint',
    'numeric',
    'double precision',
    'text',
    '"char"',
    'name',
    'bytea',
    'boolean',
    'uuid',
    'timestamp with time zone',
    'interval',
    'json',
    'jsonb',
    'inet',
    'int4range',
    'tsvector',
    'money',
  ].map((type): [string, Make] => [type, of(type)]),
  // Its delimiter is not the comma.
  ['box', of('box')],
  ['varchar(9)', code],
  ['char(3)', (random) => text(random, 3)],
  ['bit(3)', (random) => bits(random, 3, 3)],
  ['numeric(9,2)', (random) => decimal(random, 6, 4)],
  ['public.mood', mood],
  ['public."Odd ""Name"', (random) => pick(random, ['x', 'Y'])],
  ['public.pair', pair],
  ['public.nested', nested],
  ['public.price', positive],
  ['public.words', words],
  ['public.checked_pair', checkedPair],
  ['public.textrange', (random) => range(random, letters)],
]

/** Every kind of column that goes round; those of extensions only where the server has them. */
export const TYPE_CASES: readonly TypeCase[] = [
  ...[...SCALARS].map(
    ([type, make]): TypeCase => ({
      name: type,
      type: ['hstore', 'ltree', 'citext', 'cube', 'isbn13'].includes(type)
        ? `public.${type}`
        : type,
      make,
    }),
  ),
  ...MODIFIED,
  ...OWN,
  ...ARRAYS.map(
    ([type, element]): TypeCase => ({
      name: `${type}[]`,
      type: `${type}[]`,
      make: (random) => array(random, element, type === 'box' ? ';' : ','),
    }),
  ),
]
