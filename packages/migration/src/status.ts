import type { ShadowStats } from '@banyan/contracts'
import type { ObjectsFigures } from './objects/extraction-objects.ts'

/** Where an extraction stands. `rolling back` is a phase of its own; every other is reached in this order. */
export const PHASES = [
  'planned',
  'copying',
  'verifying',
  'shadowing',
  'canary',
  'cut over',
  'soaking',
  'completed',
  'rolling back',
  'rolled back',
  'abandoned',
  'cancelled',
] as const
export type Phase = (typeof PHASES)[number]

/** What moves with an extraction's requests: rows, nothing, an index that the service derives, or files. */
export const KINDS = ['tables', 'routes', 'index', 'objects'] as const
export type Kind = (typeof KINDS)[number]

/** Viewers watch; operators decide. */
export const ROLES = ['viewer', 'operator'] as const
export type Role = (typeof ROLES)[number]

/** Answer of `GET /v1/status`. */
export interface ControlStatus {
  readonly engine: {
    /** Id of the engine that holds the lease; null when none does. */
    readonly active: string | null
    /** Where its control API answers, as it sees itself; null when none leads. */
    readonly url: string | null
    readonly token: number
    /** The engine that answers. Whichever it is, it takes every decision: the leader acts on it. */
    readonly self: string
    readonly role: 'leading' | 'standing by'
  }
  readonly gateways: readonly GatewayStatus[]
  readonly extractions: readonly ExtractionStatus[]
  /** Whether the gateways send nothing to the monolith any more; absent when they do. */
  readonly retired?: boolean
  /** Of the plan's addresses, those that could not be told; absent when all could. */
  readonly notices?: readonly NoticeTrouble[]
}

export interface NoticeTrouble {
  /** `notify NAME`, or `after EXTRACTION NAME`. */
  readonly target: string
  readonly since: string
  readonly why: string
}

export interface Retirement {
  readonly retired: boolean
  readonly behind: string | null
}

export interface GatewayStatus {
  readonly id: string
  readonly publicUrl: string
  readonly version: number
  /** ms until its lease ends; negative when it has. */
  readonly leaseMs: number
  /** Why a handover has to wait for it, or why it does not count any more; null when it is well. */
  readonly problem: string | null
}

export interface ExtractionStatus {
  readonly extraction: string
  readonly kind: Kind
  /** When an engine measured this. */
  readonly at: string | null
  readonly phase: Phase
  /** When the phase, or the share it moves to, began. */
  readonly phaseSince: string
  readonly paused: boolean
  /** Why it paused by itself, or what an operator wrote. */
  readonly pausedWhy: string | null
  /** Buckets the target owns, in percent. */
  readonly percent: number
  /** The share it is moving to. */
  readonly goal: number
  /** What the next step waits for; empty when nothing holds it. */
  readonly waitsFor: readonly string[]
  /** What the step was judged by last; empty where the phase has no gates. */
  readonly gates: readonly GateFigure[]
  /** Why the engine has to take the extraction up anew, and has not succeeded yet; null when nothing is wrong. */
  readonly trouble: {
    readonly why: string
    readonly since: string
    readonly failures: number
  } | null
  readonly copy: {
    readonly rows: number
    readonly total: number
    readonly rowsPerSecond: number
    readonly etaSeconds: number | null
    readonly done: boolean
    readonly throttle: ThrottleStatus
  }
  readonly streams: Readonly<
    Record<
      'forward' | 'reverse',
      {
        state: string
        lagMs: number | null
        lagBytes: number
        transactions: number
        rows: number
        refusedRows: number
        /** Log the server keeps for the stream, bytes, and the transaction it is kept for where one is open for long. */
        keptBytes: number
        keptFor: string | null
        /** LSN of the side read up to which everything is on the other side. */
        position: string | null
      }
    >
  >
  readonly lagMs: { readonly p50: number; readonly p99: number }
  readonly verify: {
    readonly runs: number
    readonly rows: number
    readonly divergent: number
    readonly at: string | null
    readonly examples: readonly string[]
    /** Of the newest run, while at work. */
    readonly rowsPerSecond: number
    /** Rows compared by the run in hand; null between two runs. */
    readonly rowsInRun: number | null
    /** Rows that differ as far as it is known now, at most 100; one that agrees again leaves. */
    readonly divergentRows: readonly DivergentRow[]
  }
  /** How the service's index stands, as it says; null for the other kinds, and before it was asked. */
  readonly index: {
    readonly state: 'none' | 'filling' | 'complete' | 'failed'
    readonly documents: number
    /** As many as there are to be, as far as is known. */
    readonly of: number
    /** Age of the oldest change that it does not have yet, ms. */
    readonly lagMs: number | null
    readonly reason: string | null
  } | null
  /** Files that move with it; absent where none do, and before they were looked at. */
  readonly objects?: ObjectsFigures
  readonly shadow: ShadowStats
  readonly traffic: Readonly<
    Record<
      'source' | 'target',
      {
        requests: number
        errors: number
        p50Ms: number | null
        p95Ms: number | null
        /** Absent while nothing is counted. */
        recent?: RecentTraffic
      }
    >
  >
  readonly handovers: readonly HandoverRecord[]
  readonly holdMs: { readonly p50: number; readonly p99: number }
  /** What a rollback would not bring back; absent when that is nothing. */
  readonly losesOnRollback?: readonly string[]
  /** Writes that a guard refused (BN001), by the database that refused. */
  readonly refusals: { readonly source: number; readonly target: number }
  /** What has become of the source's tables after the end; absent until they are archived. */
  readonly oldTables?: OldTables
}

