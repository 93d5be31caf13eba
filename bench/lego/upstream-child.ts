import { startUpstream } from '../upstream.ts'

const { port } = await startUpstream()
console.log(JSON.stringify({ event: 'listening', port }))
