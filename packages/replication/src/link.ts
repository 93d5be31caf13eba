import type { CopyOptions, CopyReport, LinkOptions, LinkStatus } from './types.ts'

/** One change stream of an extraction: reads one side's log and writes the other side's tables. */
export class Link {
  readonly options: LinkOptions

  constructor(options: LinkOptions) {
    this.options = options
  }

  async prepare(): Promise<void> {
    throw new Error('not yet')
  }

  start(): void {
    throw new Error('not yet')
  }

  async copy(_options: CopyOptions = {}): Promise<CopyReport> {
    throw new Error('not yet')
  }

  async awaitBarrier(_id: string, _timeoutMs: number): Promise<boolean> {
    throw new Error('not yet')
  }

  async probe(_timeoutMs: number): Promise<number> {
    throw new Error('not yet')
  }

  status(): LinkStatus {
    throw new Error('not yet')
  }

  async stop(): Promise<void> {
    throw new Error('not yet')
  }

  async drop(): Promise<void> {
    throw new Error('not yet')
  }
}
