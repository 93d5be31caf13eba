import { join } from 'node:path'

/** One real server that tests and developers use, as this script installs and runs it. */
export interface Server {
  readonly name: string
  /** Version that is fetched, and the tag in deploy/compose.servers.yaml; of a Debian package: Debian 12's. */
  readonly version: string
  /** Every port it listens on, by what it is for; the first is the one that clients use, a helper's has its role's name. */
  readonly ports: Readonly<Record<string, number>>
  /** Environment variable that tells tests where it is, and what it holds. */
  readonly variable: string
  readonly url: string
  /** Gets what is missing; costs nothing when it is there. @throws an Error that says what to install. */
  install(): Promise<void>
  /** Its processes in the order they start; the last is the server, those before it are its helpers. */
  readonly roles: readonly string[]
  /** Writes its configuration, and tells how to start each of its roles. */
  prepare(): Promise<readonly Command[]>
  /** Resolves when the server does its work for a client. @throws while it does not. */
  ready(): Promise<void>
}

export interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

const ROOT = join(import.meta.dirname, '..', '..')

/** Downloads, data, logs and pids. */
const FOLDER = process.env.BANYAN_SERVERS_FOLDER ?? join(ROOT, '.servers')

/**
 * Servers listen on their usual port + this, so that they never meet those a machine has already, and below the
 * ports of outgoing connections: a client that asks for one again and again while it is away may be given
 * its very port, and then it cannot start. Two checkouts whose servers run at once need two offsets.
 */
export const USUAL_OFFSET = 5_000
export const OFFSET = Number(process.env.BANYAN_SERVERS_OFFSET ?? USUAL_OFFSET)

export const HOST = '127.0.0.1'

export function port(usual: number): number {
  return usual + OFFSET
}

/** Where a server keeps its data, logs and pids. */
export function folderOf(name: string, ...parts: string[]): string {
  return join(FOLDER, name, ...parts)
}
