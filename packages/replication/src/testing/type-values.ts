import { type Pool, sqlState } from '@banyan/postgres'
import { castText } from '../catalog.ts'
import { type Random, randomFrom } from '../values/random.ts'
import { TYPE_CASES, TYPES_SQL, type TypeCase } from './type-cases.ts'

/** Extensions whose types go round where the server has them. */
const EXTENSIONS = ['hstore', 'ltree', 'citext', 'cube', 'isn']

/** For each database that holds the cases: their types, and a function that tells what a type reads. */
export const SETUP_SQL = `
  ${EXTENSIONS.map((name) => `DO $$ BEGIN CREATE EXTENSION ${name} SCHEMA public; EXCEPTION WHEN OTHERS THEN NULL; END $$;`).join('\n  ')}
  ${TYPES_SQL}
  CREATE FUNCTION public.unreadable(value text, type text) RETURNS text LANGUAGE plpgsql AS $$
  BEGIN
    EXECUTE format('SELECT %L::%s', value, type);
    RETURN NULL;
  EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
  END $$;`

export interface CaseValues {
  readonly type: TypeCase
  /** Whether a primary key can be of this type. */
  readonly sortable: boolean
  readonly values: readonly string[]
}

const UNKNOWN_TYPE = '42704'
const NO_FUNCTION = '42883'
const NOT_BUILT_IN = '0A000'
/** A modifier the server does not know, such as the negative scales of 15. */
const NO_SUCH_MODIFIER = '22023'

/**
 * Makes values of every case that the server knows the type of.
 *
 * @throws an Error when the server refuses more than a tenth of what a generator makes.
 */
export async function makeValues(
  db: Pool,
  count: number,
  seed: number,
): Promise<{ cases: CaseValues[]; unavailable: string[] }> {
  const cases: CaseValues[] = []
  const unavailable: string[] = []
  for (const [i, type] of TYPE_CASES.entries()) {
    if (await isAvailable(db, type)) {
      const values = await readable(db, type, count, randomFrom(seed * 1_009 + i))
      cases.push({ type, sortable: await isSortable(db, type), values })
    } else unavailable.push(type.name)
  }
  return { cases, unavailable }
}

async function isAvailable(db: Pool, { type, make }: TypeCase): Promise<boolean> {
  const { rows } = await db.query<{ state: string | null; none: string | null }>(
    'SELECT public.unreadable($1, $2) AS state, public.unreadable(NULL, $2) AS none',
    [make(randomFrom(1), 0), type],
  )
  const { state, none } = rows[0]!
  return (
    none !== NO_SUCH_MODIFIER &&
    ![state, none].some((one) => one === UNKNOWN_TYPE || one === NOT_BUILT_IN)
  )
}

async function isSortable(db: Pool, { type, make }: TypeCase): Promise<boolean> {
  try {
    await db.query(`CREATE TEMPORARY TABLE sortable (k ${type} PRIMARY KEY) ON COMMIT DROP`)
    // An index over arrays can be had even where their elements cannot be compared.
    await db.query(`SELECT ${castText('v', type)} FROM unnest($1::text[]) v ORDER BY 1`, [
      [make(randomFrom(1), 0), make(randomFrom(2), 0)],
    ])
    return true
  } catch (error) {
    if ([UNKNOWN_TYPE, NO_FUNCTION].includes(sqlState(error) ?? '')) return false
    throw error
  }
}

async function readable(
  db: Pool,
  type: TypeCase,
  count: number,
  random: Random,
): Promise<readonly string[]> {
  let made = 0
  const next = (wanted: number) => Array.from({ length: wanted }, () => type.make(random, made++))
  const good: string[] = []
  while (good.length < count) {
    const { rows } = await db.query<{ value: string; state: string | null }>(
      'SELECT v AS value, public.unreadable(v, $2) AS state FROM unnest($1::text[]) v',
      [next(count - good.length), type.type],
    )
    good.push(...rows.filter((row) => row.state === null).map((row) => row.value))
    const bad = rows.find((row) => row.state !== null)
    if (bad && made > 1.1 * good.length + 5) {
      throw new Error(
        `${made - good.length} of ${made} values made for ${type.name} are refused, e.g. ${JSON.stringify(bad.value.slice(0, 200))} (${bad.state})`,
      )
    }
  }
  return good
}
