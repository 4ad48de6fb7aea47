/** Dialogs that give the focus back to what opened them, also when they are gone at once, or came after a call. */
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

let last: Element | null = null;
document.addEventListener('focusin', (event) => (last = event.target as Element), true);

/** Where the focus is; a button that waits for a call may have lost it meanwhile. */
function focused(): Element | null {
  const here = document.activeElement;
  return here && here !== document.body ? here : last;
}

function useReturn(open: boolean): void {
  const shown = useRef(false);
  const opener = useRef<Element | null>(null);
  if (open && !shown.current) opener.current = focused(); // before a field of the dialog takes the focus
  shown.current = open;
  useEffect(
    () => () => {
      const back = opener.current;
      if (shown.current && back instanceof HTMLElement) setTimeout(() => back.isConnected && back.focus());
    },
    [],
  );
}
