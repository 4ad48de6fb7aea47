import { PlusOutlined } from '@oceanbase/icons';
import { useNavigate } from 'react-router-dom';
import { useMay } from '../api/session';
import { useText } from '../i18n';
import { Button } from '../ui';

export function NewProject() {
  const t = useText();
  const navigate = useNavigate();
  if (!useMay('operator')) return null;
  return (
    <Button type="primary" icon={<PlusOutlined />} onClick={() => navigate('/new')}>
      {t('projects.new')}
    </Button>
  );
}
