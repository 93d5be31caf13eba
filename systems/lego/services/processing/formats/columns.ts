/** What a column of a CSV, or a member of a JSON entry, may hold. */
export const FIELDS = [
  'part',
  'bricklink',
  'ldraw',
  'element',
  'colour',
  'bricklinkColour',
  'ldrawColour',
  'colourName',
  'quantity',
  'spare',
  'name',
] as const
export type Field = (typeof FIELDS)[number]

/** Headers that people's files have, without case, spaces and signs. */
const COMMON: Readonly<Record<string, Field>> = {
  part: 'part',
  partnum: 'part',
  partno: 'part',
  partnumber: 'part',
  partid: 'part',
  design: 'part',
  designid: 'part',
  designnumber: 'part',
  blitemno: 'bricklink',
  bricklinkid: 'bricklink',
  bricklinkitemno: 'bricklink',
  bricklinkpart: 'bricklink',
  itemno: 'bricklink',
  ldrawid: 'ldraw',
  ldrawpart: 'ldraw',
  element: 'element',
  elementid: 'element',
  elementnumber: 'element',
  legoelementid: 'element',
  color: 'colour',
  colour: 'colour',
  colorid: 'colour',
  colourid: 'colour',
  blcolorid: 'bricklinkColour',
  bricklinkcolor: 'bricklinkColour',
  bricklinkcolorid: 'bricklinkColour',
  ldrawcolor: 'ldrawColour',
  ldrawcolorid: 'ldrawColour',
  colorname: 'colourName',
  colourname: 'colourName',
  quantity: 'quantity',
  qty: 'quantity',
  num: 'quantity',
  count: 'quantity',
  amount: 'quantity',
  orderedquantity: 'quantity',
  quantityordered: 'quantity',
  pieces: 'quantity',
  isspare: 'spare',
  spare: 'spare',
  name: 'name',
  partname: 'name',
  productname: 'name',
  elementname: 'name',
  description: 'name',
}

/** Which column each field is in, by its index in the row (CSV) or its name (JSON). */
export type Columns<Key> = ReadonlyMap<Field, Key>

/** The user's own: the header that each field has in their file. */
export type ColumnMapping = Readonly<Partial<Record<Field, string>>>

/**
 * Finds the columns: what the user names, and what is commonly called so. The first of two that are
 * called alike counts.
 */
export function findColumns<Key>(
  headers: readonly (readonly [header: string, key: Key])[],
  mapping: ColumnMapping = {},
): Columns<Key> {
  const columns = new Map<Field, Key>()
  const named = new Map(Object.entries(mapping).map(([field, header]) => [plain(header), field]))
  for (const [header, key] of headers) {
    const field = named.get(plain(header)) as Field | undefined
    if (field && !columns.has(field)) columns.set(field, key)
  }
  for (const [header, key] of headers) {
    if (named.has(plain(header))) continue
    const field = COMMON[plain(header)]
    if (field && mapping[field] === undefined && !columns.has(field)) columns.set(field, key)
  }
  return columns
}

/** What is missing for a list to be read; empty when nothing is. */
export function missingIn(columns: Columns<unknown>, mapping: ColumnMapping = {}): string[] {
  const missing = Object.entries(mapping)
    .filter(([field]) => !columns.has(field as Field))
    .map(([field, header]) => `"${header}" (for ${field})`)
  const identifies = ['part', 'bricklink', 'ldraw', 'element', 'name'] as const
  if (!identifies.some((field) => columns.has(field))) missing.push('one for the part or element')
  if (!columns.has('quantity')) missing.push('one for the quantity')
  return missing
}

function plain(header: string): string {
  return header.toLowerCase().replace(/[^a-z0-9]/g, '')
}
