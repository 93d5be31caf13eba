/**
 * The shapes of the control API, for its OpenAPI document. The compiler holds them against the types of
 * status.ts both ways: here (`satisfies`), and where a route answers with one.
 */
import { z } from 'zod'
import type { StepPreview } from './preview/index.ts'
import type { Sample } from './sample.ts'
import {
  ACTIONS,
  type ActionPreview,
  type ControlStatus,
  type DivergentRow,
  type DurableTrouble,
  type ExtractionStatus,
  KINDS,
  type LedgerEntry,
  type OldTables,
  PHASES,
  type RepairAnswer,
  type Retirement,
  type SystemMap,
  type Why,
} from './status.ts'

const list = <T extends z.ZodType>(item: T) => z.array(item).readonly()
const side = z.enum(['source', 'target'])
const count = z.number()

export const retirement = z.object({
  retired: z.boolean(),
  /** Why a gateway has not taken it over yet; it will at its next renewal. */
  behind: z.string().nullable(),
}) satisfies z.ZodType<Retirement>

const gate = z.object({
  gate: z.string(),
  measured: z.string(),
  required: z.string(),
  state: z.enum(['holds', 'waits', 'fails']),
})

const throttle = z.object({
  rowsPerSecond: z.number().nullable(),
  by: z.enum(['hand', 'plan', 'lag', 'source load', 'target load']).nullable(),
  why: z.string().nullable(),
})

const handover = z.object({
  from: side,
  to: side,
  buckets: count,
  holdMs: z.number(),
  attempt: count,
  outcome: z.enum(['done', 'aborted']),
  why: z.string().nullable(),
  at: z.string(),
})

const trouble = z.object({ why: z.string(), since: z.string(), failures: count })

const divergentRow = z.object({
  table: z.string(),
  key: list(z.string()),
  kind: z.enum(['missing', 'extra', 'changed', 'swapped']),
  columns: list(z.string()),
}) satisfies z.ZodType<DivergentRow>

const stream = z.object({
  state: z.string(),
  lagMs: z.number().nullable(),
  lagBytes: z.number(),
  transactions: count,
  rows: count,
  refusedRows: count,
  keptBytes: z.number(),
  keptFor: z.string().nullable(),
  position: z.string().nullable(),
})

const oldTables = z.object({
  archive: z
    .object({
      sha256: z.string(),
      at: z.string(),
      place: z.string(),
      by: z.string(),
      rows: count,
    })
    .nullable(),
  dropped: z.object({ at: z.string(), sql: z.string().nullable() }).nullable(),
  refused: z.object({ at: z.string(), why: z.string() }).nullable(),
}) satisfies z.ZodType<OldTables>

const quantiles = z.object({ p50: z.number(), p99: z.number() })

const recentTraffic = z.object({
  requestsPerSecond: z.number(),
  errorsPerSecond: z.number(),
  p50Ms: z.number().nullable(),
  p95Ms: z.number().nullable(),
})

const traffic = z.object({
  requests: count,
  errors: count,
  p50Ms: z.number().nullable(),
  p95Ms: z.number().nullable(),
  recent: recentTraffic.exactOptional(),
})

const objectsFigures = z.object({
  state: z.enum(['stopped', 'copying', 'in step', 'failing']),
  why: z.string().nullable(),
  objects: count,
  bytes: count,
  left: z.object({ objects: count, bytes: count }),
  bytesPerSecond: z.number(),
  bytesPerSecondAllowed: z.number().nullable(),
  etaSeconds: z.number().nullable(),
  lagMs: z.number().nullable(),
  problems: count,
  examples: list(z.object({ key: z.string(), why: z.string() })),
  comparing: count.nullable(),
  verified: z
    .object({
      at: z.string(),
      compared: count,
      differing: count,
      examples: list(z.string()),
    })
    .nullable(),
})

export const extractionStatus = z.object({
  extraction: z.string(),
  kind: z.enum(KINDS),
  at: z.string().nullable(),
  phase: z.enum(PHASES),
  phaseSince: z.string(),
  paused: z.boolean(),
  pausedWhy: z.string().nullable(),
  percent: z.number(),
  goal: z.number(),
  waitsFor: list(z.string()),
  gates: list(gate),
  trouble: trouble.nullable(),
  copy: z.object({
    rows: count,
    total: count,
    rowsPerSecond: z.number(),
    etaSeconds: z.number().nullable(),
    done: z.boolean(),
    throttle,
  }),
  streams: z.object({ forward: stream, reverse: stream }),
  lagMs: quantiles,
  verify: z.object({
    runs: count,
    rows: count,
    divergent: count,
    at: z.string().nullable(),
    examples: list(z.string()),
    rowsPerSecond: z.number(),
    rowsInRun: count.nullable(),
    divergentRows: list(divergentRow),
  }),
  index: z
    .object({
      state: z.enum(['none', 'filling', 'complete', 'failed']),
      documents: count,
      of: count,
      lagMs: z.number().nullable(),
      reason: z.string().nullable(),
    })
    .nullable(),
  objects: objectsFigures.exactOptional(),
  shadow: z.object({
    compared: count,
    differing: count,
    dropped: count,
    differences: list(
      z.object({
        path: z.string(),
        count,
        example: z.object({ request: z.string(), owner: z.string(), other: z.string() }),
      }),
    ),
  }),
  traffic: z.object({ source: traffic, target: traffic }),
  handovers: list(handover),
  holdMs: quantiles,
  losesOnRollback: list(z.string()).exactOptional(),
  refusals: z.object({ source: count, target: count }),
  oldTables: oldTables.exactOptional(),
}) satisfies z.ZodType<ExtractionStatus>

