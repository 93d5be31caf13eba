import { EXTRACTION_FAULTS } from './testing/extraction-faults.ts'
import { seeAlerts } from './testing/see-alerts.ts'
import { System } from './testing/system.ts'

// One after the other, since the engine must see each.
seeAlerts(
  () => System.start(),
  EXTRACTION_FAULTS.map((fault) => [fault]),
)
