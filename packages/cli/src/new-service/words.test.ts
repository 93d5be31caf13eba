import { expect, it } from 'vitest'
import { dashed, pluralOf, singularOf, spellings } from './words.ts'

it('spells a name as each place wants it', () => {
  expect(spellings('price-alert2')).toEqual({
    dashed: 'price-alert2',
    camel: 'priceAlert2',
    pascal: 'PriceAlert2',
    snake: 'price_alert2',
    prose: 'price alert2',
    title: 'Price Alert2',
  })
})

it.each([
  ['alert', 'alerts'],
  ['box', 'boxes'],
  ['branch', 'branches'],
  ['address', 'addresses'],
  ['case', 'cases'],
  ['entry', 'entries'],
  ['survey', 'surveys'],
])('makes %s into %s, and back', (one, many) => {
  expect(pluralOf(one)).toBe(many)
  expect(singularOf(many)).toBe(one)
})

it.each(['billing', 'status', 'analysis', 'access'])('leaves %s, which is no plural', (word) => {
  expect(singularOf(word)).toBe(word)
})

it.each([
  ['PriceAlerts', 'price-alerts'],
  ['price_alerts', 'price-alerts'],
  [' 2 Price  Alerts! ', 'price-alerts'],
  ['äöü', null],
  ['--', null],
])('hears in %j the name %j', (given, meant) => {
  expect(dashed(given)).toBe(meant)
})
