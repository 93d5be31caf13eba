import type { Prometheus } from './prometheus.ts'

export type Labels = Readonly<Record<string, string>>

/** Something that goes wrong for real, the alerts that it must set off, and what an operator does about it. */
export interface Fault<System> {
  readonly name: string
  /** Alerts, each with labels by which it is told from another of its name. */
  readonly alerts: Readonly<Record<string, Labels | ((system: System) => Labels)>>
  begin(system: System, prometheus: Prometheus): Promise<void>
  mend(system: System): Promise<void>
}
