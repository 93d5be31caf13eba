import { userInfo } from 'node:os'
import { ControlClient, type Plan } from '@banyan/migration'
import { badCommand } from './failure.ts'
import { DEFAULT_PLAN, loadPlan } from './load-plan.ts'
import type { Terminal } from './terminal.ts'

/** Options that every command takes. */
export interface GlobalOptions {
  readonly config?: string
  readonly control: readonly string[]
  readonly json?: boolean
  readonly yes?: boolean
  readonly why?: string
  readonly by?: string
}

const DEFAULT_CONTROL = { host: '127.0.0.1', port: 9090 }

/** What a command is given: the options, the world around it, and the plan when it asks for it. */
export class Session {
  readonly options: GlobalOptions
  readonly terminal: Terminal
  #plan: Promise<Plan> | null = null

  constructor(options: GlobalOptions, terminal: Terminal) {
    this.options = options
    this.terminal = terminal
  }

  get json(): boolean {
    return this.options.json === true
  }

  /** @throws CommandError BAD_PLAN when the file is not there, or does not export a plan. */
  plan(): Promise<Plan> {
    this.#plan ??= loadPlan(this.options.config ?? DEFAULT_PLAN, this.terminal.cwd)
    return this.#plan
  }

  /** URLs of the control plane: as given with --control, else the plan's. */
  async controlUrls(): Promise<string[]> {
    const { control } = this.options
    if (control.length > 0) return control.map(checkedUrl)
    const plan = await this.plan()
    const host = plan.control.host ?? DEFAULT_CONTROL.host
    // An engine that listens everywhere is asked on this machine.
    const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
    return [`http://${reachable}:${plan.control.port ?? DEFAULT_CONTROL.port}`]
  }

  async control(): Promise<ControlClient> {
    const urls = await this.controlUrls()
    const token = this.terminal.env.BANYAN_CONTROL_TOKEN ?? (await this.plan()).control.token
    return new ControlClient({ urls, token })
  }

  /** Resolves when the process is asked to end. */
  async ended(): Promise<void> {
    const { ending } = this.terminal
    if (ending.aborted) return
    await new Promise<void>((resolve) => {
      ending.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  /** Who asks, for the ledger. */
  by(): string {
    return this.options.by ?? userName()
  }

  /** One JSON value on a line of its own. */
  printJson(value: unknown): void {
    this.terminal.out(`${JSON.stringify(value)}\n`)
  }

  print(text: string): void {
    this.terminal.out(`${text}\n`)
  }

  /** The extraction a command is about: as given, else the only one there is. */
  async extraction(given: string | undefined, known: () => Promise<readonly string[]>) {
    if (given !== undefined) return given
    const names = await known()
    if (names.length === 1) return names[0]!
    throw badCommand(
      names.length === 0
        ? 'there is no extraction'
        : `an extraction must be named; there are ${names.join(', ')}`,
      names.length === 0
        ? 'Add one to the plan and restart "banyan serve".'
        : `For example: ${names[0]}.`,
    )
  }
}

function checkedUrl(given: string): string {
  if (/^https?:\/\/[^/?#]+\/?$/.test(given) && URL.canParse(given)) return given
  throw badCommand(
    `--control is "${given}"; allowed is a base URL such as http://127.0.0.1:9090`,
    'Give the URL "banyan serve" listens on.',
  )
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A container's user id may have no name.
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
