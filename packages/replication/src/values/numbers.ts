import { between, chance, pick, type Random, several } from './random.ts'

/** A whole number of any magnitude up to so many bits, sign included. */
export function integer(random: Random, bits: number): string {
  const highest = (1n << BigInt(bits - 1)) - 1n
  if (chance(random, 0.15)) {
    return String(pick(random, [0n, 1n, -1n, highest, -highest - 1n, highest - 1n]))
  }
  const size = between(random, 1, bits - 1)
  const value = bitsOf(random, size)
  return String(chance(random, 0.5) ? value : -value)
}

/** A whole number from 0 of any magnitude below 2^bits. */
export function unsigned(random: Random, bits: number): string {
  return chance(random, 0.1)
    ? String(pick(random, [0n, 1n, (1n << BigInt(bits)) - 1n]))
    : String(bitsOf(random, between(random, 1, bits)))
}

function bitsOf(random: Random, size: number): bigint {
  let value = 0n
  for (let i = 0; i < size; i++) value = (value << 1n) | BigInt(random() < 0.5 ? 1 : 0)
  return value
}

export function digits(random: Random, least: number, most: number): string {
  return several(random, least, most, () => String(between(random, 0, 9))).join('')
}

/** Any numeric without a declared scale: special values, trailing zeros, very many digits. */
export function numeric(random: Random): string {
  if (chance(random, 0.1)) {
    return pick(random, ['NaN', 'Infinity', '-Infinity', '0', '0.000', '-0.0', '1', '1.0', '1.00'])
  }
  if (chance(random, 0.02)) {
    return `${pick(random, ['', '-'])}1${digits(random, 200, 3_000)}.${digits(random, 0, 2_000)}`
  }
  const exponent = chance(random, 0.1) ? `e${between(random, -60, 60)}` : ''
  return `${decimal(random, 18, 12)}${exponent}`
}

/** A number with at most so many digits before and after the point. */
export function decimal(random: Random, before: number, after: number): string {
  const fraction = digits(random, 0, after)
  return `${pick(random, ['', '-'])}${digits(random, 1, before)}${fraction === '' ? '' : `.${fraction}`}`
}

const DOUBLES = ['-0', '0', 'NaN', 'Infinity', '-Infinity', '5e-324', '1.7976931348623157e308']
const SINGLES = ['-0', '0', 'NaN', 'Infinity', '-Infinity', '1e-45', '3.4028235e38']

/** Any bit pattern of a double. */
export function double(random: Random): string {
  if (chance(random, 0.1)) return pick(random, DOUBLES)
  if (chance(random, 0.3)) return decimal(random, 6, 4)
  const view = new DataView(new ArrayBuffer(8))
  view.setUint32(0, Math.floor(random() * 2 ** 32))
  view.setUint32(4, Math.floor(random() * 2 ** 32))
  return numberText(view.getFloat64(0))
}

/** Any bit pattern of a single. */
export function single(random: Random): string {
  if (chance(random, 0.1)) return pick(random, SINGLES)
  if (chance(random, 0.3)) return decimal(random, 4, 3)
  const view = new DataView(new ArrayBuffer(4))
  view.setUint32(0, Math.floor(random() * 2 ** 32))
  return numberText(view.getFloat32(0))
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

export function money(random: Random): string {
  if (chance(random, 0.1)) {
    return pick(random, ['0', '-0.01', '92233720368547758.07', '-92233720368547758.08'])
  }
  return `${pick(random, ['', '-'])}${digits(random, 1, 15)}.${digits(random, 2, 2)}`
}
