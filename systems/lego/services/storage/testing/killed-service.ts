/** The service, as a process that kills itself (SIGKILL) at one place of an upload, which CUT names. */
import { ServerResponse } from 'node:http'
import { FolderStore, type ObjectStore } from '@banyan/objects'
import { runService } from '@banyan/service'
import { ClamdScanner } from '../scanner/clamd.ts'
import definition from '../service.ts'

const reached = (cut: string) => {
  if (process.env.CUT === cut) process.kill(process.pid, 'SIGKILL')
}

const { put } = FolderStore.prototype
FolderStore.prototype.put = async function (this: FolderStore, key, content, options) {
  reached('reserved')
  const info = await put.call(this, key, cutWithin(content), options)
  reached('stored')
  return info
}

async function* cutWithin(content: Parameters<ObjectStore['put']>[1]) {
  for await (const part of content as AsyncIterable<Uint8Array>) {
    yield part
    reached('half stored')
  }
}

const { scan } = ClamdScanner.prototype
ClamdScanner.prototype.scan = async function (this: ClamdScanner, content) {
  reached('measured')
  const verdict = await scan.call(this, content)
  reached('scanned')
  return verdict
}

const { writeHead } = ServerResponse.prototype
ServerResponse.prototype.writeHead = function (this: ServerResponse, ...args: unknown[]) {
  if (args[0] === 201) reached('confirmed')
  return Reflect.apply(writeHead, this, args)
} as typeof writeHead

await runService(definition)
