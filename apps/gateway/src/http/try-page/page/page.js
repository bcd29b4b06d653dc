// The page: it connects its parts and reports its state.

import { callApi, messageOf } from './gateway-http.js';
import { GatewaySocket, socketUrl } from './gateway-socket.js';
import { LiveTopic } from './live-topic.js';
import { Login } from './login.js';
import { PublishForm } from './publish-form.js';
import { element, RecordTable, ROWS_MAX } from './record-table.js';
import { FIRST_TOPIC, TopicPicker } from './topic-picker.js';
import { WorkerPair } from './worker-pair.js';

/** Interval at which a paused page asks for the number of waiting records. */
const PAUSED_POLL_MS = 2000;
const RATE_MS = 1000;
/** Number of consecutive failed attempts after which the page looks for the reason. */
const ATTEMPTS_UNTIL_EXPLAINED = 3;

class TryPage {
  #socket = new GatewaySocket({
    onState: (state) => this.#connectionChanged(state),
    onOpen: () => this.#connected(),
    onRefused: () => this.#login.untilAccepted(),
    onEvent: ({ event, data }) => {
      this.#live?.received(event, data);
      this.#workers.received(event, data);
    },
  });
  #login = new Login();
  #picker = new TopicPicker({ onPick: () => this.#follow() });
  #publishForm = new PublishForm(this.#socket);
  #workers = new WorkerPair(this.#socket);
  #table = new RecordTable(byId('rows'));
  /** The followed topic; undefined if there is none. */
  #live;
  #hasBeenOpen = false;
  #receivedCount = 0;
  #countAtLastTick = 0;
  #countdown;

  async start() {
    byId('pause').addEventListener('click', () => this.#togglePause());
    byId('clear').addEventListener('click', () => this.#clear());
    byId('reconnect').addEventListener('click', () => this.#socket.connect());
    byId('notice-close').addEventListener('click', () => notice(''));
    addEventListener('online', () => this.#socket.connect());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.#socket.connect();
    });
    setInterval(() => this.#showCounts(), RATE_MS);
    setInterval(() => void this.#showPaused(), PAUSED_POLL_MS);
    const asked = new URLSearchParams(location.search);
    const from = asked.get('from');
    if (from === 'earliest' || from === 'latest') this.#picker.from = from;
    await this.#login.untilAccepted();
    this.#socket.connect();
    await this.#loadTopics(asked.get('topic') ?? undefined);
  }

  async #loadTopics(wanted) {
    try {
      await this.#picker.refresh(wanted);
      if (wanted !== undefined && this.#picker.topic !== wanted) {
        notice(`There is no topic “${wanted}”.`);
      }
      this.#follow();
    } catch (error) {
      byId('empty-text').textContent = messageOf(error);
    }
  }

  /** Follows the chosen topic from the chosen position. */
  #follow() {
    this.#live?.close();
    this.#live = undefined;
    this.#clear();
    notice('');
    const { topic, from } = this.#picker;
    this.#publishForm.setTopic(topic, this.#picker.partitionCount);
    this.#workers.setTopic(topic);
    byId('pause').disabled = topic === undefined;
    byId('stream-heading').textContent = topic ?? 'Records';
    showPauseButton(false);
    showCode(topic ?? FIRST_TOPIC);
    if (topic === undefined) {
      byId('empty-text').textContent = 'There is no topic yet. Create the first one.';
      return;
    }
    history.replaceState(null, '', `?${new URLSearchParams({ topic, from })}`);
    document.title = `${topic} · Sluice`;
    this.#live = new LiveTopic(
      this.#socket,
      { topic, from },
      {
        onRecords: (records) => this.#recordsReceived(records),
        onLive: (isLive) => this.#liveChanged(isLive),
        onGap: notice,
        onEnd: (text) => this.#ended(text),
      },
    );
  }

  #connected() {
    if (this.#live !== undefined) void this.#live.subscribe();
    else if (this.#hasBeenOpen) void this.#loadTopics();
    this.#workers.connected();
    this.#hasBeenOpen = true;
  }

  #connectionChanged({ name, failedAttempts, retryMs }) {
    clearInterval(this.#countdown);
    byId('reconnect').hidden = name !== 'waiting';
    if (name === 'open') {
      showConnection('open', 'Connected');
    } else if (name === 'connecting') {
      showConnection('connecting', this.#hasBeenOpen ? 'Connecting again…' : 'Connecting…');
    } else {
      this.#live?.disconnected();
      this.#workers.disconnected();
      this.#countDown(Date.now() + retryMs);
      if (failedAttempts === ATTEMPTS_UNTIL_EXPLAINED) void explainFailure();
    }
  }

  #countDown(untilMs) {
    const show = () => {
      const seconds = Math.max(1, Math.ceil((untilMs - Date.now()) / 1000));
      showConnection('waiting', `Connection lost; trying again in ${seconds} s`);
    };
    show();
    this.#countdown = setInterval(show, 1000);
  }

  #liveChanged(isLive) {
    document.body.classList.toggle('is-live', isLive);
    if (!isLive) return;
    notice('');
    showConnection('live', 'Live');
    const { size } = this.#live.offsets;
    this.#publishForm.setTopic(this.#live.topic, size);
    const isEmpty = this.#picker.from !== 'latest';
    byId('empty-text').textContent = `Listening. ${
      isEmpty ? 'There is no record in this topic yet. ' : ''
    }Every record published from now on appears here as soon as it is stored.`;
  }

  #ended(text) {
    showConnection('stopped', 'Stopped');
    notice(text);
    byId('pause').disabled = true;
    void this.#picker.refresh().catch(() => undefined);
  }

  #recordsReceived(records) {
    this.#table.add(records);
    this.#receivedCount += records.length;
    byId('empty').hidden = true;
    byId('clear').disabled = false;
    this.#showCounts(false);
  }

  #clear() {
    this.#table.clear();
    this.#receivedCount = 0;
    this.#countAtLastTick = 0;
    byId('empty').hidden = false;
    byId('clear').disabled = true;
    byId('counts').textContent = '';
  }

  #showCounts(isTick = true) {
    const count = this.#receivedCount;
    const parts = [];
    if (count > 0) parts.push(`${count.toLocaleString()} ${count === 1 ? 'record' : 'records'}`);
    if (count > ROWS_MAX) parts.push(`newest ${ROWS_MAX} shown`);
    if (isTick) {
      const rate = Math.max(0, count - this.#countAtLastTick);
      this.#countAtLastTick = count;
      if (rate > 0) parts.push(`${rate.toLocaleString()}/s`);
    }
    byId('counts').textContent = parts.join(' · ');
  }

  #togglePause() {
    const live = this.#live;
    if (live === undefined) return;
    if (live.isPaused) live.resume();
    else live.pause();
    showPauseButton(live.isPaused);
    void this.#showPaused();
  }

  /** Shows the number of waiting records: those on the page, and those still in the log. */
  async #showPaused() {
    const live = this.#live;
    if (!live?.isPaused) {
      byId('paused').textContent = '';
      return;
    }
    let count = live.waitingCount;
    try {
      const { partitions } = await callApi(`v1/topics/${encodeURIComponent(live.topic)}`);
      for (const { partition, highWatermark } of partitions) {
        count += Math.max(0, highWatermark - (live.offsets.get(partition) ?? 0));
      }
    } catch {
      // The number of records on the page is shown instead.
    }
    if (this.#live !== live || !live.isPaused) return;
    const records = count === 1 ? 'record waits' : 'records wait';
    byId('paused').textContent =
      count === 0
        ? 'Paused. No record is lost: new records wait in the log.'
        : `Paused. ${count.toLocaleString()} ${records} for you.`;
  }
}

