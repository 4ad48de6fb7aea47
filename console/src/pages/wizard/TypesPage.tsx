import { useText } from '../../i18n';
import { Alert, Checkbox } from '../../ui';
import { KINDS, type Kind } from './form';
import type { PageProps } from './Wizard';

export function TypesPage({ form, change, strict }: PageProps) {
  const t = useText();
  const toggle = (kind: Kind) =>
    change({ types: form.types.includes(kind) ? form.types.filter((each) => each !== kind) : [...form.types, kind] });
  return (
    <>
      <ul className="options">
        {KINDS.map((kind) => (
          <li key={kind}>
            <Checkbox checked={form.types.includes(kind)} onChange={() => toggle(kind)}>
              <strong>{t(`wizard.type.${kind}`)}</strong>
              <span className="dim block">{t(`wizard.type.${kind}Hint`)}</span>
            </Checkbox>
          </li>
        ))}
      </ul>
      {strict && form.types.length === 0 && <Alert role="alert" type="error" showIcon message={t('wizard.typeNeeded')} />}
      {form.types.includes('verify') && !form.types.includes('full') && (
        <Alert type="info" showIcon message={t('wizard.verifyNeedsFull')} />
      )}
    </>
  );
}
