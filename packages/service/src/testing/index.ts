export { type CollectedSpan, startCollector } from './collector.ts'
export { type Answer, type Asking, ask, asUser, eventually, IDENTITY_KEY } from './requests.ts'
export { type ServiceUnderTest, startForTest } from './service-under-test.ts'
