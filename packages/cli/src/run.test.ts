import { BanyanError } from '@banyan/contracts'
import { freePort } from '@banyan/postgres'
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

describe('status', () => {
  it('shows where an extraction stands, what it waits for, and every figure that matters', async () => {
    expect(await terminal.run(...at('status'))).toBe(0)
    for (const text of [
      'notes  canary  10 % -> 50 % at the service',
      '12 s of watching; 3 of 50 requests at the service',
      '25,000 of 100,000 rows (25 %), 5,000 rows/s, 15 s left',
      'to the service 12 ms (2 kB); back idle; p99 40 ms',
      '0 of 100,000 rows differ (run 2, 10:00:00)',
      '1 of 300 answers differ, 2 not compared',
      '4 at the monolith, 0 at the service (BN001)',
      '1 done, 1 aborted; held p50 43 ms, p99 43 ms',
      '10:00:05  monolith -> service  102 buckets  held 43 ms',
      'aborted: a request in flight',
      'engine engine-1 (token 3); gateways gateway-1 v12',
    ]) {
      expect(terminal.out).toContain(text)
    }
    expect(terminal.out).not.toContain('\u001b')
  })

  it('answers the whole state as JSON, or one extraction of it', async () => {
    await terminal.run(...at('status', '--json'))
    expect(terminal.json).toEqual(control.status())
    const one = new FakeTerminal()
    await one.run(...at('status', 'notes', '--json'))
    expect(one.json).toEqual(extractionStatus())
  })

  it('tells nothing of rows where none move, and how an index stands', async () => {
    const index = { documents: 8_000, of: 8_010, lagMs: 1_200, reason: 'the disk is full' }
    control.extractions = [
      extractionStatus({ kind: 'routes' }),
      extractionStatus({ kind: 'index', index: { ...index, state: 'failed' } }),
    ]
    await terminal.run(...at('status'))
    expect(terminal.out).toContain(
      'failed, 8,000 of 8,010 documents, 1,200 ms behind: the disk is full',
    )
    expect(terminal.out).not.toMatch(/copy|verify|refused/)
    expect(terminal.out.match(/1 of 300 answers differ/g)).toHaveLength(2)
  })

  it('says why it paused', async () => {
    control.extractions = [
      extractionStatus({ paused: true, pausedWhy: '3 rows differ', waitsFor: [] }),
    ]
    await terminal.run(...at('status'))
    expect(terminal.out).toContain('canary, paused')
    expect(terminal.out).toContain('(paused: 3 rows differ)')
  })
})

describe('status --watch', () => {
  it('goes on after the control plane was away, with the state at that moment', async () => {
    const watching = terminal.run(...at('status', '--watch', '--json'))
    await terminal.until(({ out }) => out.includes('"status"'))
    control.send({ event: 'ledger', data: ledgerEntry({ what: 'first' }) })
    await terminal.until(({ out }) => out.includes('first'))
    await control.close()
    await terminal.until(({ err }) => err.includes('"lost"'))
    control.extractions = [extractionStatus({ percent: 50 })]
    await control.listen()
    await control.followed()
    control.send({ event: 'ledger', data: ledgerEntry({ what: 'second' }) })
    await terminal.until(({ out }) => out.includes('second'))
    terminal.end()
    expect(await watching).toBe(0)
    const events = terminal.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(events.map((one) => one.event)).toEqual(['status', 'ledger', 'status', 'ledger'])
    expect(events[2].data.extractions[0].percent).toBe(50)
  })

  it('redraws on a terminal, with the newest decisions below', async () => {
    const screen = new FakeTerminal({ tty: true })
    const watching = screen.run(...at('status', 'notes', '--watch'))
    await screen.until(({ out }) => out.includes('waits for'))
    control.send({ event: 'ledger', data: ledgerEntry({ extraction: 'other', what: 'elsewhere' }) })
    control.send({
      event: 'ledger',
      data: ledgerEntry({ seq: 7, what: 'rollback', detail: { by: 'ada', why: 'slow' } }),
    })
    await screen.until(({ out }) => out.includes('rollback'))
    screen.end()
    expect(await watching).toBe(0)
    expect(screen.out).toContain('\u001b[H')
    expect(screen.out).toContain('decision  rollback  by=ada why=slow')
    expect(screen.out).not.toContain('elsewhere')
  })

  it('ends with 3 when nobody answers at the beginning', async () => {
    await control.close()
    expect(await terminal.run(...at('status', '--watch'))).toBe(3)
    await control.listen()
  })
})

