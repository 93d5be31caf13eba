import express, { type Express } from 'express'

/** What is left once everything has moved out: its health, for those who watch it; and 410 for all else. */
export function createRetiredApp(): Express {
  const app = express()
  app.disable('x-powered-by')
  let refused = 0

  app.get('/health', (_req, res) => {
    // Who still asks it for anything else has not heard that it moved.
    res.json({ status: 'ok', retired: true, refused })
  })
  app.use((_req, res) => {
    refused++
    res.status(410).json({
      error: { code: 'GONE', message: 'This application is retired; ask the gateway' },
    })
  })
  return app
}
