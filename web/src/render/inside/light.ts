/** How much light reaches the inside of a mouth: little through a slit, and less under the upper lip. */
import { blur } from '../../picture/blur'
import { enlargePlane, shrinkPlane } from '../../picture/resize'
import { roundEven, smooth, type Plane } from '../../picture/types'
import { warpPlane } from '../../picture/warp'

const FROM_ABOVE = 0.055 // eye distances that the upper lip's shadow reaches down
const DEPTH = 0.05 // eye distances: an opening of about this lets half of the light in
const [LEAST, MOST_AT] = [0.58, 0.62] // light in the narrowest slit; how much must be open for all of it
const LIP_SHADE = 0.24 // what the upper lip's shadow takes away

/** Light, 0 … 1, over a mask of where the lips are open; `unit` pixels of one eye distance. */
export function lit(mask: Plane, unit: number): Plane {
  const small = Math.min(1, 60 / unit)
  const [width, height] = [mask.width, mask.height].map((side) => Math.max(8, roundEven(side * small))) as [number, number]
  const plane = shrinkPlane(mask, width, height)
  const fine = unit * small
  const open = blur(plane, DEPTH * fine, 'zero')
  const lowered = warpPlane(plane, [1, 0, 0, 0, 1, FROM_ABOVE * fine], width, height)
  const above = blur(lowered, 0.4 * FROM_ABOVE * fine)
  const light = open.data.map(
    (value, k) => (LEAST + (1 - LEAST) * smooth(value / MOST_AT)) * (1 - LIP_SHADE * (1 - above.data[k]!)),
  )
  return enlargePlane({ ...plane, data: light }, mask.width, mask.height)
}
