import type { Bar, Lane, Mark, Timeline } from './timeline.ts';
import { ticksOf } from './timeline.ts';

/** Positions are percentages, so that the picture fits any width and its text keeps its size. */
export function TimelineView({ timeline: { total, lanes } }: { timeline: Timeline }) {
  const place = (time: number): string => `${((100 * time) / Math.max(total, 1)).toFixed(3)}%`;
  return (
    <div class="timeline">
      {lanes.map((lane, index) => (
        <LaneView key={index} lane={lane} place={place} total={total} />
      ))}
      <svg class="axis" role="presentation">
        {ticksOf(total).map((tick) => (
          <g key={tick}>
            <line x1={place(tick)} x2={place(tick)} y1="0" y2="5" />
            <text
              x={place(tick)}
              y="18"
              text-anchor={tick === 0 ? 'start' : tick > 0.93 * total ? 'end' : 'middle'}
            >
              {formatTick(tick)}
            </text>
          </g>
        ))}
      </svg>
    </div>
  );
}

type Place = (time: number) => string;

/** The part of the timeline that the name of a bar needs on a phone. */
const ROOM = 0.2;

function LaneView(props: { lane: Lane; place: Place; total: number }) {
  const { lane, place, total } = props;
  const { name, bars, marks } = lane;
  return (
    <div class="lane">
      <span class="lane-name">{name}</span>
      <svg role="img" aria-label={`${name}: ${bars.length} bars, ${marks.length} kernel reports`}>
        {bars.map((bar, index) => (
          <BarView key={index} bar={bar} place={place} />
        ))}
        {bars
          .filter(({ name, from, to }) => name !== undefined && to - from > ROOM * total)
          .map((bar, index) => (
            <BarName key={index} bar={bar} place={place} />
          ))}
        {marks.map((mark) => (
          <MarkView key={mark.splat} mark={mark} place={place} />
        ))}
      </svg>
    </div>
  );
}

function BarView({ bar: { from, to, kind, title, test }, place }: { bar: Bar; place: Place }) {
  const rect = (
    <rect
      class={`bar is-${kind}`}
      x={place(from)}
      y="6"
      width={place(to - from)}
      height="18"
      rx="2"
    >
      <title>{title}</title>
    </rect>
  );
  return test === undefined ? rect : <a href={`#t${test}`}>{rect}</a>;
}

/** The name of a bar, if the bar has room for it. */
function BarName({ bar: { name, from }, place }: { bar: Bar; place: Place }) {
  return (
    <text class="bar-name" x={place(from)} dx="6" y="19">
      {name}
    </text>
  );
}

/** A pin: a line through the lane, with a head that is easy to hit. */
function MarkView({ mark: { at, isFatal, title, splat }, place }: { mark: Mark; place: Place }) {
  return (
    <a href={`#report-${splat}`} class={isFatal ? 'mark is-fatal' : 'mark'}>
      <title>{title}</title>
      <line x1={place(at)} x2={place(at)} y1="4" y2="28" />
      <circle cx={place(at)} cy="5" r="5" />
    </a>
  );
}

/** `0`, `30 s`, `5 min`, `1 h 30 min`. */
function formatTick(ms: number): string {
  if (ms === 0) return '0';
  if (ms < 60_000) return `${ms / 1000} s`;
  const [hours, minutes] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60];
  const seconds = Math.round(ms / 1000) % 60;
  if (hours > 0) return minutes === 0 ? `${hours} h` : `${hours} h ${minutes} min`;
  return seconds === 0 ? `${minutes} min` : `${minutes} min ${seconds} s`;
}
