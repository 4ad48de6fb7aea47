/** Which columns of a table move, and what becomes of their values. */
import { useState } from 'react';
import { useText } from '../../i18n';
import { isEmpty, NO_COLUMN_RULES, pairsIn, type ColumnFields } from '../../logic/columns';
import { Button, Form, Input, Modal, Select } from '../../ui';
import type { PageProps } from './pageProps';

interface Props extends Pick<PageProps, 'form' | 'change'> {
  name: string;
  columnsKey: string;
}

export function ColumnsButton(props: Props) {
  const t = useText();
  const [open, setOpen] = useState(false);
  const set = !isEmpty(props.form.columns[props.columnsKey]);
  return (
    <>
      <Button size="small" type={set ? 'primary' : 'default'} aria-label={`${t('wizard.columns.open')} ${props.name}`} onClick={() => setOpen(true)}>
        {t('wizard.columns.open')}
      </Button>
      {open && <Editor {...props} onClose={() => setOpen(false)} />}
    </>
  );
}

function Editor({ name, columnsKey, form, change, onClose }: Props & { onClose: () => void }) {
  const t = useText();
  const [fields, setFields] = useState(form.columns[columnsKey] ?? NO_COLUMN_RULES);
  const [hashKey, setHashKey] = useState(form.hashKey);
  const set = (part: Partial<ColumnFields>) => setFields((before) => ({ ...before, ...part }));
  const bad = (text: string) => pairsIn(text) === null;
  const hashes = Object.values(pairsIn(fields.transforms) ?? {}).includes('hash');
  const save = () => {
    change({ columns: { ...form.columns, [columnsKey]: fields }, hashKey });
    onClose();
  };
  return (
    <Modal
      open
      title={t('wizard.columns.title', { name })}
      okText={t('app.save')}
      cancelText={t('app.cancel')}
      onCancel={onClose}
      onOk={save}
      okButtonProps={{ disabled: bad(fields.transforms) || bad(fields.add) || (hashes && !hashKey) }}
    >
      <Form layout="vertical" component="div">
        {(['keep', 'leaveOut'] as const).map((each) => (
          <Form.Item key={each} label={t(`wizard.columns.${each}`)} htmlFor={`columns-${each}`} extra={t('wizard.columns.type')}>
            <Select id={`columns-${each}`} mode="tags" open={false} value={fields[each]} onChange={(names: string[]) => set({ [each]: names })} />
          </Form.Item>
        ))}
        {(['transforms', 'add'] as const).map((each) => (
          <Form.Item
            key={each}
            label={t(`wizard.columns.${each}`)}
            htmlFor={`columns-${each}`}
            validateStatus={bad(fields[each]) ? 'error' : undefined}
            help={bad(fields[each]) ? t('wizard.columns.wrong') : undefined}
          >
            <Input.TextArea id={`columns-${each}`} rows={2} className="code" spellCheck={false} value={fields[each]} onChange={(event) => set({ [each]: event.target.value })} />
          </Form.Item>
        ))}
        {hashes && (
          <Form.Item label={t('wizard.columns.hashKey')} htmlFor="columns-hash-key" required>
            <Input.Password id="columns-hash-key" autoComplete="new-password" value={hashKey} onChange={(event) => setHashKey(event.target.value)} />
          </Form.Item>
        )}
      </Form>
    </Modal>
  );
}
