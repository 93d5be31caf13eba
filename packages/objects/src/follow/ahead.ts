/**
 * Does the work of items while those before them are still waited for, and gives the results in the order of
 * the items: what each costs in waiting is then paid once for `most` of them.
 *
 * @param most items under way at once
 * @throws what the work of an item throws, when its turn comes
 */
export async function* ahead<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  most: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const begun: Promise<Result>[] = []
  for await (const item of items) {
    const result = work(item)
    // Told when its turn comes, or by nobody: the reader may leave before.
    result.catch(() => {})
    begun.push(result)
    if (begun.length === most) yield await begun.shift()!
  }
  for (const result of begun) yield await result
}
