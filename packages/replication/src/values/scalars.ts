import { type Ends, multirange, range } from './containers.ts'
import { decimal, digits, double, integer, money, numeric, single, unsigned } from './numbers.ts'
import { between, pick, type Random } from './random.ts'
import {
  bits,
  cidr,
  geometry,
  inet,
  json,
  jsonpath,
  type Make,
  octets,
  snapshot,
  tsquery,
  tsvector,
  uuid,
  xml,
} from './structures.ts'
import { anyText, hex, text, word } from './texts.ts'
import { date, interval, time, timestamp, timeWithZone } from './times.ts'

function sorted(make: Make): Ends {
  return (random) => {
    const [a, b] = [BigInt(make(random)), BigInt(make(random))]
    return a < b ? [String(a), String(b)] : [String(b), String(a)]
  }
}

/** Years of four digits sort as text does. */
function days(random: Random, more: (random: Random) => string): readonly [string, string] {
  const day = () =>
    `${between(random, 1000, 9999)}-0${between(random, 1, 9)}-${between(random, 10, 28)}${more(random)}`
  const both = [day(), day()].sort()
  return [both[0]!, both[1]!]
}

const decimals: Ends = (random) => {
  const [a, b] = [decimal(random, 9, 6), decimal(random, 9, 6)]
  return Number(a) <= Number(b) ? [a, b] : [b, a]
}

function isbn(random: Random): string {
  const start = `978${digits(random, 9, 9)}`
  const sum = [...start].reduce(
    (total, digit, i) => total + Number(digit) * (i % 2 === 0 ? 1 : 3),
    0,
  )
  return `${start}${(10 - (sum % 10)) % 10}`
}

const ENDS: Readonly<Record<string, Ends>> = {
  int4: sorted((random) => integer(random, 31)),
  int8: sorted((random) => integer(random, 63)),
  num: decimals,
  date: (random) => days(random, () => ''),
  ts: (random) =>
    days(random, () => ` 0${between(random, 0, 9)}:00:00.${between(random, 1, 999_999)}`),
  tstz: (random) => days(random, () => ` 0${between(random, 0, 9)}:00:00+00`),
}

const ranges = Object.entries(ENDS).flatMap(([name, ends]): [string, Make][] => [
  [`${name}range`, (random) => range(random, ends)],
  [`${name}multirange`, (random) => multirange(random, ends)],
])

/** What makes text that the input function of a built-in type reads, by the type's name without modifier. */
export const SCALARS: ReadonlyMap<string, Make> = new Map<string, Make>([
  ['smallint', (random) => integer(random, 16)],
  ['integer', (random) => integer(random, 32)],
  ['bigint', (random) => integer(random, 64)],
  ['numeric', numeric],
  ['real', single],
  ['double precision', double],
  ['money', money],
  ['oid', (random) => unsigned(random, 32)],
  ['xid', (random) => unsigned(random, 32)],
  ['cid', (random) => unsigned(random, 32)],
  ['xid8', (random) => unsigned(random, 64)],
  [
    'pg_lsn',
    (random) => `${hex(random, between(random, 1, 8))}/${hex(random, between(random, 1, 8))}`,
  ],
  ['tid', (random) => `(${unsigned(random, 32)},${unsigned(random, 16)})`],
  ['text', anyText],
  ['character varying', anyText],
  ['bpchar', (random) => text(random) + pick(random, ['', ' ', '   '])],
  ['name', (random) => text(random, 15)],
  [
    '"char"',
    (random) => pick(random, ['', 'a', ' ', '"', '\\', ',', '\t', '\\001', '\\377', '\\200']),
  ],
  ['refcursor', text],
  ['bytea', octets],
  ['boolean', (random) => pick(random, ['t', 'f'])],
  ['uuid', uuid],
  ['date', date],
  ['time without time zone', time],
  ['time with time zone', timeWithZone],
  ['timestamp without time zone', (random) => timestamp(random)],
  ['timestamp with time zone', (random) => timestamp(random, true)],
  ['interval', interval],
  ['json', (random) => json(random, false)],
  ['jsonb', (random) => json(random, true)],
  ['jsonpath', jsonpath],
  ['xml', xml],
  ['inet', inet],
  ['cidr', cidr],
  ['macaddr', (random) => hex(random, 12)],
  ['macaddr8', (random) => hex(random, 16)],
  ['"bit"', (random) => bits(random, 1, 1)],
  ['bit varying', (random) => bits(random, 0, 40)],
  ...Object.entries(geometry),
  ['tsvector', tsvector],
  ['tsquery', tsquery],
  ...ranges,
  ['pg_snapshot', snapshot],
  ['txid_snapshot', snapshot],
  ['int2vector', (random) => `${integer(random, 16)} ${integer(random, 16)}`],
  ['oidvector', (random) => `${unsigned(random, 32)} ${unsigned(random, 32)}`],
  ['regtype', (random) => pick(random, ['integer', 'text[]', 'pg_catalog."char"', '-'])],
  ['regclass', (random) => pick(random, ['pg_class', 'pg_type', '-', '4294967290'])],
  ['regnamespace', (random) => pick(random, ['pg_catalog', 'pg_toast', 'information_schema'])],
  ['regproc', (random) => pick(random, ['now', 'int4in', '-'])],
  ['regprocedure', (random) => pick(random, ['now()', 'lower(text)', 'lower(anyrange)'])],
  [
    'regoperator',
    (random) => pick(random, ['+(integer,integer)', '-(NONE,integer)', '||(text,text)']),
  ],
  ['regconfig', (random) => pick(random, ['simple', 'english', 'german'])],
  ['regdictionary', (random) => pick(random, ['simple', 'english_stem'])],
  ['regcollation', (random) => pick(random, ['"C"', '"default"', '"POSIX"'])],
  [
    'hstore',
    (random) => `"${word(random)}"=>"${text(random).replace(/["\\]/g, '\\$&')}", "n"=>NULL`,
  ],
  ['ltree', (random) => `${word(random)}.${word(random)}.${word(random)}`],
  ['citext', anyText],
  [
    'cube',
    (random) => `(${between(random, -9, 9)}.5,${double(random).replace(/NaN|-?Infinity/, '1')})`,
  ],
  ['isbn13', isbn],
])
