/**
 * Nothing a page shows moves under a pressed finger.
 *
 * A click is a press and a release over the same element. News that comes between the two can move a button away, or put
 * another one in its place: the click is lost, or meets what nobody aimed at. So what comes by itself waits that long.
 */
const MOST_MS = 3000;

let pressed = false;
let patience: ReturnType<typeof setTimeout> | undefined;
const waiting: (() => void)[] = [];

/** Do it now, or once the button or finger is up; in the order of the calls. Who holds on for longer than a click is not waited for. */
export function whenReleased(work: () => void): void {
  if (pressed) waiting.push(work);
  else work();
}

export function press(): void {
  pressed = true;
  clearTimeout(patience);
  patience = setTimeout(release, MOST_MS);
}

export function release(): void {
  pressed = false;
  clearTimeout(patience);
  waiting.splice(0).forEach((work) => work());
}

/** Watch the page; what ends a press is told behind the click that it makes. */
export function watchPresses(page: EventTarget): void {
  page.addEventListener('pointerdown', press, true);
  for (const end of ['pointerup', 'pointercancel']) page.addEventListener(end, () => setTimeout(release), true);
}