describe('an action', () => {
  it.each([
    ['start', 'start', {}],
    ['pause', 'pause', {}],
    ['resume', 'resume', {}],
    ['promote', 'promote', {}],
    ['promote 50', 'promote', { percent: 50 }],
    ['throttle --rows-per-second 500', 'throttle', { rowsPerSecond: 500 }],
    ['throttle --pause-copy', 'throttle', { rowsPerSecond: 0 }],
    ['throttle --off', 'throttle', { rowsPerSecond: null }],
    ['promote notes', 'promote', {}],
    ['promote notes 12.5%', 'promote', { percent: 12.5 }],
    ['rollback notes --yes', 'rollback', {}],
    ['abandon notes --confirm notes', 'abandon', { confirm: 'notes' }],
    ['complete --yes', 'complete', {}],
    ['cancel --yes', 'cancel', {}],
    ['verify --no-wait', 'verify', {}],
  ])('"%s" asks for it, and says who and why', async (line, action, request) => {
    expect(await terminal.run(...at(...line.split(' '), '--by', 'ada', '--why', 'because'))).toBe(0)
    expect(control.asked).toEqual([{ action, body: { ...request, by: 'ada', why: 'because' } }])
  })

  it.each([
    ['retire --yes', {}, 'send nothing to the monolith any more'],
    ['retire --undo', { undo: true }, 'send to the monolith'],
  ])('"%s" is about all of the plan', async (line, request, words) => {
    expect(await terminal.run(...at(...line.split(' '), '--by', 'ada'))).toBe(0)
    expect(control.asked).toEqual([{ action: 'retire', body: { ...request, by: 'ada' } }])
    expect(terminal.out).toContain(words)
  })

  it('after the end asks for what comes before it', async () => {
    expect(await terminal.run(...at('archive', '--to', 'x', '--json'))).toBe(4)
    expect(terminal.problem).toMatchObject({ code: 'WRONG_PHASE', allowed: 'completed' })
    control.extractions = [extractionStatus({ phase: 'completed' })]
    const drop = new FakeTerminal()
    expect(await drop.run(...at('drop', '--yes', '--json'))).toBe(4)
    expect(drop.problem).toMatchObject({
      code: 'DROP_REFUSED',
      next: 'Archive them first: banyan archive notes --to FOLDER.',
    })
    const archive = { sha256: 'a'.repeat(64), at: '', place: '/no/where', by: 'ada', rows: 1 }
    const oldTables = { archive, dropped: null, refused: null }
    control.extractions = [extractionStatus({ phase: 'completed', oldTables })]
    const lost = new FakeTerminal()
    expect(await lost.run(...at('drop', '--yes', '--json'))).toBe(2)
    expect(lost.problem).toMatchObject({ code: 'BAD_ARCHIVE', place: '/no/where' })
    const restore = new FakeTerminal()
    expect(await restore.run('restore', '/no/where', '--json')).toBe(2)
    expect(restore.problem.detail).toContain('neither --database nor DATABASE_URL')
    expect(control.asked).toEqual([])
  })

  it('is signed with the user of the operating system', async () => {
    await terminal.run(...at('pause'))
    expect(control.asked[0]!.body).toEqual({ by: expect.stringMatching(/./) })
  })

  it('answers the state as JSON', async () => {
    await terminal.run(...at('pause', '--json'))
    expect(terminal.json).toEqual(extractionStatus())
  })

  it('abandon says what it costs, and does nothing unless the name is typed', async () => {
    expect(await terminal.run(...at('abandon', 'notes', '--confirm', 'photos'))).toBe(2)
    expect(terminal.out).toContain('The service owns 10 % of notes')
    expect(terminal.out).toContain('up to 0/2A of the service’s log; last heard 2024-05-01T10:02')
    expect(control.asked).toEqual([])
  })

  it.each(['0', '101', 'notes fifty'])('refuses a share of "%s"', async (given) => {
    expect(await terminal.run(...at('promote', ...given.split(' ')))).toBe(2)
    expect(terminal.err).toContain('above 0 up to 100')
    expect(control.asked).toEqual([])
  })

  it('must be named when there are several extractions', async () => {
    control.extractions = [extractionStatus(), extractionStatus({ extraction: 'photos' })]
    expect(await terminal.run(...at('pause'))).toBe(2)
    expect(terminal.err).toContain('there are notes, photos')
  })
})

