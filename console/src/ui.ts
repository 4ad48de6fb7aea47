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
  Drawer,
  Dropdown,
  Form,
  Input,
  InputNumber,
  List,
  Menu,
  Modal,
  Pagination,
  Progress,
  Radio,
  Result,
  Segmented,
  Select,
  Skeleton,
  Space,
  Steps,
  Switch,
  Table,
  Tabs,
  Tag,
  Timeline,
  Tooltip,
  Tree,
  Typography,
  theme,
} from '@oceanbase/design';
export type { TableColumnsType, MenuProps } from '@oceanbase/design';

/** What a checkbox tells. */
export interface Ticked {
  target: { checked: boolean };
}
