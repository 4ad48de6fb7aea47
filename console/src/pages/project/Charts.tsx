import { LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TooltipComponent } from 'echarts/components';
import * as echarts from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { useEffect, useRef, useState } from 'react';
import { query } from '../../api/client';
import { useLoaded } from '../../api/load';
import type { Project, Sample } from '../../api/types';
import { useText } from '../../i18n';
import { useDark } from '../../look';
import { bytes, count, duration } from '../../logic/format';
import { seriesOf, type Measure } from '../../logic/series';
import { Failed, Nothing, Panel } from '../../parts/States';
import { Segmented } from '../../ui';
import { useBeat } from './beat';

echarts.use([LineChart, GridComponent, LegendComponent, TooltipComponent, CanvasRenderer]);

const RANGES = [
  { value: 3600, label: 'chart.hour' },
  { value: 6 * 3600, label: 'chart.sixHours' },
  { value: 24 * 3600, label: 'chart.day' },
  { value: 7 * 24 * 3600, label: 'chart.week' },
] as const;

const REST_MS = 10_000; // as far apart as samples are

/** How the values of a chart are written, on its axis and in its tooltip. */
const WRITTEN = {
  rows: (value: number) => count(value),
  bytes: (value: number) => `${bytes(value)}/s`,
  latency: (value: number) => (value === 0 ? '0' : duration(value)),
};

interface Line {
  name: string;
  color: string;
  points: [number, number | null][];
}

export default function Charts({ project }: { project: Project }) {
  const t = useText();
  const [range, setRange] = useState<number>(3600);
  const names = project.steps.map((step) => step.name);
  const load = useSamples(project.id, names.includes('load') ? 'load' : null, range);
  const apply = useSamples(project.id, names.includes('apply') ? 'apply' : null, range);
  const failure = load.failure ?? apply.failure;
  const samples = { load: load.data ?? [], apply: apply.data ?? [] };
  const empty = samples.load.length + samples.apply.length === 0;
  const bothOf = (measure: Measure): Line[] => [
    { name: t('chart.load'), points: seriesOf(samples.load, measure), color: '#f49f25' },
    { name: t('chart.apply'), points: seriesOf(samples.apply, measure), color: '#0d6cf2' },
  ];
  const latency: Line[] = [
    { name: t('chart.behind'), points: seriesOf(samples.apply, 'latency_seconds'), color: '#0d6cf2' },
    { name: t('chart.p50'), points: seriesOf(samples.apply, 'latency_p50'), color: '#0a9b7a' },
    { name: t('chart.p99'), points: seriesOf(samples.apply, 'latency_p99'), color: '#d9485f' },
  ];
  return (
    <Panel
      title={t('project.charts')}
      extra={
        <Segmented
          value={range}
          onChange={(value) => setRange(Number(value))}
          options={RANGES.map((each) => ({ value: each.value, label: t(each.label) }))}
        />
      }
    >
      {failure && <Failed failure={failure} again={load.again} />}
      {!failure && empty && <Nothing text={t('chart.empty')} />}
      {!empty && (
        <div className="charts">
          <Chart title={t('chart.rows')} lines={bothOf('rows_per_second')} written={WRITTEN.rows} />
          <Chart title={t('chart.bytes')} lines={bothOf('bytes_per_second')} written={WRITTEN.bytes} />
          {names.includes('apply') && <Chart title={t('chart.latency')} lines={latency} written={WRITTEN.latency} />}
        </div>
      )}
    </Panel>
  );
}

function useSamples(id: string, step: string | null, range: number) {
  const begin = Math.floor(Date.now() / 60_000) * 60 - range; // by the minute: the address stays the same while it is renewed
  return useLoaded<Sample[]>(step && `/api/v1/projects/${id}/samples${query({ step, begin })}`, useBeat(), REST_MS);
}

function Chart({ title, lines, written }: { title: string; lines: Line[]; written: (value: number) => string }) {
  const dark = useDark();
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<echarts.ECharts | null>(null);
  useEffect(() => {
    const made = echarts.init(place.current!, dark ? 'dark' : undefined, { renderer: 'canvas' });
    chart.current = made;
    const resize = new ResizeObserver(() => made.resize());
    resize.observe(place.current!);
    return () => {
      resize.disconnect();
      made.dispose();
    };
  }, [dark]);
  useEffect(() => {
    chart.current?.setOption(
      {
        backgroundColor: 'transparent',
        animation: false,
        grid: { left: 8, right: 12, top: 28, bottom: 4, containLabel: true },
        legend: { top: 0, right: 0, itemHeight: 8, textStyle: { color: dark ? '#cdd5e4' : '#3b4a69' } },
        tooltip: { trigger: 'axis', renderMode: 'richText', valueFormatter: (value: unknown) => written(Number(value)) },
        xAxis: { type: 'time', axisLabel: { color: dark ? '#a3aec2' : '#5c6b8a', hideOverlap: true } },
        yAxis: { type: 'value', min: 0, axisLabel: { color: dark ? '#a3aec2' : '#5c6b8a', formatter: written }, splitLine: { lineStyle: { color: dark ? '#303848' : '#e2e8f3' } } },
        series: lines.filter((line) => line.points.length > 0).map((line) => ({
          type: 'line',
          name: line.name,
          data: line.points,
          showSymbol: line.points.length < 3,
          color: line.color,
          lineStyle: { width: 2 },
        })),
      },
      { notMerge: true },
    );
  }, [lines, written, dark]);
  const most = lines.reduce((top, line) => line.points.reduce((high, [, value]) => Math.max(high, value ?? 0), top), 0);
  return (
    <figure className="chart">
      <figcaption>{title}</figcaption>
      <div ref={place} role="img" aria-label={`${title}: max ${written(most)}`} />
    </figure>
  );
}
