import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { extractionStatus, FakeControl, ledgerEntry } from './testing/fake-control.ts'
import { FakeTerminal } from './testing/fake-terminal.ts'

let control: FakeControl
let terminal: FakeTerminal

beforeEach(async () => {
  control = await FakeControl.start()
  terminal = new FakeTerminal()
})
afterEach(() => control.close())

const at = (...args: string[]) => [...args, '--control', control.url]

describe('why', () => {
  it('lists what the next step waits for', async () => {
    expect(await terminal.run(...at('why'))).toBe(0)
    expect(terminal.out.trim().split('\n')).toEqual([
      'notes is canary since 2024-05-01T09:59:00.000Z, and waits for',
      '  · 12 s of watching',
      '  · 3 of 50 requests at the service',
      'the copy: 5,000 rows/s at most (banyan throttle)',
      'gate holds  error rate: 0.1 %, required at most 1 %',
      'gate waits  requests at the service: 3, required at least 50',
      'the last handover was aborted at 2024-05-01T10:01:05.000Z (attempt 1): a request in flight',
      'what you can do:',
      '  banyan rollback notes',
    ])
  })

  it('answers the same as JSON, and status names a gateway in the way and a leader elsewhere', async () => {
    control.gatewayProblem = 'it has not renewed'
    control.self = 'engine-2'
    await terminal.run(...at('why', '--json'))
    expect(terminal.json).toEqual(control.why(extractionStatus()))
    const screen = new FakeTerminal()
    await screen.run(...at('status'))
    expect(screen.out).toContain(
      `engine engine-1 (token 3); engine-2, which answers, is standing by (the leader: ${control.url}); gateways gateway-1 v12 (it has not renewed)`,
    )
    control.gatewayProblem = null
    control.self = 'engine-1'
  })
})

describe('ledger', () => {
  it('prints entries after a number', async () => {
    control.entries = [
      ledgerEntry(),
      ledgerEntry({ seq: 2, kind: 'fact', what: 'copying', detail: { rows: 3 } }),
    ]
    expect(await terminal.run(...at('ledger', '--after', '1'))).toBe(0)
    expect(terminal.out).toContain('    2  2024-05-01T10:00:00.000Z  fact      copying  rows=3')
    expect(terminal.out).toContain('1 entries; the chain of hashes holds.')
  })

  it('--all prints those of every extraction and of the monolith, each with its name', async () => {
    control.entries = [
      ledgerEntry(),
      ledgerEntry({ seq: 2, extraction: 'monolith', what: 'retire', detail: { by: 'ada' } }),
    ]
    expect(await terminal.run(...at('ledger'))).toBe(0)
    expect(terminal.out).not.toContain('retire')
    expect(await terminal.run(...at('ledger', '--all'))).toBe(0)
    expect(terminal.out).toMatch(/^monolith +2 .* retire {2}by=ada$/m)
    expect(await terminal.run(...at('ledger', 'things', '--all'))).toBe(2)
  })

  it('ends with 1 when its chain is broken', async () => {
    control.verified = false
    expect(await terminal.run(...at('ledger'))).toBe(1)
    expect(terminal.out).toContain('BROKEN')
  })

  it('refuses a number that is none', async () => {
    expect(await terminal.run(...at('ledger', '--after', 'x'))).toBe(2)
  })
})
