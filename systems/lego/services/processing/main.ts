import { runService } from '@banyan/service'
import { giveWay } from './jobs/give-way.ts'
import definition from './service.ts'

giveWay()
await runService(definition)
