import { CopyOutlined } from '@oceanbase/icons';
import { useText } from '../i18n';
import { App, Button } from '../ui';

/** Text to read and to copy, as it is. */
export function Sql({ text, label }: { text: string; label: string }) {
  return (
    <div className="sql">
      <pre tabIndex={0} aria-label={label} role="region">
        {text}
      </pre>
      <Copy text={text} />
    </div>
  );
}

export function Copy({ text, children }: { text: string; children?: string }) {
  const t = useText();
  const { message } = App.useApp();
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    message.success(t('app.copied'));
  };
  return (
    <Button size="small" icon={<CopyOutlined />} aria-label={children ? undefined : t('app.copy')} onClick={copy}>
      {children}
    </Button>
  );
}
