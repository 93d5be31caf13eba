/** What the Wishlist Service is called, and where it listens. It depends on no other service. */
export const NAME = 'wishlist'
export const PORT = 9400
