import { seeAlerts } from './testing/see-alerts.ts'
import { SERVICE_FAULTS } from './testing/service-faults.ts'
import { startShelves } from './testing/shelf-system.ts'

// All at once: each is of a service of its own.
seeAlerts(startShelves, [SERVICE_FAULTS])
