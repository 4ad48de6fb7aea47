/** What the service says, in the language of the page. */
import { useMeaning, useSaid } from '../i18n/said';

/** What an error says. Where the page's language has no words for it: what its code means, then the service's own words. */
export function Words({ code, text }: { code: string; text: string }) {
  const { said, title, known } = useMeaning(code, text);
  if (known || !title) return <span className="wrap">{said}</span>;
  return (
    <span className="wrap">
      {title}
      <span className="dim small block" lang="en">
        {text}
      </span>
    </span>
  );
}

/** Any other sentence of the service. */
export function Said({ text }: { text: string }) {
  return <>{useSaid()(text)}</>;
}

/** What to do about it. */
export function Remedy({ text }: { text: string | null | undefined }) {
  const said = useSaid();
  return text ? <p className="hint">→ {said(text)}</p> : null;
}
