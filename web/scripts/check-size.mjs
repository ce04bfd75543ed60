// Counts what the built page is made of, and fails where it is larger than it may be.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const MOST = 8_000_000 // bytes of all files as they lie on the disk, networks and runtime included, no server's packing

const dist = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist')
const files = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name))
  .sort()
let [raw, packed] = [0, 0]
for (const file of files) {
  const size = statSync(file).size
  const small = Math.min(size, gzipSync(readFileSync(file), { level: 9 }).length)
  raw += size
  packed += small
  console.log(`${String(size).padStart(9)} ${String(small).padStart(9)}  ${relative(dist, file)}`)
}
console.log(`${String(raw).padStart(9)} ${String(packed).padStart(9)}  in all (bytes; as they lie, gzip)`)
if (raw > MOST) {
  console.error(`The page may have ${MOST} bytes; it has ${raw}.`)
  process.exit(1)
}
