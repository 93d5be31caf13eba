import type { MappedExtraction } from '@banyan/migration'
import { usePlan } from '../api/queries.ts'
import { Panel, Unread } from '../ui/panel.tsx'

/** The steps that are taken, from the first to the last, and what moves. */
export function PlanPanel({
  name,
  planned,
}: {
  readonly name: string
  readonly planned: MappedExtraction | undefined
}) {
  const plan = usePlan(name)
  return (
    <Panel title="Plan">
      {planned && (
        <dl className="moves">
          <dt>Service</dt>
          <dd>{planned.url}</dd>
          <dt>Routes</dt>
          <dd>
            {planned.routes.map((route) => (
              <div key={route}>{route}</div>
            ))}
          </dd>
          {planned.tables.length > 0 && (
            <>
              <dt>Tables</dt>
              <dd>
                {planned.tables.map(({ source, target }) => (
                  <div key={`${source} ${target}`}>
                    {source} → {target}
                  </div>
                ))}
              </dd>
            </>
          )}
        </dl>
      )}
      <Unread error={plan.error} />
      {plan.data?.map(({ step, does }) => (
        <details key={step} className="step">
          <summary>{step}</summary>
          <ul className="does">
            {does.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        </details>
      ))}
    </Panel>
  )
}