/** What gateways counted in the last 10 s. */
export interface RecentTraffic {
  readonly requestsPerSecond: number
  readonly errorsPerSecond: number
  /** Null where nothing was asked. */
  readonly p50Ms: number | null
  readonly p95Ms: number | null
}

export interface OldTables {
  readonly archive: {
    /** Of its manifest. */
    readonly sha256: string
    readonly at: string
    readonly place: string
    readonly by: string
    readonly rows: number
  } | null
  readonly dropped: { readonly at: string; readonly sql: string | null } | null
  /** Why the newest attempt to drop them was refused; null once they are archived anew, or dropped. */
  readonly refused: { readonly at: string; readonly why: string } | null
}

/** A measured condition of the plan, with what was measured. */
export interface GateFigure {
  readonly gate: string
  readonly measured: string
  readonly required: string
  /** `waits`: too little is known, or it passes by itself; `fails`: the extraction rolls back. */
  readonly state: 'holds' | 'waits' | 'fails'
}

/** Answer of `GET /v1/extractions/:name/why`. */
export interface Why
  extends Pick<
    ExtractionStatus,
    'extraction' | 'kind' | 'phase' | 'paused' | 'pausedWhy' | 'waitsFor' | 'trouble' | 'gates'
  > {
  readonly since: string
  /** While it copies. */
  readonly throttle: ThrottleStatus | null
  /** The newest handover, when it was aborted. */
  readonly lastAborted: HandoverRecord | null
  /** Gateways that a handover waits for, or that do not count any more. */
  readonly gateways: readonly { readonly id: string; readonly problem: string }[]
  /** Transactions open for so long that a server keeps its log for them. */
  readonly keptFor: readonly {
    readonly stream: 'forward' | 'reverse'
    readonly bytes: number
    readonly transaction: string
  }[]
  /** Commands an operator can type now. */
  readonly next: readonly string[]
}

/** What limits the copy now: the tightest of what an operator, the plan, the lag and the servers' load allow. */
export interface ThrottleStatus {
  /** Null: nothing limits it. */
  readonly rowsPerSecond: number | null
  readonly by: 'hand' | 'plan' | 'lag' | 'source load' | 'target load' | null
  readonly why: string | null
}

