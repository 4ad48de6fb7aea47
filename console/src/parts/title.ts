import { useEffect } from 'react';

export function useTitle(text: string): void {
  useEffect(() => {
    document.title = `${text} · Ferryman`;
  }, [text]);
}
