import { onTestFinished, TestRunner } from 'vitest'
import { createPair as createTwo, type Pair } from './two-databases.ts'

export {
  contents,
  EXTRACTION,
  own,
  PATIENCE_MS,
  type Pair,
  randomFrom,
  seed,
  until,
} from './two-databases.ts'

/** Creates two databases; within a test they are closed with it, be they closed by it or not. */
export async function createPair(...given: Parameters<typeof createTwo>): Promise<Pair> {
  const pair = await createTwo(...given)
  // A test that fails must not leave its slot in use: the server has one of that name for all tests.
  if (TestRunner.getCurrentTest()) onTestFinished(() => pair.close())
  return pair
}
