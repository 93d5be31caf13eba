import type { ArchiveSeal } from './archive/manifest.ts'

// What is asked of the control API; what it answers is in status.ts.

/** Body of `POST /v1/retire`. */
export interface RetireRequest {
  /** The gateways send to the monolith again. */
  readonly undo?: boolean | undefined
  /** Who asks, for the ledger; of who is signed in at the console, their name. */
  readonly by?: string | undefined
  /** The reason, for the ledger; from the console there must be one. */
  readonly why?: string | undefined
}

/** Body of `POST /v1/extractions/:name/archived`. */
export interface ArchivedRequest {
  readonly archive: ArchiveSeal
  /** Who asks, for the ledger; of who is signed in at the console, their name. */
  readonly by?: string | undefined
  /** The reason, for the ledger; from the console there must be one. */
  readonly why?: string | undefined
}

/** Body of `POST /v1/extractions/:name/redrive`. */
export interface RedriveRequest {
  /** Which of the two it is. */
  readonly what: 'dead letter' | 'saga'
  /** Of the service's database, with its durable tables. */
  readonly schema: string
  /** As `GET …/durable` tells it. */
  readonly id: string
  /** Who asks, for the ledger; of who is signed in at the console, their name. */
  readonly by?: string | undefined
  /** The reason, for the ledger; from the console there must be one. */
  readonly why?: string | undefined
}

/** Body of `POST /v1/extractions/:name/repair`. */
export interface RepairRequest {
  /** As the plan names it on the source. */
  readonly table: string
  /** As text, in the order of the source's key. */
  readonly key: readonly string[]
  /** Whether the answer shall hold the values that differed. */
  readonly values?: boolean | undefined
  /** Who asks, for the ledger; of who is signed in at the console, their name. */
  readonly by?: string | undefined
  /** The reason, for the ledger; from the console there must be one. */
  readonly why?: string | undefined
}

/** Body of an action. */
export interface ActionRequest {
  /** `promote`: the share of buckets the target shall own; the next step of the plan when left out. */
  readonly percent?: number | undefined
  /** `throttle`: rows copied a second at most; 0 stands still, null is what the plan says. */
  readonly rowsPerSecond?: number | null | undefined
  /** `abandon`: the extraction's name, typed. */
  readonly confirm?: string | undefined
  /** `drop`: SHA-256 of the manifest of an archive that whoever asks has seen to be whole. */
  readonly archive?: string | undefined
  /** `drop`: though texts of functions name the tables. */
  readonly despiteFunctions?: boolean | undefined
  /** `promote`: though the plan's schedule is closed. */
  readonly despiteSchedule?: boolean | undefined
  /** Who asks, for the ledger; of who is signed in at the console, their name. */
  readonly by?: string | undefined
  /** The reason, for the ledger; from the console there must be one. */
  readonly why?: string | undefined
}
