import { writeDashboards } from './dashboards/all.ts'

/** Writes deploy/grafana/dashboards anew: `npm run dashboards`. */
writeDashboards()