export const controlStatus = z.object({
  engine: z.object({
    active: z.string().nullable(),
    url: z.string().nullable(),
    token: count,
    self: z.string(),
    role: z.enum(['leading', 'standing by']),
  }),
  gateways: list(
    z.object({
      id: z.string(),
      publicUrl: z.string(),
      version: count,
      leaseMs: z.number(),
      problem: z.string().nullable(),
    }),
  ),
  extractions: list(extractionStatus),
  retired: z.boolean().exactOptional(),
  notices: list(
    z.object({ target: z.string(), since: z.string(), why: z.string() }),
  ).exactOptional(),
}) satisfies z.ZodType<ControlStatus>

export const whyAnswer = extractionStatus
  .pick({
    extraction: true,
    kind: true,
    phase: true,
    paused: true,
    pausedWhy: true,
    waitsFor: true,
    trouble: true,
    gates: true,
  })
  .extend({
    since: z.string(),
    throttle: throttle.nullable(),
    lastAborted: handover.nullable(),
    gateways: list(z.object({ id: z.string(), problem: z.string() })),
    keptFor: list(
      z.object({
        stream: z.enum(['forward', 'reverse']),
        bytes: z.number(),
        transaction: z.string(),
      }),
    ),
    next: list(z.string()),
  }) satisfies z.ZodType<Why>

const ledgerEntry = z.object({
  seq: count,
  at: z.string(),
  extraction: z.string(),
  kind: z.enum(['intent', 'fact', 'decision']),
  what: z.string(),
  detail: z.record(z.string(), z.unknown()).readonly(),
  previous: z.string(),
  hash: z.string(),
}) satisfies z.ZodType<LedgerEntry>

export const ledgerAnswer = z.object({ entries: list(ledgerEntry), verified: z.boolean() })

export const ledgerFound = z.object({ entries: list(ledgerEntry) })

export const planAnswer = z.object({
  steps: list(
    z.object({ step: z.string(), does: list(z.string()) }) satisfies z.ZodType<StepPreview>,
  ),
})

export const actionsAnswer = z.object({
  actions: list(
    z.object({
      action: z.enum(ACTIONS),
      percent: z.number().exactOptional(),
      refused: z.string().nullable(),
      says: z.string(),
      does: list(z.string()),
    }) satisfies z.ZodType<ActionPreview>,
  ),
})

export const historyAnswer = z.object({
  samples: list(
    z.object({
      at: z.number(),
      source: recentTraffic.nullable(),
      target: recentTraffic.nullable(),
      forwardLagMs: z.number().nullable(),
      reverseLagMs: z.number().nullable(),
      divergent: count,
      percent: z.number(),
    }) satisfies z.ZodType<Sample>,
  ),
})

export const systemMap = z.object({
  monolith: z.object({ url: z.string() }),
  extractions: list(
    z.object({
      name: z.string(),
      kind: z.enum(KINDS),
      url: z.string(),
      routes: list(z.string()),
      tables: list(z.object({ source: z.string(), target: z.string() })),
      steps: list(z.number()),
      shadow: z.boolean(),
      completeAfter: list(z.string()),
    }),
  ),
  services: list(z.object({ name: z.string(), url: z.string(), routes: list(z.string()) })),
}) satisfies z.ZodType<SystemMap>

export const durableTrouble = z.object({
  unknown: z.string().nullable(),
  letters: list(
    z.object({
      schema: z.string(),
      id: z.string(),
      kind: z.string(),
      source: z.string(),
      subject: z.string(),
      key: z.string(),
      error: z.string(),
      attempts: count,
      diedAt: z.string(),
    }),
  ),
  sagas: list(
    z.object({
      schema: z.string(),
      id: z.string(),
      name: z.string(),
      state: z.string(),
      step: z.string().nullable(),
      reason: z.string().nullable(),
      attempts: count,
      updatedAt: z.string(),
    }),
  ),
}) satisfies z.ZodType<DurableTrouble>

export const repairAnswer = z.object({
  row: z.string(),
  kind: divergentRow.shape.kind,
  columns: list(z.string()),
  owner: side,
  written: side,
  outcome: z.enum(['written', 'deleted']),
  values: list(
    z.object({
      column: z.string(),
      owner: z.string().nullable(),
      other: z.string().nullable(),
    }),
  ).exactOptional(),
}) satisfies z.ZodType<RepairAnswer>
