import { Router } from 'express'
import type { Database } from '../db/connect.ts'
import { userOf } from '../http/auth.ts'
import { idParam, read } from '../http/validate.ts'
import { changeItem, createItem, deleteItem, getItem, listItems } from './items.ts'
import { reorder, reorderLater, reorderStatus } from './reorder.ts'
import { ItemChange, ListQuery, NewItem, NewOrder } from './schemas.ts'

const ITEM = 'wishlist item'

export function wishlistRoutes(db: Database): Router {
  const router = Router()

  router.get('/', async (req, res) => {
    res.json(await listItems(db, userOf(req).id, read(ListQuery, req.query)))
  })
  router.post('/', async (req, res) => {
    res.status(201).json(await createItem(db, userOf(req).id, read(NewItem, req.body)))
  })

  router.post('/reorder', async (req, res) => {
    const { itemIds } = read(NewOrder, req.body)
    res.json(await reorder(db, userOf(req).id, itemIds))
  })
  router.post('/reorder/debounced', async (req, res) => {
    const { itemIds } = read(NewOrder, req.body)
    res.status(202).json(await reorderLater(db, userOf(req).id, itemIds))
  })
  router.get('/reorder/status', async (req, res) => {
    res.json(await reorderStatus(db, userOf(req).id))
  })

  router.get('/:id', async (req, res) => {
    res.json(await getItem(db, userOf(req).id, idParam(req.params.id, ITEM)))
  })
  router.patch('/:id', async (req, res) => {
    const id = idParam(req.params.id, ITEM)
    res.json(await changeItem(db, userOf(req).id, id, read(ItemChange, req.body)))
  })
  router.delete('/:id', async (req, res) => {
    await deleteItem(db, userOf(req).id, idParam(req.params.id, ITEM))
    res.status(204).end()
  })

  return router
}
