import { keptMocsConformance } from '../testing/kept-mocs.ts'

keptMocsConformance('by each process', {})
