import { run } from '../run.ts'
import type { Terminal } from '../terminal.ts'
import { TOKEN } from './fake-control.ts'

/** Runs the command in this process. `answer`: a person sits there, and answers questions so. */
export class FakeTerminal {
  out = ''
  err = ''
  readonly questions: string[] = []
  readonly #ending = new AbortController()
  readonly #answer: string | null
  readonly #tty: boolean
  readonly #cwd: string
  #waiting: (() => void)[] = []

  constructor(options: { answer?: string; tty?: boolean; cwd?: string } = {}) {
    this.#answer = options.answer ?? null
    this.#tty = options.tty ?? false
    this.#cwd = options.cwd ?? '/nowhere'
  }

  run(...args: string[]): Promise<number> {
    return run(args, this.terminal())
  }

  terminal(): Terminal {
    const write = (to: 'out' | 'err') => (text: string) => {
      this[to] += text
      for (const resolve of this.#waiting.splice(0)) resolve()
    }
    const answer = this.#answer
    return {
      out: write('out'),
      err: write('err'),
      outIsTty: this.#tty,
      ask:
        answer === null
          ? null
          : async (question) => {
              this.questions.push(question)
              return answer
            },
      cwd: this.#cwd,
      env: { BANYAN_CONTROL_TOKEN: TOKEN },
      columns: () => 100,
      ending: this.#ending.signal,
      onReload: () => {},
    }
  }

  get json(): unknown {
    return JSON.parse(this.out)
  }

  get problem(): { code: string; detail: string; next: string; status: number } {
    return JSON.parse(this.err)
  }

  /** As Ctrl-C does. */
  end(): void {
    this.#ending.abort()
  }

  async until(holds: (terminal: FakeTerminal) => boolean): Promise<void> {
    while (!holds(this)) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}