function showConnection(state, text) {
  byId('connection').dataset.state = state;
  byId('connection-text').textContent = text;
}

function showPauseButton(isPaused) {
  byId('pause').setAttribute('aria-pressed', String(isPaused));
  byId('pause').textContent = isPaused ? 'Resume' : 'Pause';
  if (!isPaused) byId('paused').textContent = '';
}

/** @param text empty removes the message */
function notice(text) {
  byId('notice').hidden = text === '';
  byId('notice-text').textContent = text;
}

/** A browser does not report why a WebSocket was refused; an HTTP request finds the reason. */
async function explainFailure() {
  try {
    await callApi('health/ready');
    notice(
      'The gateway answers over HTTP, but refuses the WebSocket. A proxy in between may not pass ' +
        'upgrades, or SLUICE_CORS_ORIGINS does not name the origin of this page.',
    );
  } catch (error) {
    notice(
      `${messageOf(error)} This page continues by itself, without a gap, when the gateway is back.`,
    );
  }
}

function showCode(topic) {
  const name = JSON.stringify(topic).replaceAll("'", "\\'").slice(1, -1);
  byId('code-javascript').textContent =
    `const socket = new WebSocket('${socketUrl()}', 'sluice.v1');
socket.onopen = () => socket.send(JSON.stringify({
  event: 'subscribe',
  data: { subscription: 'mine', topic: '${name}', from: 'latest' },
}));
socket.onmessage = (message) => {
  const { event, data } = JSON.parse(message.data);
  if (event !== 'records') return;
  for (const { offset, value } of data.records) console.log(offset, value);
};`;
  const path = `v1/topics/${encodeURIComponent(topic)}`;
  byId('code-shell').textContent = `curl -N '${new URL(`${path}/events`, document.baseURI).href}'
curl '${new URL(`${path}/records`, document.baseURI).href}' -d 'hello'`;
}

function byId(id) {
  return document.getElementById(id);
}

for (const snippet of document.querySelectorAll('.snippet')) {
  if (navigator.clipboard === undefined) continue;
  const button = element('button', { type: 'button', className: 'quiet' }, 'Copy');
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(snippet.querySelector('code').textContent);
    button.textContent = 'Copied';
  });
  snippet.append(button);
}

void new TryPage().start();
