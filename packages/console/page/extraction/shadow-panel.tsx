import type { ExtractionStatus } from '@banyan/migration'
import { Panel } from '../ui/panel.tsx'
import { Scroll } from '../ui/scroll.tsx'
import { number } from '../ui/text.ts'

/** Where both sides' answers differ, with an example of each. */
export function ShadowPanel({ status }: { readonly status: ExtractionStatus }) {
  const { compared, differing, dropped, differences } = status.shadow
  return (
    <Panel title="Shadow: answers compared">
      <p>
        {number(differing)} of {number(compared)} answers differ;{' '}
        <span className="muted">{number(dropped)} were not compared.</span>
      </p>
      {differences.length > 0 && (
        <Scroll label="Answers that differ" wide>
          <table>
            <thead>
              <tr>
                <th scope="col">Path</th>
                <th scope="col" className="num">
                  Times
                </th>
                <th scope="col">For example</th>
                <th scope="col">Owner answered</th>
                <th scope="col">The other</th>
              </tr>
            </thead>
            <tbody>
              {differences.map(({ path, count, example }) => (
                <tr key={path}>
                  <th scope="row">
                    <code>{path}</code>
                  </th>
                  <td className="num">{number(count)}</td>
                  <td>{example.request}</td>
                  <td>
                    <code>{example.owner}</code>
                  </td>
                  <td>
                    <code>{example.other}</code>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Panel>
  )
}
