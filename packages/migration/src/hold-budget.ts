/**
 * Whether what is left of a handover's hold budget will do: after *give* there is no way but forward, and whoever is held
 * beyond the budget is refused. Reads are moved and the other side is opened in about the time that holding and closing took;
 * no more than a quarter is kept for it, or a slow machine would never come to the end of an attempt.
 *
 * @param begunInMs how long holding and closing took, ms
 * @returns why it will not do
 */
export function budgetProblem(budgetMs: number, begunInMs: number, leftMs: number): string | null {
  const neededMs = Math.min(begunInMs, budgetMs / 4)
  if (leftMs > neededMs) return null
  return (
    `the hold budget was spent: ${Math.max(0, Math.round(leftMs))} of ${budgetMs} ms are left, and opening the other ` +
    `side takes about ${Math.round(neededMs)} ms`
  )
}