describe('an action that moves users or cannot be undone', () => {
  it.each(['rollback', 'complete', 'cancel'])(
    '%s asks first, and does it on yes',
    async (action) => {
      const person = new FakeTerminal({ answer: 'y' })
      expect(await person.run(...at(action))).toBe(0)
      expect(person.questions[0]).toContain(`${action} notes? [y/N]`)
      expect(control.asked).toHaveLength(1)
    },
  )

  it('is not done on anything else', async () => {
    const person = new FakeTerminal({ answer: '' })
    expect(await person.run(...at('complete'))).toBe(2)
    expect(person.questions[0]).toContain('there is no way back')
    expect(control.asked).toEqual([])
  })

  it('is refused without a terminal and without --yes', async () => {
    expect(await terminal.run(...at('complete', '--json'))).toBe(2)
    expect(terminal.problem).toMatchObject({
      code: 'BAD_COMMAND',
      next: 'If you are sure: banyan complete notes --yes',
    })
    expect(control.asked).toEqual([])
  })
})

it('console prints an address that signs a browser in, under a name and in a role', async () => {
  expect(await terminal.run(...at('console', '--role', 'viewer', '--by', 'ada'))).toBe(0)
  expect(terminal.out).toBe(`${control.url}/sign-in#secret\n`)
  expect(control.asked).toEqual([{ action: 'link', body: { name: 'ada', role: 'viewer' } }])
})

describe('verify', () => {
  it('waits for a run that began after asking, and ends with 1 when rows differ', async () => {
    control.onAction = () => {
      const verify = {
        ...extractionStatus().verify,
        runs: 3,
        divergent: 2,
        at: '2024-05-01T11:00:00.000Z',
        examples: ['public.notes (7): changed body'],
      }
      control.extractions = [extractionStatus({ verify })]
    }
    expect(await terminal.run(...at('verify'))).toBe(1)
    expect(terminal.out).toContain('100,000 rows compared, 2 differ')
    expect(terminal.out).toContain('public.notes (7): changed body')
  })

  it('lists rows that differ so that they can be handed back', async () => {
    const divergentRows = [
      { table: 'public.notes', key: ['7'], kind: 'changed' as const, columns: ['body'] },
      { table: 'public."Tag"', key: ['7', "it's"], kind: 'missing' as const, columns: [] },
    ]
    const verify = { ...extractionStatus().verify, divergent: 2, divergentRows }
    control.extractions = [extractionStatus({ verify })]
    expect(await terminal.run(...at('verify', '--rows'))).toBe(1)
    expect(terminal.out).toContain('  public.notes:7  changed body\n')
    expect(terminal.out).toContain(`  'public."Tag":["7","it'\\''s"]'  missing\n`)
    expect(control.asked).toEqual([])
  })

  it('repairs a row, and says what differed and what was done', async () => {
    const values = [{ column: 'title', owner: 'mine', other: null }]
    control.repaired = { ...control.repaired, values }
    const row = 'public.item:7'
    expect(
      await terminal.run(...at('verify', '--repair', row, '--show-values', '--by', 'ada')),
    ).toBe(0)
    expect(control.asked).toEqual([
      { action: 'repair', body: { table: 'public.item', key: ['7'], values: true, by: 'ada' } },
    ])
    expect(terminal.out).toBe(
      'public.item:7 differed in title, size\n  title: "mine" at the monolith, NULL at the service\n' +
        'Written at the service as it is at the monolith, which owns it.\n',
    )
  })

  it.each([
    [['--repair', 'item'], 2, 'allowed is TABLE:KEY'],
    [['--rows', '--repair', 'a:1'], 2, 'exclude each other'],
    [['--show-values'], 2, '--show-values needs --repair'],
  ])('refuses %j', async (options, code, message) => {
    expect(await terminal.run(...at('verify', ...options))).toBe(code)
    expect(terminal.err).toContain(message)
  })

  it('does not take an earlier run for the answer', async () => {
    const verifying = terminal.run(...at('verify', '--json'))
    await control.followed()
    const verify = { ...extractionStatus().verify, runs: 3, rows: 77 }
    control.extractions = [extractionStatus({ verify })]
    control.send({ event: 'status', data: control.status() })
    expect(await verifying).toBe(0)
    expect(terminal.json).toMatchObject({ extraction: 'notes', rows: 77, divergent: 0 })
  })
})

