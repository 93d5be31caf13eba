import { runService } from '@banyan/service'
import { called } from './shelves.ts'

await runService(called)
