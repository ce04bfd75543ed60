/** Serves the built page on loopback, as a plain file server does, with or without the headers that allow threads. */
import { createServer, type Server } from 'node:http'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'

const DIST = new URL('../../dist/', import.meta.url).pathname
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css' }
const ISOLATED = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }

export interface Served {
  readonly address: string
  close(): void
}

/**
 * @param missing part of the path of files that are not there.
 * @param before laid before the worker's script.
 */
export async function serve({ isolated = true, missing = '', before = '' } = {}): Promise<Served> {
  const server: Server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname)
    const name = path === '/' ? 'index.html' : path.slice(1)
    const type = TYPES[extname(name)] ?? 'application/octet-stream'
    const found = missing && name.includes(missing) ? Promise.reject(new Error('missing')) : readFile(join(DIST, name))
    found.then(
      (data) => {
        const sent = name.includes('worker') ? Buffer.concat([Buffer.from(before), data]) : data
        response.writeHead(200, { 'Content-Type': type, ...(isolated ? ISOLATED : {}) }).end(sent)
      },
      () => response.writeHead(404).end(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { address: `http://127.0.0.1:${port}/`, close: () => server.close() }
}
