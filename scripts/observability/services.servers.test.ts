import { seeAlerts } from './testing/see-alerts.ts'
import { SERVICE_FAULTS } from './testing/service-faults.ts'
import { ServiceSystem } from './testing/service-system.ts'

// All at once: each is of a service of its own.
seeAlerts(() => ServiceSystem.start(), [SERVICE_FAULTS])
