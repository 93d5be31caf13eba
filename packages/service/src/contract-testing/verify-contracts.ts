import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Verifier } from '@pact-foundation/pact'

export interface VerifyOptions {
  /** The called service's name. */
  readonly provider: string
  /** Where the real service answers. */
  readonly baseUrl: string
  /** Pact files of its callers. */
  readonly pacts: readonly URL[]
  /** Brings about what an expectation is given, by its name. */
  readonly states: Readonly<Record<string, () => Promise<unknown> | unknown>>
  /** Added to each request: a signed identity, a service token. Contracts hold none. */
  readonly headers?: () => Promise<Record<string, string>> | Record<string, string>
}

/**
 * Asks the real service everything its callers expect of it.
 *
 * @throws Error when it answers anything otherwise (what differs is printed), when a pact is of another
 *   service, or when a state is not known here.
 */
export async function verifyContracts(options: VerifyOptions): Promise<void> {
  const { provider, baseUrl, states, headers } = options
  const pacts = options.pacts.map((url) => fileURLToPath(url))
  for (const file of pacts) await checkPact(file, provider, Object.keys(states))
  let added: Record<string, string> = {}
  const verifier = new Verifier({
    provider,
    providerBaseUrl: baseUrl,
    pactUrls: pacts,
    logLevel: 'error',
    stateHandlers: Object.fromEntries(
      Object.entries(states).map(([name, bring]) => [
        name,
        async () => {
          await bring()
          added = (await headers?.()) ?? {}
        },
      ]),
    ),
    requestFilter: (request, _response, next) => {
      Object.assign(request.headers, added)
      next()
    },
  })
  await verifier.verifyProvider()
}

interface PactFile {
  readonly provider: { readonly name: string }
  readonly interactions: readonly {
    readonly description: string
    readonly providerStates?: readonly { readonly name: string }[]
  }[]
}

/** The verifier itself only warns of a state that it does not know, and then asks all the same. */
async function checkPact(file: string, provider: string, known: readonly string[]): Promise<void> {
  const pact = JSON.parse(await readFile(file, 'utf8')) as PactFile
  if (pact.provider.name !== provider) {
    throw new Error(`${file} is a contract with ${pact.provider.name}, not with ${provider}`)
  }
  for (const { description, providerStates = [] } of pact.interactions) {
    for (const { name } of providerStates) {
      if (known.includes(name)) continue
      throw new Error(
        `${file}: "${description}" is given "${name}"; known here: ${known.join(', ') || 'none'}`,
      )
    }
  }
}
