/** Whether anybody looks: a window out of sight needs no stream, and a browser opens only six to a server. */
import { useEffect, useState } from 'react';

const UNSEEN_MS = 10_000;

/** Whether somebody sees the window: false once it has been out of sight for a while. */
export function useVisible(): boolean {
  const [seen, setSeen] = useState(!document.hidden);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      clearTimeout(timer);
      if (document.hidden) timer = setTimeout(() => setSeen(false), UNSEEN_MS);
      else setSeen(true);
    };
    document.addEventListener('visibilitychange', look);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }, []);
  return seen;
}
