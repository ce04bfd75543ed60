// Lays beside the page what it is made of: the networks, what their cards say, the runtime. None of it is committed twice.
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { parse } from 'smol-toml'

const web = join(dirname(fileURLToPath(import.meta.url)), '..')
const project = join(web, '..')
const read = (...path) => parse(readFileSync(join(project, 'lipsync_edge', 'models', ...path), 'utf8'))

const preset = read('presets', 'lite.toml')
const stages = ['detect', 'landmarks', 'segment', 'voice']
const cards = Object.fromEntries(stages.map((stage) => [stage, read('specs', `${preset[stage]}.toml`)]))
const manifest = JSON.parse(readFileSync(join(project, 'models_onnx', 'manifest.json'), 'utf8'))

const fresh = (name) => {
  const folder = join(web, name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return folder
}

const models = fresh('public/models')
const files = {}
for (const stage of stages) {
  files[stage] = `${preset[stage]}.int8.onnx`
  const data = readFileSync(join(project, 'models_onnx', files[stage]))
  const sha256 = createHash('sha256').update(data).digest('hex')
  if (manifest.files[files[stage]]?.sha256 !== sha256) throw new Error(`${files[stage]} is not the file that the manifest names`)
  writeFileSync(join(models, files[stage]), data)
}

const sides = new Set([cards.landmarks, cards.segment].map((card) => card.inputs[0].axes[1]))
if (sides.size !== 1) throw new Error('landmarks and regions must be found in the same crop')
const { columns, offset } = cards.voice.audio
writeFileSync(
  join(fresh('src/generated'), 'cards.json'),
  JSON.stringify(
    {
      files,
      detectSide: preset.detect_side ?? 320,
      cropSide: [...sides][0],
      detect: cards.detect.detect,
      audio: { columns, offset },
      shapes: cards.voice.shapes,
      segment: cards.segment.segment,
    },
    null,
    2,
  ),
)

const runtime = join(web, 'node_modules', 'onnxruntime-web', 'dist')
const ort = fresh('public/ort')
cpSync(join(runtime, 'ort-wasm-simd-threaded.mjs'), join(ort, 'ort-wasm-simd-threaded.mjs'))
const wasm = readFileSync(join(runtime, 'ort-wasm-simd-threaded.wasm'))
writeFileSync(join(ort, 'ort.wasm.bin'), gzipSync(wasm, { level: 9 }))

for (const name of ['LICENSE', 'NOTICE']) cpSync(join(project, name), join(web, 'public', `${name}.txt`))
