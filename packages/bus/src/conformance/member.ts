import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { SubscriptionRequest } from '../transport.ts'
import type { TransportHarness } from './harness.ts'

const CHILD = fileURLToPath(new URL('./member-child.ts', import.meta.url))

/** A member of a group in a process of its own, which takes messages and acknowledges none. */
export class SilentMember {
  readonly #child: ChildProcess
  /** Ids of the messages that it was given. */
  readonly taken: string[] = []

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  /** Resolves when it is subscribed. @throws an Error with what the process printed when it ended before. */
  static async start(
    harness: TransportHarness,
    request: SubscriptionRequest,
  ): Promise<SilentMember> {
    const args = [harness.module, harness.settings, JSON.stringify(request)]
    const child = spawn(process.execPath, ['--import', 'tsx', CHILD, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const member = new SilentMember(child)
    let errors = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-4_000)
    })
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code) => reject(new Error(`the member ended with ${code}: ${errors}`)))
      createInterface({ input: child.stdout! }).on('line', (line) => {
        if (line === 'subscribed') resolve()
        else if (line.startsWith('taken ')) member.taken.push(line.slice('taken '.length))
      })
    })
    return member
  }

  /** SIGKILL: nothing is acknowledged, given back or said. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGKILL')
    await exited
  }
}
