import { Router } from 'express'
import { z } from 'zod'
import { userOf } from '../http/auth.ts'
import { read } from '../http/validate.ts'
import type { Services } from '../services/services.ts'
import { PARTS_FORMATS } from './parts.ts'
import { readParts } from './read-parts.ts'

const PartsListText = z.strictObject({
  fileName: z.string().trim().min(1).max(200),
  content: z.string().min(1),
  format: z.enum(PARTS_FORMATS).optional(),
})

/** Parts lists by themselves: what one holds, before it becomes a MOC's. Nothing of it is kept. */
export function partsListRoutes(services: Services): Router {
  const router = Router()

  router.post('/parse', async (req, res) => {
    const { fileName, content, format } = read(PartsListText, req.body)
    const upload = { name: fileName, mimeType: 'text/plain', content: Buffer.from(content) }
    const list = await readParts(services, userOf(req).id, upload, format)
    const pieceCount = list.parts.reduce((sum, part) => sum + part.quantity, 0)
    res.json({ ...list, lotCount: list.parts.length, pieceCount })
  })

  return router
}
