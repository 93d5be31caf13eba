import { z } from 'zod'

/** An amount of money, exactly: ten-thousandths, the four decimals that BrickLink counts in. */
export type Amount = bigint

/** `12.3400`; more decimals than four, fewer, or a sign are none of its amounts. */
export const AmountText = z
  .string()
  .regex(/^\d{1,12}\.\d{4}$/, 'must be digits with four decimals, e.g. "0.1250"')

/** @throws ZodError for what is not written as `AmountText` asks */
export function readAmount(text: string): Amount {
  return BigInt(AmountText.parse(text).replace('.', ''))
}

export function writeAmount(amount: Amount): string {
  const digits = amount.toString().padStart(5, '0')
  return `${digits.slice(0, -4)}.${digits.slice(-4)}`
}
