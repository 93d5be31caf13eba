import type { GatewayStatus } from '@banyan/migration'
import { Scroll } from '../ui/scroll.tsx'
import { duration } from '../ui/text.ts'

export function Gateways({ gateways }: { readonly gateways: readonly GatewayStatus[] }) {
  if (gateways.length === 0) return <p className="muted">None is registered.</p>
  return (
    <Scroll label="Gateways, as a table">
      <table>
        <thead>
          <tr>
            <th scope="col">Gateway</th>
            <th scope="col" className="num">
              Table
            </th>
            <th scope="col" className="num">
              Lease
            </th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {gateways.map(({ id, publicUrl, version, leaseMs, problem }) => (
            <tr key={id}>
              <th scope="row">
                {id} <span className="muted">{publicUrl}</span>
              </th>
              <td className="num">{version}</td>
              <td className="num">{leaseMs > 0 ? duration(leaseMs / 1000) : 'over'}</td>
              <td>{problem ? <span className="state fails">{problem}</span> : 'well'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  )
}
