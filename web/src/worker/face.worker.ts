/** The thread in which faces are found and made, so that the page never stutters. */
import type { Asked, Told } from './protocol'
import { Speaker } from './speaker'

const speaker = new Speaker((told: Told, moved: Transferable[] = []) => self.postMessage(told, { transfer: moved }))
self.onmessage = (event: MessageEvent<Asked>) => speaker.take(event.data)
