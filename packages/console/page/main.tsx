import './styles/base.css'
import './styles/controls.css'
import './styles/overview.css'
import './styles/extraction.css'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { applyTheme, chosenTheme } from './ui/theme.ts'

applyTheme(chosenTheme())
createRoot(document.getElementById('page')!).render(<App />)
