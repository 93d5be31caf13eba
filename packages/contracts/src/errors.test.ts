import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { BanyanError, CATALOGUE, type ErrorCode } from './errors.ts'

const codes = Object.keys(CATALOGUE) as ErrorCode[]
const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')

describe('the error catalogue', () => {
  it('is what docs/errors.md says, code by code', () => {
    const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (\d+) \| ([^|]+) \|/gm)]
    expect(rows.map(([, code, status, title]) => [code, Number(status), title!.trim()])).toEqual(
      codes.map((code) => [code, CATALOGUE[code].status, CATALOGUE[code].title]),
    )
  })

  it('answers problem details with what was given', () => {
    const error = new BanyanError('NO_SUCH_EXTRACTION', { given: 'a', known: 'b, c' })
    expect(error.toProblem()).toMatchObject({
      type: 'urn:banyan:error:no_such_extraction',
      status: 404,
      detail: 'Given "a"; known: b, c.',
      given: 'a',
    })
  })

  it('cannot be overruled by a value that is named like a member', () => {
    expect(new BanyanError('BAD_REQUEST', { status: 200, code: 'X' }).toProblem()).toMatchObject({
      status: 400,
      code: 'BAD_REQUEST',
    })
  })
})
