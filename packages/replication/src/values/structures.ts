import { double, numeric } from './numbers.ts'
import { between, chance, pick, type Random, several } from './random.ts'
import { anyText, hex, text, word } from './texts.ts'

export type Make = (random: Random) => string

/** JSON with the white space, the repeated keys and the numbers that a parser would not give back. */
export function json(random: Random, binary: boolean, depth = 3): string {
  const space = () => (binary ? '' : pick(random, ['', '', ' ', '\n', '\t  ']))
  const kind = depth === 0 ? random() * 0.6 : random()
  if (kind < 0.1) return pick(random, ['null', 'true', 'false', '""', '[]', '{}'])
  if (kind < 0.35) return jsonNumber(random)
  if (kind < 0.6) return jsonText(random)
  const inner = () => json(random, binary, depth - 1)
  if (kind < 0.8) {
    return `[${several(random, 0, 4, () => `${space()}${inner()}${space()}`).join(',')}]`
  }
  const keys = several(random, 0, 4, () => pick(random, [jsonText(random), '"a"', '"b"', '""']))
  return `{${keys.map((key) => `${space()}${key}${space()}:${space()}${inner()}`).join(',')}${space()}}`
}

function jsonNumber(random: Random): string {
  if (chance(random, 0.3)) {
    return pick(random, [
      '0',
      '-0',
      '1.0',
      '1.00',
      '1e2',
      '1E+2',
      '9007199254740993',
      '-1.50e-7',
      '1e400',
    ])
  }
  const made = numeric(random)
  return /^(-?)0*(0|[1-9]\d*)(\.\d+)?(e-?\d+)?$/.test(made)
    ? made.replace(/^(-?)0+(?=\d)/, '$1')
    : '12345678901234567890.10'
}

function jsonText(random: Random): string {
  const plain = JSON.stringify(anyText(random)).replaceAll('\\u0000', '')
  return chance(random, 0.2) ? plain.replace(/"$/, '\\u00e9\\/\\ud83d\\ude00"') : plain
}

export function xml(random: Random): string {
  const inner = text(random)
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replace(/[<&>]/g, (one) => `&#${one.charCodeAt(0)};`)
  return pick(random, [
    `<a>${inner}</a>`,
    `<a  b="1"   c='2'/>`,
    `${inner}<b/><!-- c -->`,
    `<?pi x?><a><![CDATA[<&]]></a>`,
    `<x:y xmlns:x="u">${inner}<x:z/></x:y>\n`,
  ])
}

export function inet(random: Random): string {
  return chance(random, 0.5)
    ? `${several(random, 4, 4, () => between(random, 0, 255)).join('.')}${pick(random, ['', '/32', `/${between(random, 0, 32)}`])}`
    : `${several(random, 8, 8, () => hex(random, between(random, 1, 4))).join(':')}${pick(random, ['', `/${between(random, 0, 128)}`])}`
}

/** A network: the bits behind its length are zero. */
export function cidr(random: Random): string {
  return pick(random, [
    `10.${between(random, 0, 255)}.0.0/16`,
    `${between(random, 1, 223)}.0.0.0/8`,
    `192.168.${between(random, 0, 255)}.${between(random, 0, 255)}/32`,
    `2001:db8:${hex(random, 4)}::/48`,
    '::/0',
    '0.0.0.0/0',
    '::ffff:1.2.3.4/128',
  ])
}

export function bits(random: Random, least: number, most: number): string {
  return several(random, least, most, () => pick(random, ['0', '1'])).join('')
}

export function octets(random: Random): string {
  const count = chance(random, 0.03) ? between(random, 2_100, 6_000) : between(random, 0, 40)
  return `\\x${hex(random, 2 * count)}`
}

export function uuid(random: Random): string {
  if (chance(random, 0.03)) return pick(random, ['0', 'f']).repeat(32)
  return [8, 4, 4, 4, 12].map((width) => hex(random, width)).join('-')
}

/** A coordinate of a geometric type. */
function coordinate(random: Random): string {
  const made = chance(random, 0.8) ? double(random) : pick(random, ['0', '-0', '1.5', '1e-300'])
  return made === 'NaN' ? '1' : made
}

function point(random: Random): string {
  return `(${coordinate(random)},${coordinate(random)})`
}

/** Coordinates that can be compared and subtracted: a box sorts its corners. */
function plainPoint(random: Random): string {
  const plain = () => `${between(random, -9_999, 9_999)}.${between(random, 0, 999)}`
  return `(${plain()},${plain()})`
}

export const geometry = {
  point,
  line: (random: Random) =>
    `{${between(random, 1, 9)},${between(random, -9, 9)},${between(random, -99, 99)}.25}`,
  lseg: (random: Random) => `[${point(random)},${point(random)}]`,
  box: (random: Random) => `${plainPoint(random)},${plainPoint(random)}`,
  path: (random: Random) => {
    const points = several(random, 1, 6, () => point(random)).join(',')
    return chance(random, 0.5) ? `[${points}]` : `(${points})`
  },
  polygon: (random: Random) => `(${several(random, 1, 6, () => plainPoint(random)).join(',')})`,
  circle: (random: Random) => `<${point(random)},${between(random, 0, 999)}.5>`,
}

const quoted = (random: Random) =>
  `'${text(random, 12).replaceAll('\\', '').replaceAll("'", "''") || 'x'}'`

export function tsvector(random: Random): string {
  return several(random, 0, 6, () => {
    const places = several(
      random,
      0,
      3,
      () => `${between(random, 1, 16_383)}${pick(random, ['', 'A', 'B', 'C'])}`,
    )
    return `${quoted(random)}${places.length > 0 ? `:${places.join(',')}` : ''}`
  }).join(' ')
}

export function tsquery(random: Random): string {
  const term = () =>
    `${pick(random, ['', '', '!'])}${quoted(random)}${pick(random, ['', '', ':*', ':AB', ':*C'])}`
  let query = term()
  for (let i = between(random, 0, 3); i > 0; i--) {
    query = `(${query} ${pick(random, ['&', '|', '<->', '<3>'])} ${term()})`
  }
  return query
}

export function jsonpath(random: Random): string {
  return pick(random, [
    `$."${word(random)}"[*] ? (@ > ${between(random, -9, 9)})`,
    `strict $.${'a'}${word(random)}[${between(random, 0, 9)} to last]`,
    `lax $.** ? (@.type() == "number" && @ < ${between(random, 0, 99)}.50)`,
    `$ ? (@.a like_regex "^${word(random)}" flag "i")`,
    `exists($."\\u00e9${word(random)}")`,
  ])
}

/** `xmin:xmax:xip,…` in ascending order. */
export function snapshot(random: Random): string {
  const least = between(random, 1, 1e9)
  const running = several(random, 0, 5, () => between(random, 1, 1_000)).map((n) => least + n)
  const unique = [...new Set(running)].sort((a, b) => a - b)
  return `${least}:${least + 1_001}:${unique.join(',')}`
}
