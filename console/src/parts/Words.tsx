import { useLanguage } from '../i18n';
import { ERRORS_ZH } from '../i18n/errors.zh';

/** What an error says: in Chinese its meaning by the code, then what and where as the service tells it. */
export function Words({ code, text }: { code: string; text: string }) {
  const meaning = useLanguage() === 'zh' ? ERRORS_ZH[code] : undefined;
  if (!meaning) return <span className="wrap">{text}</span>;
  return (
    <span className="wrap">
      {meaning}
      <span className="dim small block" lang="en">
        {text}
      </span>
    </span>
  );
}
