import { createRoot } from 'react-dom/client';
import './nonce';
import './console.css';
import { Console } from './app';
import { watchPresses } from './api/pressed';
import { setLanguage } from './i18n';

const chosen = localStorage.getItem('ferryman.language');
if (chosen === 'en' || chosen === 'zh') setLanguage(chosen);
else document.documentElement.lang = navigator.language.toLowerCase().startsWith('zh') ? 'zh-CN' : 'en';

watchPresses(window);
createRoot(document.getElementById('root')!).render(<Console />);
