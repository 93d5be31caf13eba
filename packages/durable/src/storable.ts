/**
 * The value as JSON that PostgreSQL keeps: jsonb has no NUL and no half of a surrogate pair.
 *
 * @throws an Error that names `what`.
 */
export function storable(what: string, value: unknown): string {
  const text = JSON.stringify(value)
  if (text === undefined) throw new Error(`${what} is ${typeof value}; it must be JSON.`)
  // Most have no escape at all, and this is asked of every payload.
  if (text.includes('\\u') && /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/i.test(text)) {
    throw new Error(
      `${what} has a text with NUL or half a surrogate pair, which jsonb cannot keep.`,
    )
  }
  return text
}
