/** Words that must all be there, beside phrases and what must not be there; one of several alternatives. */
export interface Alternative {
  readonly words: readonly string[]
  readonly phrases: readonly string[]
  readonly without: readonly { readonly text: string; readonly phrase: boolean }[]
}

/**
 * Reads a search as PostgreSQL's websearch_to_tsquery does: `"a phrase"`, `-without`, `one or another`; anything
 * else is words. It never fails.
 */
export function readWebSearch(text: string): Alternative[] {
  const alternatives: Alternative[] = []
  let current = nothing()
  const close = () => {
    const { words, phrases, without } = current
    if (words.length + phrases.length + without.length > 0) alternatives.push(current)
    current = nothing()
  }
  for (const match of text.matchAll(/(-?)"([^"]*)"?|(-?)([^\s"]+)/g)) {
    const [, phraseSign, phrase, wordSign, word] = match
    if (phrase !== undefined) {
      if (phrase.trim() === '') continue
      if (phraseSign) current.without.push({ text: phrase, phrase: true })
      else current.phrases.push(phrase)
    } else if (wordSign) current.without.push({ text: word!, phrase: false })
    else if (word!.toLowerCase() === 'or') close()
    else current.words.push(word!)
  }
  close()
  return alternatives
}

function nothing() {
  return {
    words: [] as string[],
    phrases: [] as string[],
    without: [] as { text: string; phrase: boolean }[],
  }
}
