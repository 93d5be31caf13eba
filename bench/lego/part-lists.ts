import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Random } from '@banyan/lab'

/** A parts list as somebody uploads it. */
export interface PartList {
  readonly fileName: string
  readonly content: string
}

const PARTS = 20_000
const COLOURS = 200
const SMALLEST = 8_000
const LARGEST = 900_000
/** Of lots whose part no catalogue has. */
const UNKNOWN = 0.01

/**
 * Lists of below 1 MB: half are BrickLink XML, half Rebrickable CSV; as many are between 8 and 85 KB, as real ones
 * are, as between 85 and 900 KB.
 */
export function partLists(count: number, seed: number): PartList[] {
  const random = new Random(seed)
  return Array.from({ length: count }, (_, n) => {
    const bytes = SMALLEST * (LARGEST / SMALLEST) ** random.next()
    return n % 2 === 0 ? xmlOf(bytes, random) : csvOf(bytes, random)
  })
}

function lot(random: Random): readonly [part: string, colour: number, quantity: number] {
  const unknown = random.next() < UNKNOWN
  const part = unknown ? `unknown${random.below(1_000)}` : String(3_001 + random.below(PARTS))
  return [part, random.below(COLOURS), 1 + random.below(20)]
}

function xmlOf(bytes: number, random: Random): PartList {
  let content = '<INVENTORY>'
  while (content.length < bytes) {
    const [part, colour, quantity] = lot(random)
    content += `<ITEM><ITEMTYPE>P</ITEMTYPE><ITEMID>${part}</ITEMID><COLOR>${colour}</COLOR><MINQTY>${quantity}</MINQTY></ITEM>\n`
  }
  return { fileName: 'list.xml', content: `${content}</INVENTORY>` }
}

function csvOf(bytes: number, random: Random): PartList {
  // With names, as people's own tables have them: a line is about as long as a lot of XML.
  let content = 'Part,Color,Quantity,Is Spare,Name\n'
  while (content.length < bytes) {
    const [part, colour, quantity] = lot(random)
    content += `${part},${colour},${quantity},False,"Brick number ${part}, in colour ${colour}, with studs of its own"\n`
  }
  return { fileName: 'list.csv', content }
}

/** Writes a catalogue that has what the lists name, in the form of Rebrickable's dumps. */
export async function writeCatalogue(folder: string): Promise<{
  readonly dumps: string
  readonly colours: string
  readonly partIds: string
}> {
  await mkdir(folder, { recursive: true })
  const numbers = Array.from({ length: PARTS }, (_, n) => 3_001 + n)
  const colours = Array.from({ length: COLOURS }, (_, id) => id)
  const write = async (name: string, lines: readonly string[]) => {
    const file = join(folder, name)
    await writeFile(file, lines.join('\n'))
    return file
  }
  await write('part_categories.csv', ['id,name', '11,Bricks'])
  await write('parts.csv', [
    'part_num,name,part_cat_id,part_material',
    ...numbers.map((part) => `${part},Brick number ${part},11,Plastic`),
  ])
  await write('colors.csv', [
    'id,name,rgb,is_trans,num_parts,num_sets,y1,y2',
    ...colours.map((id) => `${id},Colour ${id},05131D,False,1,1,1957,2026`),
  ])
  await write('elements.csv', ['element_id,part_num,color_id,design_id'])
  await write('part_relationships.csv', ['rel_type,child_part_num,parent_part_num'])
  return {
    dumps: folder,
    colours: await write('colours.json', [
      JSON.stringify(colours.map((id) => ({ id, external_ids: { BrickLink: { ext_ids: [id] } } }))),
    ]),
    partIds: await write('part-ids.json', [
      JSON.stringify(numbers.map((part) => ({ r: String(part), b: [String(part)], l: [] }))),
    ]),
  }
}
