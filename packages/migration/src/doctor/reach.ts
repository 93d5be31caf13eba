import { type Pool, transaction } from '@banyan/postgres'
import type { Plan, ResolvedExtraction } from '../plan.ts'
import { type Finding, finding } from './finding.ts'
import { ident, READ_ONLY } from './scene.ts'
import { IDENTITY } from './server.ts'

const PLACE = {
  source: 'monolith.databaseUrl',
  target: 'service.databaseUrl',
  control: 'control.databaseUrl',
} as const

/** How long an address may take to answer, ms. */
const PATIENCE_MS = 3_000

/** That monolith and service answer over HTTP; any answer of the monolith will do. */
export async function httpReach(plan: Plan, extraction: ResolvedExtraction): Promise<Finding[]> {
  const answers = await Promise.all([
    get(plan.monolith.url),
    get(new URL('/health', extraction.service.url).href),
  ])
  const [monolith, service] = answers
  const found: Finding[] = []
  if (typeof monolith === 'string') {
    found.push(unreachable('monolith-unreachable', 'monolith', plan.monolith.url, monolith))
  }
  if (typeof service === 'string') {
    found.push(unreachable('service-unreachable', 'service', extraction.service.url, service))
  } else if (service! >= 500) {
    found.push(
      finding(
        'service-health',
        'error',
        `service ${extraction.service.url}/health`,
        `It answers ${service}: the service says itself that it is not well.`,
        "Look at the service's log; start when GET /health answers 200.",
      ),
    )
  } else if (service! >= 300) {
    found.push(
      finding(
        'service-health',
        'warning',
        `service ${extraction.service.url}/health`,
        `It answers ${service}; expected is 200, so that a sick service is seen before users are sent there.`,
        'Let the service answer GET /health with 200 while it can reach its database, else with 503.',
      ),
    )
  }
  return found
}

function unreachable(check: string, name: string, url: string, why: string): Finding {
  return finding(
    check,
    'error',
    `${name} ${url}`,
    `No answer over HTTP: ${why}.`,
    `Start the ${name}, or correct ${name}.url in the plan: curl -i ${url}`,
  )
}

/** @returns the status, or why there is none. */
async function get(url: string): Promise<number | string> {
  try {
    const response = await fetch(url, {
      redirect: 'manual',
      signal: AbortSignal.timeout(PATIENCE_MS),
    })
    await response.body?.cancel()
    return response.status
  } catch (error) {
    return reason(error)
  }
}

/**
 * Null when the database answers; else what to tell, without the password in the URL.
 *
 * @param place where the URL stands, so that it can be corrected
 */
export async function databaseReach(
  pool: Pool,
  name: keyof typeof PLACE,
  url: string,
  place = `${PLACE[name]} in the plan`,
): Promise<Finding | null> {
  try {
    await transaction(pool, (client) => client.query('SELECT 1'), READ_ONLY)
    return null
  } catch (error) {
    return finding(
      `${name}-database-unreachable`,
      'error',
      `${name} database ${withoutPassword(url)}`,
      `No connection: ${reason(error)}.`,
      databaseMend((error as { code?: string }).code, place, url),
    )
  }
}

function databaseMend(code: string | undefined, place: string, url: string): string {
  switch (code) {
    case '28P01':
    case '28000':
      return `Correct the user or password in ${place}, or allow the role in pg_hba.conf and SELECT pg_reload_conf();`
    case '42501': {
      const { username, pathname } = new URL(url)
      const [database, role] = [pathname.slice(1), username].map((one) => decodeURIComponent(one))
      return `GRANT CONNECT ON DATABASE ${ident(database!)} TO ${ident(role!)};`
    }
    case '3D000':
      return `CREATE DATABASE it, or correct the name in ${place}.`
    case '53300':
      return 'ALTER SYSTEM SET max_connections = (more than now); then restart; or close idle connections.'
    default:
      return `Start the server, open its port, or correct ${place}: psql '${withoutPassword(url)}' -c 'SELECT 1'`
  }
}

/** That the control plane has a database of its own, in which it may create its schema. */
export async function controlDatabase(pool: Pool, others: readonly string[]): Promise<Finding[]> {
  const { rows } = await transaction(
    pool,
    (client) =>
      client.query<{ id: string; database: string; role: string; allowed: boolean }>(
        `SELECT same.id, current_database()::text AS database, current_user::text AS role,
                has_database_privilege(current_database(), 'CREATE') OR to_regnamespace('banyan_control') IS NOT NULL AS allowed
           FROM (${IDENTITY}) AS same`,
      ),
    READ_ONLY,
  )
  const { id, database, role, allowed } = rows[0]!
  const found: Finding[] = []
  if (others.includes(id)) {
    found.push(
      finding(
        'control-database-shared',
        'warning',
        `control database ${database}`,
        'It is the database of one of the sides: when that side is away, nobody can say where the extraction stands.',
        'CREATE DATABASE banyan; and give its URL as control.databaseUrl.',
      ),
    )
  }
  if (!allowed) {
    found.push(
      finding(
        'role-create',
        'error',
        `control role ${role}`,
        `The role may not create the schema "banyan_control" in database "${database}".`,
        `GRANT CREATE ON DATABASE "${database}" TO "${role}";`,
      ),
    )
  }
  return found
}

function reason(error: unknown): string {
  const inner = (error as { cause?: unknown }).cause ?? error
  const { message, code, errors } = inner as {
    message?: string
    code?: string
    errors?: { message: string }[]
  }
  return message || errors?.map((one) => one.message).join('; ') || code || String(inner)
}

function withoutPassword(url: string): string {
  return url.replace(/(:\/\/[^:/@]*):[^@]*@/, '$1@')
}
