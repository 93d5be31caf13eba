import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs'
import { ATTRIBUTES } from './wire.ts'

/** SQS gives, deletes and changes ten at once. */
export const BATCH = 10

/** What SQS knows a message in hand by. */
export interface Receipt {
  readonly receipt: string
}

/** The questions that a member asks of its group's queue. */
export class AwsQueue {
  readonly #sqs: SQSClient
  readonly #url: string

  constructor(sqs: SQSClient, url: string) {
    this.#sqs = sqs
    this.#url = url
  }

  /** Up to ten messages; those of a key are given to nobody else while one of them is out. */
  async receive(visibilityTimeoutS: number, waitS: number): Promise<Message[]> {
    const { Messages } = await this.#sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: this.#url,
        MaxNumberOfMessages: BATCH,
        VisibilityTimeout: visibilityTimeoutS,
        WaitTimeSeconds: waitS,
        MessageAttributeNames: ATTRIBUTES,
        MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      }),
    )
    return Messages ?? []
  }

  /** Those that SQS no longer knows by this receipt are with another member, or back in the queue. */
  async delete(items: readonly Receipt[]): Promise<void> {
    await inTens(items, async (some) => {
      await this.#sqs.send(
        new DeleteMessageBatchCommand({
          QueueUrl: this.#url,
          Entries: some.map(({ receipt }, i) => ({ Id: String(i), ReceiptHandle: receipt })),
        }),
      )
    })
  }

  /** Keeps messages away from other members for so many seconds more; 0 gives them back. Those it lost. */
  async hide<T extends Receipt>(items: readonly T[], seconds: number): Promise<T[]> {
    const lost: T[] = []
    await inTens(items, async (some) => {
      const { Failed } = await this.#sqs.send(
        new ChangeMessageVisibilityBatchCommand({
          QueueUrl: this.#url,
          Entries: some.map(({ receipt }, i) => ({
            Id: String(i),
            ReceiptHandle: receipt,
            VisibilityTimeout: seconds,
          })),
        }),
      )
      for (const { Id, SenderFault } of Failed ?? []) if (SenderFault) lost.push(some[Number(Id)]!)
    })
    return lost
  }

  /** Waiting, and with a member. */
  async length(): Promise<number> {
    const { Attributes } = await this.#sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: this.#url,
        AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
      }),
    )
    return (
      Number(Attributes?.ApproximateNumberOfMessages ?? 0) +
      Number(Attributes?.ApproximateNumberOfMessagesNotVisible ?? 0)
    )
  }
}

async function inTens<T>(
  items: readonly T[],
  work: (some: readonly T[]) => Promise<void>,
): Promise<void> {
  const parts: T[][] = []
  for (let i = 0; i < items.length; i += BATCH) parts.push(items.slice(i, i + BATCH))
  await Promise.all(parts.map(work))
}
