import { functional } from './requirements/functional.ts'
import { qualities } from './requirements/qualities.ts'
import { services } from './requirements/services.ts'

/**
 * The requirements of the LEGO Projects migration (its product document, FR1 to FR10 and NFR1 to NFR6), in our
 * words, each with what shows it: `npm run check:requirements -- --system lego`.
 */
export const requirements = [...functional, ...services, ...qualities]
