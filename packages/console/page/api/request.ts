import type { SessionAnswer, SignInRequest } from '../../src/session-schemas.ts'

/** What the control plane answered instead of what was asked for, or that nobody answered (status 0). */
export class Failure extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'Failure'
    this.status = status
  }
}

/** Of the session; another site's page cannot know it. */
let forgeryToken = ''
let whenSignedOut: () => void = () => {}

/** Calls back when the session is over, whoever notices it first. */
export function onSignedOut(callback: () => void): void {
  whenSignedOut = callback
}

/** Null: nobody is signed in. @throws Failure */
export async function readSession(): Promise<SessionAnswer | null> {
  try {
    return remember(await send<SessionAnswer>('GET', '/console/session'))
  } catch (error) {
    if (error instanceof Failure && error.status === 401) return null
    throw error
  }
}

export async function signIn(request: SignInRequest): Promise<SessionAnswer> {
  return remember(await send<SessionAnswer>('POST', '/console/session', request))
}

export async function signOut(): Promise<void> {
  await send('DELETE', '/console/session')
}

/** Reads of the control API: `read('/status')`. @throws Failure */
export function read<T>(path: string): Promise<T> {
  return asked(send<T>('GET', `/v1${path}`))
}

/** Decides something. @throws Failure */
export function decide<T>(path: string, body: object): Promise<T> {
  return asked(send<T>('POST', `/v1${path}`, body))
}

function remember(session: SessionAnswer): SessionAnswer {
  forgeryToken = session.forgeryToken
  return session
}

async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof Failure && error.status === 401) whenSignedOut()
    throw error
  }
}

async function send<T>(method: string, path: string, body?: object): Promise<T> {
  const headers: Record<string, string> = {}
  if (body) headers['content-type'] = 'application/json'
  if (method !== 'GET') headers['x-banyan-forgery'] = forgeryToken
  let response: Response
  try {
    response = await fetch(path, { method, headers, body: body ? JSON.stringify(body) : null })
  } catch {
    throw new Failure(0, 'The control plane does not answer.')
  }
  const text = await response.text()
  if (response.ok) return (text === '' ? null : JSON.parse(text)) as T
  throw new Failure(response.status, detailOf(text) ?? `It answered ${response.status}.`)
}

function detailOf(text: string): string | null {
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown }
    return typeof detail === 'string' ? detail : null
  } catch {
    return null
  }
}
