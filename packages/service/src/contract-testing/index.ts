export {
  type ConsumerContract,
  type ConsumerContractOptions,
  consumerContract,
  type Expectation,
} from './consumer-contract.ts'
export { type VerifyOptions, verifyContracts } from './verify-contracts.ts'
