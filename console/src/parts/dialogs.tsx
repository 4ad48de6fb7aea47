/** Dialogs that give the focus back to what opened them, also when they are gone at once. */
import { Drawer as DesignDrawer, Modal as DesignModal } from '@oceanbase/design';
import { useEffect, useRef, type ComponentProps } from 'react';

export function Modal(props: ComponentProps<typeof DesignModal>) {
  useReturn(!!props.open);
  return <DesignModal {...props} />;
}

export function Drawer(props: ComponentProps<typeof DesignDrawer>) {
  useReturn(!!props.open);
  return <DesignDrawer {...props} />;
}

function useReturn(open: boolean): void {
  const shown = useRef(false);
  const opener = useRef<Element | null>(null);
  if (open && !shown.current) opener.current = document.activeElement; // before a field of the dialog takes the focus
  shown.current = open;
  useEffect(
    () => () => {
      const back = opener.current;
      if (shown.current && back instanceof HTMLElement) setTimeout(() => back.isConnected && back.focus());
    },
    [],
  );
}