export interface HandoverRecord {
  readonly from: 'source' | 'target'
  readonly to: 'source' | 'target'
  readonly buckets: number
  /** From the first gateway holding to the last releasing, ms. */
  readonly holdMs: number
  readonly attempt: number
  readonly outcome: 'done' | 'aborted'
  readonly why: string | null
  readonly at: string
}

/** What an operator can ask of an extraction: `POST /v1/extractions/:name/ACTION`. */
export const ACTIONS = [
  'start',
  'pause',
  'resume',
  'confirm',
  'promote',
  'rollback',
  'verify',
  'throttle',
  'complete',
  'cancel',
  'abandon',
  'drop',
] as const
export type Action = (typeof ACTIONS)[number]

/** What an action would do now; answer of `GET /v1/extractions/:name/actions`. */
export interface ActionPreview {
  readonly action: Action
  /** `promote`: one for each share of the plan that it can go to. */
  readonly percent?: number
  /** Why it cannot be asked for now; null when it can. */
  readonly refused: string | null
  /** In a sentence. */
  readonly says: string
  /** In detail, as the plan and the state have it; empty where the sentence is all. */
  readonly does: readonly string[]
}

/** Answer of `GET /v1/system`: what the plan says of who is where, without secrets. */
export interface SystemMap {
  readonly monolith: { readonly url: string }
  readonly extractions: readonly MappedExtraction[]
  /** Services that the monolith never had. */
  readonly services: readonly {
    readonly name: string
    readonly url: string
    readonly routes: readonly string[]
  }[]
}

export interface MappedExtraction {
  readonly name: string
  readonly kind: Kind
  readonly url: string
  /** `GET, POST /orders/*`. */
  readonly routes: readonly string[]
  readonly tables: readonly { readonly source: string; readonly target: string }[]
  /** Shares of the buckets, in percent. */
  readonly steps: readonly number[]
  readonly shadow: boolean
  readonly completeAfter: readonly string[]
}

/** What a service has given up; answer of `GET /v1/extractions/:name/durable`. Without what it holds. */
export interface DurableTrouble {
  /** Why it is not known; null when it is. */
  readonly unknown: string | null
  readonly letters: readonly {
    readonly schema: string
    readonly id: string
    readonly kind: string
    readonly source: string
    readonly subject: string
    readonly key: string
    readonly error: string
    readonly attempts: number
    readonly diedAt: string
  }[]
  /** Those that are stuck or blocked. */
  readonly sagas: readonly {
    readonly schema: string
    readonly id: string
    readonly name: string
    readonly state: string
    readonly step: string | null
    readonly reason: string | null
    readonly attempts: number
    readonly updatedAt: string
  }[]
}

/** A row that truly differs, seen from its owner's side. */
export interface DivergentRow {
  readonly table: string
  readonly key: readonly string[]
  readonly kind: 'missing' | 'extra' | 'changed' | 'swapped'
  readonly columns: readonly string[]
}

export interface RepairAnswer {
  readonly row: string
  readonly kind: DivergentRow['kind']
  readonly columns: readonly string[]
  readonly owner: 'source' | 'target'
  /** The side that was made like the owner's. */
  readonly written: 'source' | 'target'
  readonly outcome: 'written' | 'deleted'
  readonly values?: readonly {
    readonly column: string
    readonly owner: string | null
    readonly other: string | null
  }[]
}

export interface LedgerEntry {
  readonly seq: number
  readonly at: string
  readonly extraction: string
  /** `intent` before a step is done, `fact` after, `decision` of an operator or a gate. */
  readonly kind: 'intent' | 'fact' | 'decision'
  readonly what: string
  readonly detail: Readonly<Record<string, unknown>>
  readonly previous: string
  readonly hash: string
}

/** A server-sent event of `GET /v1/events`: `event: ledger | status`, data as JSON. */
export type ControlEvent =
  | { readonly event: 'ledger'; readonly data: LedgerEntry }
  | { readonly event: 'status'; readonly data: ControlStatus }
