import { EVENT_FAULTS } from './testing/event-faults.ts'
import { startParcels } from './testing/parcel-system.ts'
import { seeAlerts } from './testing/see-alerts.ts'

// All at once: each is of a service of its own.
seeAlerts(startParcels, [EVENT_FAULTS])
