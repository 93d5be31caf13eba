import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { SAID } from '../events/names.ts'
import { HEARING } from '../events/page.ts'
import { readSettings } from '../portal/settings.ts'
import gallery from '../services/gallery/service.ts'
import inventory from '../services/inventory/service.ts'
import moc from '../services/moc/service.ts'
import processing from '../services/processing/service.ts'
import { TTL_MS } from '../services/profile/routes.ts'
import profile from '../services/profile/service.ts'
import search from '../services/search/service.ts'
import storage from '../services/storage/service.ts'
import { StorageSettings } from '../services/storage/settings.ts'
import wishlist from '../services/wishlist/service.ts'

const ALL = { gallery, inventory, moc, processing, profile, search, storage, wishlist }
const NAMES = Object.keys(ALL)
const folderOf = (name: string) => fileURLToPath(new URL(`../services/${name}/`, import.meta.url))

it('each service stands in a folder of its own, on the port of the document', () => {
  const folders = readdirSync(new URL('../services', import.meta.url))
  expect(folders.sort()).toEqual(NAMES)
  expect(Object.fromEntries(Object.values(ALL).map(({ name, port }) => [name, port]))).toEqual({
    ...{ moc: 9100, gallery: 9200, profile: 9300, wishlist: 9400 },
    ...{ processing: 9500, inventory: 9600, search: 9700, storage: 9800 },
  })
})

it.each(NAMES)('%s makes tables in its own schema alone', (name) => {
  const folder = `${folderOf(name)}migrations/`
  const sql = readdirSync(folder).map((file) => readFileSync(folder + file, 'utf8'))
  const text = sql.join('\n').replace(/--.*$/gm, '')
  // What stands without a schema is made in the service's own.
  const made = [...text.matchAll(/\b(?:TABLE|REFERENCES|FROM|INTO|UPDATE|ON) (\w+)\.\w/g)]
  const schemas = new Set(made.map(([, schema]) => schema))
  expect([...schemas].filter((schema) => schema !== name)).toEqual([])
  expect(text).toMatch(/CREATE TABLE/)
})

it.each(NAMES)(
  '%s is run by the kit, whose logs, metrics and doors are the same for all',
  (name) => {
    const main = readFileSync(`${folderOf(name)}main.ts`, 'utf8')
    expect(main).toBe(`import { runService } from '@banyan/service'
import definition from './service.ts'

await runService(definition)
`)
  },
)

it('the Wishlist Service calls no other service, and hears none', () => {
  expect(wishlist.dependencies).toBeUndefined()
  expect(wishlist.reactions).toBeUndefined()
})

it('the portal lists every service, where it usually listens', () => {
  expect(readSettings({}).SERVICES.sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual(
    Object.values(ALL).map(({ name, port }) => ({ name, url: `http://127.0.0.1:${port}` })),
  )
})

it('the page of events has all that a service says, and every service that hears', () => {
  const said = Object.entries(ALL).map(([name, { events = [] }]) => [name, events])
  expect(SAID).toEqual(Object.fromEntries(said))
  const hearing = Object.values(ALL).filter(({ reactions }) => reactions)
  expect(HEARING).toEqual(Object.fromEntries(hearing.map((one) => [one.name, one.reactions])))
})

it('limits of the document are what is usual', () => {
  expect(TTL_MS).toBe(5 * 60_000)
  const settings = { OBJECTS_URL: 'file:///srv/files', VIRUS_SCANNER: 'none' }
  expect(StorageSettings.parse(settings).QUOTA_BYTES).toBe(1024 ** 3)
})
