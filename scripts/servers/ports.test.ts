import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { SERVERS } from './all.ts'
import { OFFSET, USUAL_OFFSET } from './server.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const TABLE = rowsOf(readFileSync(join(ROOT, 'docs/ports.md'), 'utf8'))
const COMPOSE = readFileSync(join(ROOT, 'deploy/compose.servers.yaml'), 'utf8')

/** Tests may run beside a set of servers that was moved; the documents tell the usual place. */
const documented = (port: number) => port - OFFSET + USUAL_OFFSET

describe.each(SERVERS)('the ports of $name', (server) => {
  const ports = Object.entries(server.ports)

  it('stand in docs/ports.md, all of them and no others', () => {
    expect(TABLE.filter(({ name }) => name === server.name)).toEqual(
      ports.map(([use, port], i) => ({
        name: server.name,
        use,
        usual: port - OFFSET,
        port: documented(port),
        variable: i === 0 ? server.variable : '',
      })),
    )
  })

  it('are the same in the compose file, at the same version', () => {
    const [, block] = COMPOSE.split(`\n  ${server.name}:\n`)
    const image = /image: \S+:(\S+)/.exec(block ?? '')?.[1]
    const published = /ports: \["127\.0\.0\.1:(\d+):(\d+)"\]/.exec(block ?? '')
    expect(image).toBe(server.version)
    expect(Number(published?.[1])).toBe(documented(ports[0]![1]))
  })

  it('are where its URL points', () => {
    expect(Number(new URL(server.url.replace(/^(kafka|clamd):/, 'http:')).port)).toBe(ports[0]![1])
  })
})

it('none lies among the ports of outgoing connections', () => {
  const all = SERVERS.flatMap(({ ports }) => Object.values(ports))
  expect(all.map(documented).filter((port) => port >= 32_768)).toEqual([])
})

it('no two servers share a port', () => {
  const all = SERVERS.flatMap(({ ports }) => Object.values(ports))
  expect(new Set(all).size).toBe(all.length)
})

it('docs/ports.md and the compose file name no server that is not there', () => {
  const names = SERVERS.map(({ name }) => name).sort()
  const services = COMPOSE.slice(COMPOSE.indexOf('services:'), COMPOSE.indexOf('\nvolumes:'))
  const composed = [...services.matchAll(/^ {2}(\w+):$/gm)].map((match) => match[1]!)
  expect([...new Set(TABLE.map(({ name }) => name))].sort()).toEqual(names)
  expect(composed.sort()).toEqual(names)
})

function rowsOf(text: string) {
  const section = text.slice(text.indexOf('## Real servers'))
  return [...section.matchAll(/^\| (\w+) \| (\w+) \| (\d+) \| (\d+) \| (?:`(\w+)` )?\|$/gm)].map(
    ([, name, use, usual, port, variable = '']) => ({
      name: name!,
      use: use!,
      usual: Number(usual),
      port: Number(port),
      variable,
    }),
  )
}
