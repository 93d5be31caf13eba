/** The known word most like the given one; null when none is near enough to be a typo of it. */
export function nearest(given: string, known: readonly string[]): string | null {
  const wanted = given.toLowerCase()
  let best: string | null = null
  // A third of the letters may be wrong, and never fewer than two: `statsu` is two from `status`.
  let most = Math.max(2, Math.floor(wanted.length / 3)) + 1
  for (const word of known) {
    const away = distance(wanted, word.toLowerCase())
    if (away < most) {
      most = away
      best = word
    }
  }
  return best
}

/** Levenshtein. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, replaced))
    }
    row = next
  }
  return row[b.length]!
}
