/** Objects from a CSV as OMS's console exports it; the service reads it. */
import type { ChangeEvent } from 'react';
import { useAct } from '../../api/act';
import { postText } from '../../api/client';
import type { ObjectList } from '../../api/types';
import { useText } from '../../i18n';
import { Failed } from '../../parts/States';
import type { PageProps } from './pageProps';

export function ByList({ form, change }: Pick<PageProps, 'form' | 'change'>) {
  const t = useText();
  const { failure, run } = useAct();
  const take = async (event: ChangeEvent<HTMLInputElement>) => {
    const file = event.target.files?.[0];
    if (!file) return;
    const read = async () => change({ list: await postText<ObjectList>('/api/v1/objects/import', await file.text(), 'text/csv') });
    if (!(await run(read))) change({ list: null });
  };
  return (
    <div className="narrow-form">
      <p className="dim">{t('wizard.list.hint')}</p>
      <label className="field">
        <span>{t('wizard.list.file')}</span>
        <input type="file" accept=".csv,text/csv" onChange={(event) => void take(event)} />
      </label>
      {failure && <Failed failure={failure} />}
      {form.list && (
        <>
          <p role="status">{t('wizard.list.read', { count: form.list.tables })}</p>
          <ul className="chosen" tabIndex={0}>
            {form.list.objects.map((name) => (
              <li key={name}>
                <code className="wrap">{name}</code>
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
