import { IndexClient } from '../index-client.ts'
import type { ResolvedIndex, ResolvedRequests } from '../plan.ts'
import { type Finding, finding } from './finding.ts'

/** The gateway copies GETs alone: where there are none, nothing is compared and the shadow never ends. */
export function withoutShadow({ shadow, routes }: ResolvedRequests): Finding[] {
  const compared = routes.some(
    ({ methods, access }) =>
      access !== 'write' && (methods.length === 0 || methods.includes('GET')),
  )
  if (compared || shadow.percent === 0 || shadow.minimumCompared === 0) return []
  return [
    finding(
      'shadow-without-reads',
      'error',
      routes.map(({ methods, path }) => `${methods.join('|')} ${path}`).join(', '),
      `None of the routes is a GET, which alone are compared: the shadow would wait for ${shadow.minimumCompared} comparisons for ever.`,
      'shadow: { percent: 0 }; the gates of the first step judge it then.',
    ),
  ]
}

/** That the service says how its index stands, to this engine. */
export async function indexReach(plan: ResolvedIndex): Promise<Finding[]> {
  const subject = `service ${new URL(plan.index.path, plan.service.url).href}`
  try {
    const { state, done, lagMs } = await new IndexClient(plan).ask()
    if (state === 'none') return []
    const behind = lagMs === null ? 'how far it is behind it does not know' : `${lagMs} ms behind`
    const said = `It says that its index is ${state}, with ${done} documents, ${behind}.`
    const mend = 'Nothing to do; a start has it filled anew.'
    return [finding('index-standing', 'note', subject, said, mend)]
  } catch (error) {
    const mend =
      'Correct index.path in the plan; where the service asks for a token, give index.token and put its public key ("sub": "banyan") into the service\'s BANYAN_SERVICE_KEYS.'
    const said = `It does not say how its index stands: ${(error as Error).message}`
    return [finding('index-unreachable', 'error', subject, said, mend)]
  }
}
