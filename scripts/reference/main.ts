/** `npm run reference`: writes docs/reference from the types and schemas; a test fails while it is not as they are. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT } from '../docs/markdown.ts'
import { referencePages } from './pages.ts'

const folder = join(ROOT, 'docs/reference')
await mkdir(folder, { recursive: true })
for (const [file, text] of await referencePages()) await writeFile(join(folder, file), text)
