import { type AuthSetting, BUCKETS, BucketSet, type RouteTable } from '@banyan/contracts'

/** What a data plane's configuration is made from. */
export interface RenderInput {
  readonly table: RouteTable
  readonly auth: AuthSetting
}

/** Of the 1,024 buckets, how many the service owns. */
export function shareOf(targetBuckets: string): number {
  return BucketSet.parse(targetBuckets).size
}

export function percentOf(buckets: number): string {
  return `${Number(((buckets * 100) / BUCKETS).toFixed(1))} %`
}

/** Host and port of a base URL. */
export function addressOf(url: string): { host: string; port: number; path: string; tls: boolean } {
  const { hostname, port, protocol, pathname } = new URL(url)
  const tls = protocol === 'https:'
  return {
    host: hostname,
    port: Number(port) || (tls ? 443 : 80),
    path: pathname.replace(/\/$/, ''),
    tls,
  }
}

/** What is said before a document that nobody keeps up to date. */
export function headOf(what: string, { table }: RenderInput, weaker: readonly string[]): string[] {
  return [
    `${what}, rendered from route table ${table.token}/${table.version}. It does not follow later tables: render it`,
    'again after each change. A handover takes no notice of this data plane, so that it must not serve while one runs.',
    '',
    'Weaker than the project’s own gateway (docs/gateway.md, "Other data planes"):',
    ...weaker.map((line) => (line.startsWith('  ') ? line : `- ${line}`)),
    '',
  ]
}
