import type { Channel, ChannelModel } from 'amqplib'

/**
 * Closes a channel or a connection. Resolves also when the connection breaks before the broker has
 * confirmed it, or was closed already: the library's own promise would never settle then.
 */
export function closed(one: Channel | ChannelModel): Promise<void> {
  return new Promise((resolve) => {
    one.once('close', () => resolve())
    one.close().then(resolve, () => resolve())
  })
}
