import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { MatchersV3, PactV4 } from '@pact-foundation/pact'
import type { z } from 'zod'
import type { AnswerOf, Api, ApiRoutes, ArgumentsOf } from '../client/api.ts'
import { type AnyArguments, requestOf } from '../client/call-request.ts'
import { createClient } from '../client/client.ts'

export interface ConsumerContractOptions {
  /** The calling service's name. */
  readonly consumer: string
  /** Where the pact file is kept: `pacts/` in the caller's folder, committed with it. */
  readonly folder: URL
  /** Writes the pact file anew when it has changed; false by default, so that a change is seen. */
  readonly update?: boolean
}

/** One thing the caller asks, and the least it must be answered. */
export interface Expectation<R extends ApiRoutes, N extends keyof R> {
  /** What must be so at the called service; its verification brings it about by this name. */
  readonly given: string
  readonly route: N
  readonly args: ArgumentsOf<R[N]>
  /** An example. The called service must answer this status, and a body of this shape: other values, more members. */
  readonly answer: Answers<R[N]['response']>
}

type Answers<R> = {
  [S in keyof R]: R[S] extends z.ZodType
    ? { readonly status: S; readonly body: z.input<R[S]> }
    : never
}[keyof R]

export interface ConsumerContract<R extends ApiRoutes> {
  /** Makes the call, by the typed client, of a stand-in that answers as said. Resolves to what the client read. */
  expect<N extends keyof R>(expectation: Expectation<R, N>): Promise<AnswerOf<R[N]>>
  /**
   * Compares what was expected with the pact file; call it when all was (`afterAll`).
   * @throws Error when they differ and the file is not to be updated.
   */
  keep(): Promise<void>
}

/** Tries of an expectation whose request was answered, and is said not to have come. */
const BOOKING_ATTEMPTS = 5

/** A caller's side of a contract: its expectations, each tried, kept as a pact file (specification V4). */
export function consumerContract<R extends ApiRoutes>(
  api: Api<R>,
  { consumer, folder, update = false }: ConsumerContractOptions,
): ConsumerContract<R> {
  // Apart from the kept file, which the called service's verification may be reading just now.
  const written = mkdtemp(join(tmpdir(), 'pacts-'))
  const name = `${consumer}-${api.name}.json`
  return {
    async expect(expectation) {
      for (let attempt = 1; ; attempt++) {
        const answered = { value: false }
        try {
          return await expectOnce(expectation, answered)
        } catch (error) {
          // The stand-in books a request after it has answered it; asked in between, it says that none came.
          if (!answered.value || attempt === BOOKING_ATTEMPTS) throw error
        }
      }
    },
    async keep() {
      const fresh = await readFile(join(await written, name), 'utf8')
      await rm(await written, { recursive: true })
      const file = join(fileURLToPath(folder), name)
      const kept = await readFile(file, 'utf8').catch(() => null)
      if (kept !== null && isDeepStrictEqual(contentOf(kept), contentOf(fresh))) return
      if (kept !== null && !update) {
        throw new Error(
          `The contract of ${consumer} with ${api.name} has changed: run its test with UPDATE_PACTS=1 and commit ${file}`,
        )
      }
      await mkdir(fileURLToPath(folder), { recursive: true })
      await writeFile(file, `${fresh.trimEnd()}\n`)
    },
  }

  async function expectOnce<N extends keyof R>(
    { given, route, args, answer }: Expectation<R, N>,
    answered: { value: boolean },
  ): Promise<AnswerOf<R[N]>> {
    const { status, body } = answer
    const {
      method,
      path,
      body: sent,
    } = requestOf(api, api.routes[route]!, args as AnyArguments, {})
    const url = new URL(path, 'http://stand-in')
    const pact = new PactV4({
      consumer,
      provider: api.name,
      dir: await written,
      logLevel: 'error',
    })
    const value = await pact
      .addInteraction()
      .given(given)
      .uponReceiving(`${String(route)} answered ${String(status)}: ${given}`)
      .withRequest(method, url.pathname, (request) => {
        request.query(groupedQuery(url.searchParams))
        if (sent !== null) request.jsonBody(JSON.parse(sent as string))
      })
      .willRespondWith(Number(status), (response) => {
        if (body !== null) response.jsonBody(MatchersV3.like(body))
      })
      .executeTest(async (standIn) => {
        const client = createClient(api, { baseUrl: standIn.url, retry: { delaysMs: [] } })
        const call = client[route] as (given: unknown) => Promise<AnswerOf<R[N]>>
        const got = await call(args).finally(() => client.close())
        answered.value = true
        return got
      })
    return value as AnswerOf<R[N]>
  }
}

function groupedQuery(query: URLSearchParams): Record<string, string[]> {
  return Object.fromEntries([...new Set(query.keys())].map((key) => [key, query.getAll(key)]))
}

/** Interactions in one order, without the versions of the tools that wrote them. */
function contentOf(pact: string): unknown {
  const { interactions } = JSON.parse(pact) as { interactions: { description: string }[] }
  return interactions.sort((a, b) => (a.description < b.description ? -1 : 1))
}
