/** LEGO themes: the code that is stored, and the name clients know it by. */
export const THEMES = {
  architecture: 'Architecture',
  art: 'Art',
  bionicle: 'BIONICLE',
  botanicals: 'Botanicals',
  castle: 'Castle',
  city: 'City',
  classic: 'Classic',
  creator: 'Creator',
  disney: 'Disney',
  duplo: 'DUPLO',
  friends: 'Friends',
  'harry-potter': 'Harry Potter',
  icons: 'Icons',
  ideas: 'Ideas',
  'jurassic-world': 'Jurassic World',
  marvel: 'Marvel',
  minecraft: 'Minecraft',
  'monkie-kid': 'Monkie Kid',
  ninjago: 'NINJAGO',
  pirates: 'Pirates',
  space: 'Space',
  'speed-champions': 'Speed Champions',
  'star-wars': 'Star Wars',
  'super-mario': 'Super Mario',
  technic: 'Technic',
  trains: 'Trains',
  other: 'Other',
} as const

export type ThemeCode = keyof typeof THEMES
export type ThemeName = (typeof THEMES)[ThemeCode]

export const THEME_NAMES = Object.values(THEMES)

const codes = new Map(Object.entries(THEMES).map(([code, name]) => [name, code as ThemeCode]))

export function themeCode(name: ThemeName): ThemeCode {
  return codes.get(name)!
}
