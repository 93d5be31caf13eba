import { defineApi, pageOf } from '@banyan/service'
import { z } from 'zod'
import {
  Acquisition,
  Item,
  ItemChange,
  ListQuery,
  NewItem,
  NewPurchase,
  Progress,
  Purchase,
  PurchaseCost,
  Source,
} from './messages.ts'

const ItemId = z.object({ itemId: z.uuid() })

/** What the Inventory Tracking Service offers, to users and to services that ask for one. */
export const inventoryApi = defineApi({
  name: 'inventory',
  prefix: '/v1/inventory',
  routes: {
    listItems: {
      method: 'GET',
      path: '/items',
      summary: "Items of one's own inventory",
      query: ListQuery,
      response: { 200: pageOf(Item) },
    },
    addItem: {
      method: 'POST',
      path: '/items',
      summary: 'Adds an item, needed for a MOC, a wish or a set',
      body: NewItem,
      response: { 201: Item },
    },
    getItem: {
      method: 'GET',
      path: '/items/:itemId',
      summary: 'An item, with how much of it is there',
      params: ItemId,
      response: { 200: Item },
    },
    changeItem: {
      method: 'PATCH',
      path: '/items/:itemId',
      summary: 'Changes an item',
      params: ItemId,
      body: ItemChange,
      response: { 200: Item },
    },
    deleteItem: {
      method: 'DELETE',
      path: '/items/:itemId',
      summary: 'Deletes an item, with its purchases',
      params: ItemId,
      response: { 204: z.null() },
    },
    acquire: {
      method: 'POST',
      path: '/items/:itemId/acquired',
      summary: 'There are so many more of an item, or fewer',
      params: ItemId,
      body: Acquisition,
      response: { 200: Item },
    },
    listPurchases: {
      method: 'GET',
      path: '/items/:itemId/purchases',
      summary: 'Purchases of an item',
      params: ItemId,
      response: { 200: z.object({ purchases: z.array(Purchase) }) },
    },
    addPurchase: {
      method: 'POST',
      path: '/items/:itemId/purchases',
      summary: 'Adds a purchase of an item',
      params: ItemId,
      body: NewPurchase,
      response: { 201: Purchase },
    },
    setCost: {
      method: 'PUT',
      path: '/items/:itemId/purchases/:purchaseId/cost',
      summary: 'Says what a purchase cost; once',
      params: ItemId.extend({ purchaseId: z.uuid() }),
      body: PurchaseCost,
      response: { 200: Purchase },
    },
    getProgress: {
      method: 'GET',
      path: '/sources/:type/:id',
      summary: 'What there is, and what is needed, for a source',
      params: Source,
      response: { 200: Progress },
    },
  },
})
