import { aptInstall, findProgram } from '../../servers/debian.ts'
import type { Ports, Product } from '../gate.ts'
import { IDENTITY_HEADERS } from './identity-headers.ts'
import { startProcess } from './process.ts'

/** HAProxy with its defaults: paths normalised by its own rules, the identity dropped, addresses added. */
export const haproxy: Product = {
  name: 'HAProxy',
  async missing() {
    return (await findProgram('haproxy')) ? null : 'apt-get install haproxy, or --install'
  },
  install: () => aptInstall(['haproxy']),
  start: (ports) =>
    startProcess(
      'haproxy',
      (file) => ['-db', '-f', file],
      (_, port, impatientPort) => configuration(ports, port, impatientPort),
    ),
}

function configuration({ monolith, service }: Ports, port: number, impatientPort: number): string {
  const dropped = IDENTITY_HEADERS.map((name) => `http-request del-header ${name}`).join('\n  ')
  const side = (name: string, limit: string, at: number, rewrite = '') => `backend ${name}
  timeout server ${limit}
  http-reuse always
  ${rewrite}
  server one 127.0.0.1:${at}
`
  const pair = (name: string, at: number, limit: string) => `frontend ${name}
  bind 127.0.0.1:${at}
  timeout client ${limit}
  timeout http-request ${limit}
  option forwardfor
  ${dropped}
  http-request normalize-uri path-merge-slashes
  http-request normalize-uri path-strip-dotdot
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(Host)]
  use_backend ${name}-service if { path -m beg /api/things/ } || { path /api/things }
  default_backend ${name}-monolith

${side(`${name}-service`, limit, service, 'http-request replace-path /api/things(.*) /v1/things\\1')}
${side(`${name}-monolith`, limit, monolith)}`
  return `global
  maxconn 200
  expose-experimental-directives
defaults
  mode http
  timeout connect 5s

${pair('patient', port, '30s')}
${pair('impatient', impatientPort, '500ms')}
`
}
