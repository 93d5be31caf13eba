import { randomBytes } from 'node:crypto'
import pg from 'pg'

/** The role that a service connects as, and nobody else. */
function roleOf(service: string): string {
  return `${service}_service_user`
}

/** What makes a service's role and database. */
export function serviceDatabaseSql(service: string, password: string): string[] {
  return [
    `CREATE ROLE ${roleOf(service)} LOGIN PASSWORD ${pg.escapeLiteral(password)}`,
    ...ownDatabaseSql(service),
  ]
}

/**
 * What makes a database, of the service's name, that is its own: it makes its tables there, and no other role but
 * superusers may connect.
 *
 * @param template a database that it is to be a copy of
 */
export function ownDatabaseSql(service: string, template?: string): string[] {
  const copied = template === undefined ? '' : ` TEMPLATE ${template}`
  return [
    `CREATE DATABASE ${service} OWNER ${roleOf(service)}${copied}`,
    // Whoever may log in may connect to a new database, unless that is taken back.
    `REVOKE CONNECT, TEMPORARY ON DATABASE ${service} FROM PUBLIC`,
  ]
}

/**
 * Makes a service's role, with a new password, and its database.
 *
 * @param adminUrl of any database of the server, as a superuser
 * @returns the URL that the service connects with
 * @throws when there is such a role or database
 */
export async function createServiceDatabase(adminUrl: string, service: string): Promise<string> {
  const password = randomBytes(16).toString('hex')
  const admin = new pg.Client({ connectionString: adminUrl })
  await admin.connect()
  try {
    for (const sql of serviceDatabaseSql(service, password)) await admin.query(sql)
  } finally {
    await admin.end()
  }
  const url = new URL(adminUrl)
  url.username = roleOf(service)
  url.password = password
  url.pathname = `/${service}`
  return url.href
}
