import { GlobalOutlined, MoonOutlined, SunOutlined } from '@oceanbase/icons';
import { setLanguage, useLanguage, useText } from '../i18n';
import { setDark, useDark } from '../look';
import { Button } from '../ui';

export function LookAndLanguage() {
  const t = useText();
  const language = useLanguage();
  const dark = useDark();
  return (
    <>
      <Button
        type="text"
        icon={<GlobalOutlined />}
        lang={language === 'zh' ? 'en' : 'zh-CN'}
        onClick={() => setLanguage(language === 'zh' ? 'en' : 'zh')}
      >
        {language === 'zh' ? 'English' : '中文'}
      </Button>
      <Button
        type="text"
        aria-label={`${t('nav.theme')}: ${t(dark ? 'nav.light' : 'nav.dark')}`}
        icon={dark ? <SunOutlined /> : <MoonOutlined />}
        onClick={() => setDark(!dark)}
      />
    </>
  );
}
