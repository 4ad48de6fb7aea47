/** The one door to the design system: pages import from here, so that it can be changed in one place. */
export {
  Alert,
  App,
  Badge,
  Button,
  Card,
  Checkbox,
  Collapse,
  ConfigProvider,
  Descriptions,
  Dropdown,
  Form,
  Input,
  InputNumber,
  List,
  Menu,
  Pagination,
  Progress,
  Radio,
  Segmented,
  Select,
  Skeleton,
  Space,
  Steps,
  Switch,
  Table,
  Tag,
  Timeline,
  Tooltip,
  Tree,
  Typography,
  theme,
} from '@oceanbase/design';
export { Drawer, Modal } from './parts/dialogs';
export type { TableColumnsType, MenuProps } from '@oceanbase/design';

/** What a checkbox tells. */
export interface Ticked {
  target: { checked: boolean };
}
