/** The page: what its buttons do, and what it says. */
import { MOST_FINE, openCamera, photoOfFile, smaller, type Camera, type Photo } from './page/photo'
import { record, type Recording } from './page/recorder'
import { Refused } from './page/refused'
import { Failed, SpeakerClient } from './page/speakerClient'
import { Stage } from './page/stage'
import { VoiceSession } from './page/voiceSession'

const FPS = 25
const SEEN = 0.5 // of the mouth: less than this is said

function element<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id)
  if (!found) throw new Error(`the page has no ${id}`)
  return found as T
}

const stageArea = element('stage')
const canvas = element<HTMLCanvasElement>('face')
const video = element<HTMLVideoElement>('camera')
const photoInput = element<HTMLInputElement>('photo')
const soundInput = element<HTMLInputElement>('sound')
const talk = element<HTMLButtonElement>('talk')
const stop = element<HTMLButtonElement>('stop')
const useCamera = element<HTMLButtonElement>('use-camera')
const takePicture = element<HTMLButtonElement>('take-picture')
const recordButton = element<HTMLButtonElement>('record')
const saved = element<HTMLAnchorElement>('download')

const client = new SpeakerClient()
const stage = new Stage(canvas)
const session = new VoiceSession(client, stage)
let camera: Camera | undefined
let recording: Recording | undefined
let threads = 0
let hasFace = false

function say(text: string): void {
  element('status').textContent = text
}

function complain(error: unknown): void {
  const box = element('error')
  const isKnown = error instanceof Refused || error instanceof Failed
  box.textContent = error === undefined ? '' : isKnown ? error.message : `Something went wrong: ${String(error)}`
  box.hidden = error === undefined
}

function enable(): void {
  const can = hasFace && threads > 0
  talk.disabled = !can || (session.isBusy && !session.isLive)
  soundInput.disabled = !can || session.isBusy
  recordButton.disabled = !can
  stop.hidden = session.isLive || !session.isBusy
  talk.textContent = session.isLive ? 'Stop speaking' : 'Speak into the microphone'
  talk.setAttribute('aria-pressed', String(session.isLive))
  recordButton.setAttribute('aria-pressed', String(recording !== undefined))
  recordButton.textContent = recording ? 'Stop recording' : 'Record'
}

/** Do what a person asked for; what cannot be done is said. */
async function doing(work: () => Promise<void> | void): Promise<void> {
  complain(undefined)
  try {
    await work()
  } catch (error) {
    complain(error)
  }
  enable()
}

async function show(photo: Photo): Promise<void> {
  if (session.isBusy) session.stop()
  hasFace = false
  stageArea.classList.add('full')
  element('empty').hidden = true
  canvas.hidden = false
  const pixels = stage.show(photo.source, photo.width, photo.height)
  say('Looking for the face …')
  const { seen, fine } = await client.photo(pixels).catch((error: unknown) => {
    say('Take another photo.')
    throw error
  })
  if (fine > MOST_FINE * 1.05) return show(smaller(photo, MOST_FINE / fine))
  hasFace = true
  say(seen < SEEN ? 'The mouth is covered, so it will hardly move. Take another photo.' : 'Ready. Now a voice.')
}

async function closeCamera(): Promise<void> {
  camera?.stop()
  camera = undefined
  video.hidden = takePicture.hidden = true
}

async function play(file: Blob): Promise<void> {
  if (!hasFace) throw new Refused('First a photo: the voice needs a face.')
  if (session.isBusy) throw new Refused('One voice at a time: stop the other one first.')
  say('Reading the sound …')
  await session.play(file)
  say('Playing.')
}

async function take(files: Iterable<File>): Promise<void> {
  for (const file of files) {
    if (file.type.startsWith('image/')) await photoOfFile(file).then(show)
    else await play(file)
  }
}

photoInput.onchange = () => void doing(() => take(photoInput.files ?? [])).then(() => (photoInput.value = ''))
soundInput.onchange = () =>
  void doing(async () => {
    for (const file of soundInput.files ?? []) await play(file)
  }).then(() => (soundInput.value = ''))

useCamera.onclick = () =>
  void doing(async () => {
    if (camera) return closeCamera()
    camera = await openCamera(video)
    element('empty').hidden = canvas.hidden = true
    video.hidden = takePicture.hidden = false
    say('Look straight ahead, mouth shut.')
  })
takePicture.onclick = () =>
  void doing(async () => {
    const photo = await camera?.take()
    await closeCamera()
    if (photo) await show(photo)
  })

talk.onclick = () =>
  void doing(async () => {
    if (session.isLive) return session.stop()
    await session.talk()
    say(`Speak. The face follows ${Math.round(session.lookaheadMs)} ms behind, and as long as a frame takes.`)
  })

stop.onclick = () => void doing(() => session.stop())

recordButton.onclick = () =>
  void doing(async () => {
    if (!recording) {
      recording = record(canvas, session.sound, FPS)
      saved.hidden = true
      return
    }
    const file = await recording.stop()
    recording = undefined
    URL.revokeObjectURL(saved.href)
    saved.href = URL.createObjectURL(file)
    saved.hidden = false
  })

session.onEnd = () => {
  say('Ready. Another voice, or another photo.')
  enable()
}
client.onFailed = (error) => {
  complain(error)
  enable()
}

for (const kind of ['dragover', 'dragleave', 'drop'] as const) {
  document.addEventListener(kind, (event) => {
    event.preventDefault()
    stageArea.classList.toggle('over', kind === 'dragover')
    if (kind === 'drop') void doing(() => take(event.dataTransfer?.files ?? []))
  })
}

setInterval(() => {
  const { fps, medianMs } = session.meter
  const speed = fps ? `${fps.toFixed(1)} frames a second, ${medianMs.toFixed(0)} ms each. ` : ''
  element('figures').textContent = threads ? `${speed}${threads} thread${threads === 1 ? '' : 's'}.` : ''
}, 500)

void doing(async () => {
  threads = await client.open().catch((error: unknown) => {
    say('This page cannot work here.')
    throw error
  })
  say(hasFace ? 'Ready. Now a voice.' : 'Ready. First a photo.')
})
