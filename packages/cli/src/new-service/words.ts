/** `price-alerts`: small letters and digits, with single dashes between words. */
const WORDS = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/

export function isDashed(text: string): boolean {
  return WORDS.test(text)
}

/** What was meant by `PriceAlerts`, `price_alerts` or `price alerts`; null when no words are left. */
export function dashed(text: string): string | null {
  const words = text
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[-0-9]+|-+$/g, '')
  return isDashed(words) ? words : null
}

/** The spellings of a name, by where they stand: paths, identifiers, types, SQL, prose, headings. */
export function spellings(name: string) {
  const words = name.split('-')
  const capital = words.map((word) => word[0]!.toUpperCase() + word.slice(1))
  const pascal = capital.join('')
  return {
    dashed: name,
    camel: pascal[0]!.toLowerCase() + pascal.slice(1),
    pascal,
    snake: words.join('_'),
    prose: words.join(' '),
    title: capital.join(' '),
  }
}

/** The plural by the rules; `--things` gives it where they fail, as for people and children. */
export function pluralOf(noun: string): string {
  if (/[^aeiou]y$/.test(noun)) return `${noun.slice(0, -1)}ies`
  return /(s|x|z|ch|sh)$/.test(noun) ? `${noun}es` : `${noun}s`
}

/** The singular of what looks like a plural, else the word itself: `alerts` → `alert`, `billing` → `billing`. */
export function singularOf(name: string): string {
  if (/[^aeiou]ies$/.test(name)) return `${name.slice(0, -3)}y`
  if (/(ss|x|zz|ch|sh)es$/.test(name)) return name.slice(0, -2)
  return /[^sui]s$/.test(name) ? name.slice(0, -1) : name
}
