import { controlApiPage } from './control-api.ts'
import { planPages } from './plan.ts'
import { serviceSettingsPage } from './service-settings.ts'
import { Types } from './types.ts'

/** Everything in docs/reference, by the name of its file. */
export async function referencePages(): Promise<Map<string, string>> {
  const types = new Types()
  try {
    return new Map([
      ...planPages(types),
      ['control-api.md', await controlApiPage(types)],
      ['service-settings.md', serviceSettingsPage(types)],
    ])
  } finally {
    types.close()
  }
}
