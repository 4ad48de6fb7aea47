import { useText } from '../../i18n';
import { Alert, Checkbox } from '../../ui';
import { kindsOf, typesOf, type Kind } from './form';
import type { PageProps } from './pageProps';

export function TypesPage({ form, change, strict }: PageProps) {
  const t = useText();
  const toggle = (kind: Kind) =>
    change({ types: form.types.includes(kind) ? form.types.filter((each) => each !== kind) : [...form.types, kind] });
  return (
    <>
      <ul className="options">
        {kindsOf(form).map((kind) => (
          <li key={kind}>
            <Checkbox checked={form.types.includes(kind)} onChange={() => toggle(kind)}>
              <strong>{t(`wizard.type.${kind}`)}</strong>
              <span className="dim block">{t(form.sync && kind !== 'incremental' ? `wizard.syncType.${kind as 'schema' | 'full'}Hint` : `wizard.type.${kind}Hint`)}</span>
            </Checkbox>
          </li>
        ))}
      </ul>
      {strict && typesOf(form).length === 0 && <Alert role="alert" type="error" showIcon message={t('wizard.typeNeeded')} />}
      {kindsOf(form).includes('reverse') && form.types.includes('reverse') && <Alert type="info" showIcon message={t('wizard.reverseLimits')} />}
      {!form.sync && form.types.includes('verify') && !form.types.includes('full') && (
        <Alert type="info" showIcon message={t('wizard.verifyNeedsFull')} />
      )}
    </>
  );
}
