import { defineService, runService } from '@banyan/service'

await runService(
  defineService({ name: 'modest', port: 9702, title: 'Modest', givesWay: true, routes: {} }),
)
