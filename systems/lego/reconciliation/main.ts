import { runService } from '@banyan/service'
import reconciliation, { reconcileBy } from './service.ts'
import { Settings } from './settings.ts'

// By schedule; with --once now, the report as JSON on standard output and exit code 1 where something differs still.
if (process.argv.includes('--once')) {
  const report = await reconcileBy(Settings.parse(process.env))
  console.log(JSON.stringify(report))
  process.exitCode = report.differing > 0 || report.dangling.links > 0 ? 1 : 0
} else await runService(reconciliation)
