import { expect, it } from 'vitest'
import { readWrk } from './load.ts'

const TEXT = `Running 3s test @ http://127.0.0.1:9000/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.02ms  310.00us   9.11ms   91.00%
  Latency Distribution
     50%    0.95ms
     99%  980.00us
  93012 requests in 3.00s, 27.10MB read
Requests/sec:  31004.12
Transfer/sec:      9.03MB
`

it('reads what wrk prints', () => {
  expect(readWrk(TEXT)).toEqual({ rate: 31_004.12, answered: 93_012, p99Ms: 0.98 })
  expect(readWrk(TEXT.replace('980.00us', '1.20s')).p99Ms).toBe(1_200)
})

it('takes no rate of answers that were no good', () => {
  expect(() => readWrk(`${TEXT}  Non-2xx or 3xx responses: 12\n`)).toThrow('responses: 12')
})
