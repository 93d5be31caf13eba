import { runService } from '@banyan/service'
import definition from './service.ts'

await runService(definition)
