export * from './bucket.ts'
export * from './errors.ts'
export * from './identity.ts'
export * from './route-table.ts'
