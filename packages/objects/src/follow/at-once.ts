/**
 * Does the work of all items, so many of them at once. One that fails does not end the others, unless many
 * do without any that succeeds between: then what all of them need is away.
 *
 * @returns what failed, with its item
 */
export async function atOnce<T>(
  items: readonly T[],
  { most, giveUpAfter }: { readonly most: number; readonly giveUpAfter: number },
  work: (item: T) => Promise<void>,
): Promise<{ readonly item: T; readonly error: Error }[]> {
  const failed: { item: T; error: Error }[] = []
  let next = 0
  let inARow = 0
  const worker = async () => {
    while (next < items.length && inARow < giveUpAfter) {
      const item = items[next++]!
      try {
        await work(item)
        inARow = 0
      } catch (error) {
        inARow++
        failed.push({ item, error: error as Error })
      }
    }
  }
  await Promise.all(Array.from({ length: most }, worker))
  const skipped = items.slice(next)
  const why = failed.at(-1)?.error
  return [...failed, ...skipped.map((item) => ({ item, error: why! }))]
}
