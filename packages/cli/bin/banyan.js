#!/usr/bin/env node
// Sources are TypeScript and run as they are; so is the plan that the command loads.
import { register as registerCommonJs } from 'tsx/cjs/api'
import { register } from 'tsx/esm/api'

registerCommonJs()
register()
await import('../src/main.ts')
