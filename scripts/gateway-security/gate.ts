/** A gateway or proxy under test, in front of the two upstreams. */
export interface Gate {
  readonly port: number
  /** The same, with time limits below a second. */
  readonly impatientPort: number
  /** Of a process of its own. */
  readonly pid?: number
  close(): Promise<void>
}

export interface Ports {
  readonly monolith: number
  readonly service: number
}

/** Something to compare: how to start it here, or why that cannot be. */
export interface Product {
  readonly name: string
  /** Null when it is there; else how to get it. */
  missing(): Promise<string | null>
  install?(): Promise<void>
  start(ports: Ports): Promise<Gate>
}
