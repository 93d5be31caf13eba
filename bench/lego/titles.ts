import type { Random } from '@banyan/lab'
import { readCatalogue } from '../../systems/lego/fixtures/catalogue.ts'

const { words } = await readCatalogue(undefined)

export function titleOf(random: Random): { readonly title: string; readonly tags: string[] } {
  return { title: wordsOf(random), tags: [random.pick(words.tags), random.pick(words.tags)] }
}

/** As somebody looks for a thing: two words of a title. */
export function wordsOf(random: Random): string {
  return `${random.pick(words.adjectives)} ${random.pick(words.builds)}`
}
