// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// The joining page: a name and devices, then a plain meeting. What it captures and sends leaves the hum of the mains, and
// the flicker of light, as they are.

import * as api from "./api.js";
import { el, fill, put } from "./format.js";

const at = (id) => document.getElementById(id);
const { Room, RoomEvent, Track } = globalThis.LivekitClient ?? {};

let nominal = 0, preview, room, meter;

// Noise suppression and voice isolation destroy harmonics from the third on; echo cancellation and gain control are harmless.
const sound = (device) => ({
  noiseSuppression: false, voiceIsolation: false, echoCancellation: true, autoGainControl: true, channelCount: 2,
  ...(device && { deviceId: { exact: device } }),
});

// Light flickers at twice the grid's frequency. Of 120 Hz, 30 pictures a second see a standstill, and so do 25 of 100 Hz:
// the other rate is asked for.
const frameRate = () => (nominal === 60 ? 25 : 30);
const picture = (device) => ({
  width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: frameRate(), max: frameRate() },
  ...(device && { deviceId: { exact: device } }),
});

// Opus goes without discontinuous transmission, which cuts the hum out of pauses, and as stereo at 64 kb/s, where it codes
// the waveform (CELT) and not a model of a voice. One layer of video: a change of layer breaks the flicker's phase.
const publishing = () => ({
  dtx: false, red: false, forceStereo: true, audioPreset: { maxBitrate: 64_000 }, stopMicTrackOnMute: false,
  simulcast: false, videoCodec: "vp8", backupCodec: false, videoEncoding: { maxBitrate: 1_700_000, maxFramerate: frameRate() },
  degradationPreference: "maintain-resolution", // a picture that changes its size is another camera to the guard
});

function problem(words) {
  at("problem").hidden = !words;
  put(at("problem"), words);
}

function link(state, words) {
  at("link-state").dataset.state = state;
  put(at("link-text"), words);
}

// why says in words why a device cannot be had.
function why(error) {
  return {
    NotAllowedError: "the browser was not allowed to use it", NotFoundError: "there is none", NotReadableError: "another program uses it",
    OverconstrainedError: "the one that was chosen is gone",
  }[error.name] ?? error.message;
}

async function look() {
  stopPreview();
  const streams = [];
  const wanted = [["camera", { video: picture(at("camera").value) }], ["microphone", { audio: sound(at("microphone").value) }]];
  const missing = [];
  for (const [what, constraints] of wanted) {
    try {
      streams.push(await navigator.mediaDevices.getUserMedia(constraints));
    } catch (error) {
      missing.push(`No ${what}: ${why(error)}.`);
    }
  }
  preview = new MediaStream(streams.flatMap((s) => s.getTracks()));
  at("preview").srcObject = preview;
  put(at("preview-note"), missing.join(" "));
  if (preview.getAudioTracks().length) listen(preview);
  await listDevices();
}

function stopPreview() {
  for (const t of preview?.getTracks() ?? []) t.stop();
  preview = undefined;
  at("preview").srcObject = null;
  meter?.close();
  meter = undefined;
}

// listen moves the level with the loudness of a stream.
function listen(stream) {
  const context = meter = new AudioContext();
  const analyser = context.createAnalyser(), samples = new Float32Array(512);
  analyser.fftSize = samples.length;
  context.createMediaStreamSource(stream).connect(analyser);
  const draw = () => {
    if (meter !== context) return;
    analyser.getFloatTimeDomainData(samples);
    const rms = Math.sqrt(samples.reduce((sum, v) => sum + v * v, 0) / samples.length);
    at("level").style.width = `${Math.min(100, Math.max(0, 100 + 25 * Math.log10(rms + 1e-6)))}%`;
    requestAnimationFrame(draw);
  };
  draw();
}

async function listDevices() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  for (const [id, kind] of [["microphone", "audioinput"], ["camera", "videoinput"]]) {
    const of = devices.filter((d) => d.kind === kind && d.deviceId);
    const select = at(id), chosen = select.value;
    fill(select, JSON.stringify(of.map((d) => [d.deviceId, d.label])), () => [
      el("option", { value: "" }, "Default"), ...of.map((d, i) => el("option", { value: d.deviceId }, d.label || `${id} ${i + 1}`)),
    ]);
    select.value = [...select.options].some((o) => o.value === chosen) ? chosen : "";
  }
}

async function chooseRoom() {
  const wanted = new URLSearchParams(location.search).get("room");
  try {
    const { rooms, joining } = await api.rooms().catch((error) => {
      if (error.status !== 403 || !wanted) throw error;
      return { rooms: [{ name: wanted }], joining: true }; // the token may be for that one
    });
    if (!joining) return problem("This guard gives no tokens: join with a client of the conference.");
    const names = rooms.map((r) => r.name);
    if (!names.length) return problem("No meeting is watched here, so there is none to join.");
    at("room-label").hidden = at("room-select").hidden = names.length < 2;
    at("room-select").replaceChildren(...names.map((n) => el("option", { value: n }, n)));
    at("room-select").value = names.includes(wanted) ? wanted : names[0];
    await about();
  } catch (error) {
    problem(error.status === 401 ? `This guard asks for a token (${error.message}). Give it to the guard's first page, or behind this page's address as #token=TOKEN.`
      : `The guard cannot be asked: ${error.message}.`);
  }
}

async function about() {
  const name = at("room-select").value;
  put(at("room-name"), `Join ${name}`);
  nominal = (await api.roomNow(name).catch(() => null))?.truth.nominal_hz ?? 0;
}

