import { aptInstall, findProgram } from '../../servers/debian.ts'
import type { Ports, Product } from '../gate.ts'
import { IDENTITY_HEADERS } from './identity-headers.ts'
import { startProcess } from './process.ts'

/** nginx with its defaults: keep-alive to the upstreams, the identity dropped, the forwarded headers set. */
export const nginx: Product = {
  name: 'nginx',
  async missing() {
    return (await findProgram('nginx')) ? null : 'apt-get install nginx-light, or --install'
  },
  install: () => aptInstall(['nginx-light']),
  start: (ports) =>
    startProcess(
      'nginx',
      (file, folder) => ['-c', file, '-p', folder, '-e', 'stderr'],
      (folder, port, impatientPort) => configuration(folder, ports, port, impatientPort),
    ),
}

function configuration(
  folder: string,
  { monolith, service }: Ports,
  port: number,
  impatientPort: number,
): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
    .join('\n  ')
  const dropped = IDENTITY_HEADERS.map((name) => `proxy_set_header ${name} "";`).join('\n  ')
  const server = (at: number, limits = '') => `server {
    listen 127.0.0.1:${at};
    ${limits}
    location = /api/things { proxy_pass http://service/v1/things; }
    location /api/things/ { proxy_pass http://service/v1/things/; }
    location / { proxy_pass http://monolith; }
  }`
  return `daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr crit;
events {}
http {
  access_log off;
  ${temporary}
  upstream monolith { server 127.0.0.1:${monolith}; keepalive 64; }
  upstream service { server 127.0.0.1:${service}; keepalive 64; }
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-Host $http_host;
  proxy_set_header X-Real-IP $remote_addr;
  ${dropped}
  ${server(port)}
  ${server(
    impatientPort,
    'client_header_timeout 500ms; client_body_timeout 500ms; proxy_read_timeout 500ms;',
  )}
}
`
}