describe('an error', () => {
  it('is 3 when no control plane answers, and says how to start one', async () => {
    const port = await freePort()
    expect(await terminal.run('status', '--json', '--control', `http://127.0.0.1:${port}`)).toBe(3)
    expect(terminal.out).toBe('')
    expect(terminal.problem).toMatchObject({ code: 'CONTROL_UNREACHABLE', status: 503 })
    expect(terminal.problem.next).toContain('banyan serve')
  })

  it('is not one as long as some engine answers', async () => {
    const port = await freePort()
    expect(await terminal.run(...at('pause', '--control', `http://127.0.0.1:${port}`))).toBe(0)
    expect(control.asked).toHaveLength(1)
  })

  it('is 4 when the phase does not allow it, and says where to look', async () => {
    control.refuse = new BanyanError('WRONG_PHASE', {
      action: 'promote',
      extraction: 'notes',
      phase: 'planned',
      allowed: 'canary',
    })
    expect(await terminal.run(...at('promote', '--json'))).toBe(4)
    expect(terminal.problem).toMatchObject({ code: 'WRONG_PHASE', phase: 'planned' })
    expect(terminal.problem.next).toContain('banyan why notes')
  })

  it('is 5 when the control plane fails', async () => {
    control.refuse = new BanyanError('CONTROL_FAILED', { reason: 'no database' })
    expect(await terminal.run(...at('start'))).toBe(5)
    expect(terminal.err).toContain('no database')
  })

  it.each([
    [['statsu'], 'Did you mean status?'],
    [['status', '--wach'], 'Did you mean --watch?'],
    [['why', 'nots'], 'Did you mean "notes"?'],
    [['status', 'nots'], 'Did you mean "notes"?'],
    [['pause', 'a', 'b'], 'too many arguments'],
    [['serve', '--log-level', 'loud'], 'Allowed choices'],
    [['serve', '--port', '99999'], 'from 0 to 65535'],
    [['gateway', '--admin-port', 'x'], 'from 0 to 65535'],
    [['gateway', '--data-plane', 'nginx'], 'banyan, haproxy'],
    [['render', 'nginx'], 'kong, gateway-api, haproxy'],
    [['render', 'knog'], 'Did you mean "kong"?'],
    [['dlq', 'lst'], 'Did you mean list?'],
    [['dlq', 'list', '--kind', 'evnt'], 'Did you mean "event"?'],
    [['sagas', 'list', '--state', 'runing'], 'Did you mean "running"?'],
    [['completion', 'bsh'], 'Did you mean "bash"?'],
  ])('is 2 for %j, with the word that was meant', async (args, meant) => {
    expect(await terminal.run(...at(...args))).toBe(2)
    expect(terminal.err).toContain(meant)
  })

  it('is 2 for a control URL that is none', async () => {
    expect(await terminal.run('status', '--control', 'localhost:9090')).toBe(2)
    expect(terminal.err).toContain('http://127.0.0.1:9090')
  })
})

describe('help', () => {
  it('names every command and the exit codes', async () => {
    expect(await terminal.run('--help')).toBe(0)
    for (const command of 'doctor plan status why start pause resume confirm promote rollback verify throttle abandon complete cancel ledger serve gateway render dlq sagas'.split(
      ' ',
    )) {
      expect(terminal.out).toMatch(new RegExp(`^  ${command} `, 'm'))
    }
    expect(terminal.out).toContain('3 no control plane')
  })

  it('is what the command alone answers, and explains each command', async () => {
    expect(await terminal.run()).toBe(0)
    expect(await terminal.run('help', 'ledger')).toBe(0)
    expect(terminal.out).toContain('--after <seq>')
  })
})
