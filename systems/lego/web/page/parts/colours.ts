/** A colour as its catalogue names it. */
interface Colour {
  readonly name: string
  /** As it looks, #rrggbb. */
  readonly rgb: string
}

const c = (name: string, rgb: string): Colour => ({ name, rgb: `#${rgb}` })

/** Those most parts are in; any other is shown by its number. */
const REBRICKABLE: Readonly<Record<number, Colour>> = {
  0: c('Black', '05131d'),
  1: c('Blue', '0055bf'),
  2: c('Green', '237841'),
  3: c('Dark Turquoise', '008f9b'),
  4: c('Red', 'c91a09'),
  5: c('Dark Pink', 'c870a0'),
  6: c('Brown', '583927'),
  7: c('Light Gray', '9ba19d'),
  8: c('Dark Gray', '6d6e5c'),
  9: c('Light Blue', 'b4d2e3'),
  10: c('Bright Green', '4b9f4a'),
  11: c('Light Turquoise', '55a5af'),
  12: c('Salmon', 'f2705e'),
  13: c('Pink', 'fc97ac'),
  14: c('Yellow', 'f2cd37'),
  15: c('White', 'ffffff'),
  19: c('Tan', 'e4cd9e'),
  25: c('Orange', 'fe8a18'),
  26: c('Magenta', '923978'),
  27: c('Lime', 'bbe90b'),
  28: c('Dark Tan', '958a73'),
  70: c('Reddish Brown', '582a12'),
  71: c('Light Bluish Gray', 'a0a5a9'),
  72: c('Dark Bluish Gray', '6c6e68'),
}

const BRICKLINK: Readonly<Record<number, Colour>> = {
  1: REBRICKABLE[15]!,
  2: REBRICKABLE[19]!,
  3: REBRICKABLE[14]!,
  4: REBRICKABLE[25]!,
  5: REBRICKABLE[4]!,
  6: REBRICKABLE[2]!,
  7: REBRICKABLE[1]!,
  8: REBRICKABLE[6]!,
  9: REBRICKABLE[7]!,
  10: REBRICKABLE[8]!,
  11: REBRICKABLE[0]!,
  34: REBRICKABLE[27]!,
  36: REBRICKABLE[10]!,
  39: REBRICKABLE[3]!,
  69: REBRICKABLE[28]!,
  71: REBRICKABLE[26]!,
  85: REBRICKABLE[72]!,
  86: REBRICKABLE[71]!,
  88: REBRICKABLE[70]!,
}

/** What a colour number means in a list of that format; null where nobody says. */
export function colourOf(format: string, number: number | null): Colour | null {
  if (number === null) return null
  const known = format.startsWith('bricklink') ? BRICKLINK : REBRICKABLE
  return known[number] ?? null
}
