import { BanyanError, BucketSet } from '@banyan/contracts'
import { checkKey } from '@banyan/objects'
import { openSide } from '../objects/open-sides.ts'
import type { ResolvedObjectsPlan, ResolvedTables } from '../plan.ts'
import { type Finding, finding } from './finding.ts'

/** Objects of the source that are looked at. */
const LOOKED_AT = 10_000
const KEYS_TOLD = 5

/** That the objects of the source can be listed, and have keys that a store takes. Nothing is written. */
export async function objectsReach(
  { objects, name }: ResolvedTables | ResolvedObjectsPlan,
  sourceDatabase: string,
): Promise<Finding[]> {
  if (!objects) return []
  const subject = `objects of ${name}`
  try {
    const source = await openSide(objects.source, 'source', sourceDatabase)
    try {
      const odd: string[] = []
      let seen = 0
      for await (const { key } of source.list('', BucketSet.all)) {
        if ('store' in objects.target && !isAllowed((objects.target.prefix ?? '') + key))
          odd.push(key)
        if (++seen === LOOKED_AT) break
      }
      if (odd.length === 0) return []
      const examples = odd.slice(0, KEYS_TOLD).map((key) => `"${key}"`)
      return [
        finding(
          'objects-refused-keys',
          odd.length > objects.mostProblems ? 'error' : 'warning',
          `${subject} in ${source.name}`,
          `${odd.length} of the first ${seen} have keys that the target's store does not take: ${examples.join(', ')}. They would not move.`,
          'Rename them where they are, or let objects.mostProblems say how many may stay behind.',
        ),
      ]
    } finally {
      await source.close()
    }
  } catch (error) {
    const mend =
      'Correct objects.source in the plan, or what it names; the engine needs to read it.'
    const said = `They cannot be listed: ${(error as Error).message}`
    return [finding('objects-unreachable', 'error', subject, said, mend)]
  }
}

function isAllowed(key: string): boolean {
  try {
    checkKey(key)
    return true
  } catch (error) {
    if (error instanceof BanyanError) return false
    throw error
  }
}
