import {
  CreateQueueCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  ListQueueTagsCommand,
  QueueDoesNotExist,
  type SQSClient,
  TagQueueCommand,
} from '@aws-sdk/client-sqs'
import { queueName } from './names.ts'
import type { Settled } from './settings.ts'

/** Tags of a queue that tell which types its group wants: `banyan-types-0`, `-1` …, names and spaces. */
const TYPES = 'banyan-types-'
const MAX_TAG = 256

/** SQS keeps a message for 14 days at most; a group may be away for as long. */
const RETENTION_S = 14 * 24 * 3_600

/**
 * A group whose queue is not on the list is still sent to for so long, ms, after it last was: lists may
 * lack a queue for a moment, and an event that was sent to nobody meanwhile would be lost. When the queue
 * was deleted, publishing fails until then.
 */
const KEEP_MS = 60_000

/** Questions for tags that are asked at once. */
const PARALLEL = 10

/** The groups of a bus: each is a queue, and what it wants is written on the queue as tags. */
export class AwsGroups {
  readonly #sqs: SQSClient
  readonly #settings: Settled
  readonly #seen = new Map<string, { readonly at: number; readonly wanted: Set<string> }>()
  #read: {
    readonly at: number
    readonly queues: Promise<ReadonlyMap<string, Set<string>>>
  } | null = null

  constructor(sqs: SQSClient, settings: Settled) {
    this.#sqs = sqs
    this.#settings = settings
  }

  /** URLs of the queues whose group wants each of these types; read again when the list is too old. */
  async wanting(types: ReadonlySet<string>): Promise<Map<string, string[]>> {
    const queues = await this.#queues()
    const wanting = new Map<string, string[]>()
    for (const type of types) {
      const urls = [...queues].filter(([, wanted]) => wanted.has(type)).map(([url]) => url)
      wanting.set(type, urls)
    }
    return wanting
  }

  /** @throws QueueDoesNotExist */
  async find(group: string): Promise<string> {
    const QueueName = queueName(this.#settings.queuePrefix, group)
    const { QueueUrl } = await this.#sqs.send(new GetQueueUrlCommand({ QueueName }))
    return QueueUrl!
  }

  /**
   * The group's queue, which gets these types too from now on. What it wanted before it still gets: a
   * member of yesterday's version may start again while a new one is rolled out.
   */
  async join(group: string, types: readonly string[]): Promise<string> {
    const url = await this.#findOrMake(group)
    const wanted = await this.#tagsOf(url)
    if (types.every((type) => wanted.has(type))) return url
    const Tags = toTags([...new Set([...wanted, ...types])].sort())
    await this.#sqs.send(new TagQueueCommand({ QueueUrl: url, Tags }))
    this.#read = null
    // Until then a publisher may go by a list that lacks the group.
    await new Promise((resolve) => setTimeout(resolve, this.#settings.groupsMaxAgeMs))
    return url
  }

  /** @throws what SQS or the network said. */
  async check(): Promise<void> {
    await this.#sqs.send(
      new ListQueuesCommand({ QueueNamePrefix: this.#settings.queuePrefix, MaxResults: 1 }),
    )
  }

  async #findOrMake(group: string): Promise<string> {
    try {
      return await this.find(group)
    } catch (error) {
      if (!this.#settings.create || !(error instanceof QueueDoesNotExist)) throw error
    }
    const { QueueUrl } = await this.#sqs.send(
      new CreateQueueCommand({
        QueueName: queueName(this.#settings.queuePrefix, group),
        Attributes: {
          FifoQueue: 'true',
          // High throughput: limits and deduplication count for each key, not for the queue.
          DeduplicationScope: 'messageGroup',
          FifoThroughputLimit: 'perMessageGroupId',
          MessageRetentionPeriod: String(RETENTION_S),
          VisibilityTimeout: String(this.#settings.visibilityTimeoutS),
        },
      }),
    )
    return QueueUrl!
  }

  #queues(): Promise<ReadonlyMap<string, Set<string>>> {
    const now = performance.now()
    if (this.#read && now - this.#read.at <= this.#settings.groupsMaxAgeMs) return this.#read.queues
    const queues = this.#list()
    const read = { at: now, queues }
    this.#read = read
    queues.catch(() => {
      if (this.#read === read) this.#read = null
    })
    return queues
  }

  async #list(): Promise<ReadonlyMap<string, Set<string>>> {
    const urls: string[] = []
    let NextToken: string | undefined
    do {
      const page = await this.#sqs.send(
        new ListQueuesCommand({
          QueueNamePrefix: this.#settings.queuePrefix,
          MaxResults: 1_000,
          ...(NextToken === undefined ? {} : { NextToken }),
        }),
      )
      urls.push(...(page.QueueUrls ?? []).filter((url) => url.endsWith('.fifo')))
      NextToken = page.NextToken
    } while (NextToken !== undefined)
    const queues = new Map<string, Set<string>>()
    for (let i = 0; i < urls.length; i += PARALLEL) {
      const some = urls.slice(i, i + PARALLEL)
      const tags = await Promise.all(some.map((url) => this.#tagsIfThere(url)))
      some.forEach((url, n) => {
        const wanted = tags[n]
        if (!wanted) return
        queues.set(url, wanted)
        this.#seen.set(url, { at: performance.now(), wanted })
      })
    }
    for (const [url, { at, wanted }] of this.#seen) {
      if (performance.now() - at > KEEP_MS) this.#seen.delete(url)
      else if (!queues.has(url)) queues.set(url, wanted)
    }
    return queues
  }

  /** A queue that was deleted stays on the list for a minute. */
  async #tagsIfThere(url: string): Promise<Set<string> | null> {
    try {
      return await this.#tagsOf(url)
    } catch (error) {
      if (error instanceof QueueDoesNotExist) return null
      throw error
    }
  }

  async #tagsOf(url: string): Promise<Set<string>> {
    const { Tags } = await this.#sqs.send(new ListQueueTagsCommand({ QueueUrl: url }))
    const own = Object.entries(Tags ?? {}).filter(([name]) => name.startsWith(TYPES))
    return new Set(own.flatMap(([, value]) => value.split(' ')))
  }
}

function toTags(types: readonly string[]): Record<string, string> {
  const values: string[] = []
  for (const type of types) {
    const last = values.at(-1)
    if (last !== undefined && last.length + 1 + type.length <= MAX_TAG) {
      values[values.length - 1] = `${last} ${type}`
    } else {
      values.push(type)
    }
  }
  return Object.fromEntries(values.map((value, i) => [TYPES + i, value]))
}
