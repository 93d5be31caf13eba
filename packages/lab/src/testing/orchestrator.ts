import { fileURLToPath } from 'node:url'
import { Supervisor } from '../supervisor.ts'

// Starts a process and a server, says what it started, and then ends as its argument says.
const supervisor = await Supervisor.create({ name: 'banyan-lab-test' })
const server = await supervisor.postgres()
const child = await supervisor.process('child', {
  file: fileURLToPath(new URL('child.ts', import.meta.url)),
})
console.log(
  JSON.stringify({
    event: 'started',
    folder: supervisor.folder,
    dataDir: server.dataDir,
    pids: [child.pid, server.pid],
    ports: [child.port, server.port],
  }),
)
if (process.argv[2] === 'throw') throw new Error('nobody catches this')
if (process.argv[2] === 'reject') void Promise.reject(new Error('nor this'))
if (process.argv[2] === 'finish') await supervisor.stopAll()
else setInterval(() => {}, 1_000)
