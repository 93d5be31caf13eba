import { defineErrors } from '@banyan/service'

export const fail = defineErrors('inventory', {
  COUNT_OUT_OF_BOUNDS: {
    status: 409,
    title: 'The count would be out of bounds',
    detail: 'It would be {would} of {total}; 0 to {total} are allowed',
  },
  TOTAL_BELOW_ACQUIRED: {
    status: 409,
    title: 'There are more already',
    detail: 'There are {acquired} already: the total must not be less; given {total}',
  },
  ITEM_EXISTS: {
    status: 409,
    title: 'The source has this item',
    detail: 'The source has an item of this part, colour and name: change its total',
  },
  COST_IS_SET: {
    status: 409,
    title: 'The cost is set',
    detail: 'The cost of a purchase cannot be changed once it is set',
  },
})
