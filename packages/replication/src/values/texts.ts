import { between, chance, pick, type Random, several } from './random.ts'

/** What breaks those who put text together by hand: separators, escapes, and words that look like NULL. */
export const AWKWARD_TEXTS: readonly string[] = [
  '',
  ' ',
  '   trailing   ',
  'NULL',
  'null',
  '\\N',
  '\\.',
  '\n\\.\n',
  '\\',
  '\\\\',
  '\\n',
  '\\x00',
  '\t',
  '\n',
  '\r\n',
  '\v\f\b',
  '"',
  '""',
  "'",
  "''",
  '$1',
  '$$',
  '{}',
  '{"a",NULL}',
  '(,)',
  '("",)',
  ',',
  ';',
  '%s%I',
  '--',
  '/* */',
  '\u0001\u001f\u007f\u0080',
  '\ufeffbom',
  '\u2028\u2029\u0085\u00a0',
  '\ufffd\ufffe\uffff',
  '\u{10ffff}',
  'e\u0301 \u00e9',
  '\u202eright to left\u202c',
  '👩‍👩‍👧‍👦🇳🇵',
  '0',
  't',
  'infinity',
]

const SURROGATES = { first: 0xd800, last: 0xdfff }
const LAST = 0x10ffff
/** Every code point that PostgreSQL can store: all but zero and the surrogates. */
const CODE_POINTS = LAST - (SURROGATES.last - SURROGATES.first + 1)

function codePoint(index: number): string {
  const point = index + 1
  return String.fromCodePoint(
    point < SURROGATES.first ? point : point + SURROGATES.last - SURROGATES.first + 1,
  )
}

const BLOCK = 4_096
/** So many blocks hold every code point once. */
const UNICODE_BLOCKS = Math.ceil(CODE_POINTS / BLOCK)

/** The `n`th block of code points, in order; begins anew after the last. */
export function unicodeBlock(n: number): string {
  const start = (n % UNICODE_BLOCKS) * BLOCK
  const length = Math.min(BLOCK, CODE_POINTS - start)
  return Array.from({ length }, (_, i) => codePoint(start + i)).join('')
}

/** Any text: plain, awkward, or out of all of Unicode. @param most characters. */
export function text(random: Random, most = 60): string {
  const kind = random()
  const made =
    kind < 0.25
      ? pick(random, AWKWARD_TEXTS)
      : kind < 0.5
        ? several(random, 1, 4, () => pick(random, AWKWARD_TEXTS)).join('')
        : several(random, 0, most, () =>
            chance(random, 0.6)
              ? String.fromCharCode(between(random, 32, 126))
              : codePoint(Math.floor(random() * CODE_POINTS)),
          ).join('')
  return [...made].slice(0, most).join('')
}

/** Too long for a row: PostgreSQL puts it out of line, compressed or not. */
function longText(random: Random): string {
  const length = between(random, 2_500, 9_000)
  const part = text(random, 40) || 'x'
  return chance(random, 0.5)
    ? part.repeat(Math.ceil(length / part.length))
    : several(random, length, length, () => codePoint(between(random, 32, 0x2fff))).join('')
}

/** Some text that is long once in a while. */
export function anyText(random: Random): string {
  return chance(random, 0.03) ? longText(random) : text(random)
}

export function word(random: Random, most = 12): string {
  return several(random, 1, most, () => pick(random, [...'abcxyzABCXYZ0189_'])).join('')
}

export function hex(random: Random, digits: number): string {
  return several(random, digits, digits, () => pick(random, [...'0123456789abcdef'])).join('')
}
