/** Follows an extraction's objects until it is killed. */
import { BucketSet } from '@banyan/contracts'
import { createPool } from '@banyan/postgres'
import { ExtractionObjects } from '../objects/extraction-objects.ts'
import { objectsSchema, type ResolvedObjects } from '../objects/objects-plan.ts'

const { plan, control, term, extraction } = JSON.parse(process.argv[2]!) as Record<string, string>
const objects = await ExtractionObjects.open(objectsSchema.parse(plan) as ResolvedObjects, {
  extraction: extraction!,
  term: BigInt(term!),
  control: createPool(control!, { name: 'objects-child', max: 2 }),
  databases: { source: null, target: null },
})
objects.start(BucketSet.none)