async function enter() {
  problem("");
  at("enter").disabled = true;
  link("waiting", "Joining");
  const name = at("room-select").value;
  try {
    const { url, token } = await api.token(name, at("name").value);
    room = new Room({ adaptiveStream: false, dynacast: false, publishDefaults: publishing(), audioCaptureDefaults: sound(at("microphone").value) });
    watch(room);
    await room.connect(url, token);
    await publish();
    at("lobby").hidden = true;
    at("meeting").hidden = false;
    link("live", "In the meeting");
    put(at("room-name"), name);
    document.title = `${name} – DeFakePro`;
    drawTiles();
    at("mute").focus();
  } catch (error) {
    await leave();
    problem(`The meeting cannot be joined: ${error.message}.`);
  } finally {
    at("enter").disabled = false;
  }
}

// publish sends what the preview shows; the tracks are those that were captured, so that nothing is asked for again. A picture of which the
// detail matters is one that Chromium's VP8 does not average over time against noise, which it takes flicker for.
async function publish() {
  meter?.close();
  meter = undefined;
  const sources = { audio: Track.Source.Microphone, video: Track.Source.Camera };
  for (const track of preview?.getTracks() ?? []) {
    if (track.kind === "video") track.contentHint = "detail";
    await room.localParticipant.publishTrack(track, { ...publishing(), source: sources[track.kind] });
  }
  for (const [id, source] of [["mute", Track.Source.Microphone], ["blind", Track.Source.Camera]]) at(id).disabled = !room.localParticipant.getTrackPublication(source);
}

async function leave() {
  const former = room;
  room = undefined;
  await former?.disconnect();
  at("meeting").hidden = true;
  at("lobby").hidden = false;
  at("tiles").replaceChildren();
  tiles.clear();
  link("idle", "Not joined");
  await look();
}

function watch(r) {
  const E = RoomEvent;
  for (const e of [E.ParticipantConnected, E.ParticipantDisconnected, E.TrackSubscribed, E.TrackUnsubscribed, E.TrackMuted, E.TrackUnmuted, E.LocalTrackPublished, E.ActiveSpeakersChanged, E.ParticipantNameChanged]) r.on(e, drawTiles);
  r.on(E.AudioPlaybackStatusChanged, () => { at("sound").hidden = r.canPlaybackAudio; });
  r.on(E.Reconnecting, () => link("lost", "Reconnecting"));
  r.on(E.Reconnected, () => link("live", "In the meeting"));
  r.on(E.Disconnected, () => {
    if (room !== r) return;
    leave();
    problem("The meeting has ended, or the connection is lost.");
  });
}

const tiles = new Map();

function drawTiles() {
  if (!room) return;
  const people = [room.localParticipant, ...room.remoteParticipants.values()];
  for (const [id, tile] of tiles) {
    if (people.some((p) => p.identity === id)) continue;
    tile.element.remove();
    tiles.delete(id);
  }
  for (const p of people) {
    const self = p === room.localParticipant;
    if (!tiles.has(p.identity)) {
      const label = el("p", { class: "label" }), video = el("video", { autoplay: true, playsinline: true, muted: true }), audio = el("audio", { autoplay: true });
      video.muted = true;
      const element = el("li", { class: self ? "self" : "" }, video, audio, label);
      tiles.set(p.identity, { element, label, video, audio });
      at("tiles").append(element);
    }
    const tile = tiles.get(p.identity);
    const camera = p.getTrackPublication(Track.Source.Camera), microphone = p.getTrackPublication(Track.Source.Microphone);
    show(tile.video, camera?.isMuted ? undefined : camera?.track);
    if (!self) show(tile.audio, microphone?.track);
    tile.video.setAttribute("aria-label", `Picture of ${p.name || p.identity}`);
    put(tile.label, `${p.name || p.identity}${self ? " (you)" : ""}${microphone?.isMuted ? " · muted" : ""}`);
    tile.element.classList.toggle("speaking", p.isSpeaking);
  }
}

// show has an element play a track, or nothing.
function show(media, track) {
  const playing = track?.attachedElements.includes(media);
  if (media.track && media.track !== track) media.track.detach(media);
  if (track && !playing) track.attach(media);
  media.track = track;
}

async function toggle(button, source, words) {
  const publication = room?.localParticipant.getTrackPublication(source);
  if (!publication) return;
  const off = !publication.isMuted;
  await (off ? publication.mute() : publication.unmute());
  button.dataset.off = String(off);
  put(button, words[off ? 1 : 0]);
  drawTiles();
}

at("lobby").addEventListener("submit", (e) => {
  e.preventDefault();
  enter();
});
at("leave").addEventListener("click", leave);
at("mute").addEventListener("click", (e) => toggle(e.target, Track.Source.Microphone, ["Mute", "Unmute"]));
at("blind").addEventListener("click", (e) => toggle(e.target, Track.Source.Camera, ["Camera off", "Camera on"]));
at("sound").addEventListener("click", () => room?.startAudio());
for (const id of ["camera", "microphone"]) at(id).addEventListener("change", look);
at("room-select").addEventListener("change", about);

if (!navigator.mediaDevices || !Room) {
  problem("This browser cannot join: it takes WebRTC, and a page over HTTPS or on this machine.");
  at("enter").disabled = true;
} else {
  navigator.mediaDevices.addEventListener("devicechange", listDevices);
  chooseRoom().then(look);
}
