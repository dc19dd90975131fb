import { scalar, type Value, where } from "../graph/index.ts";

// Rational minimax approximations of W. J. Cody, Math. Comp. 23 (1969), 631-637; highest power first.
const small = {
  numerator: [0.18577770618460315, 3.1611237438705655, 113.86415415105016, 377.485237685302, 3209.3775891384694],
  denominator: [1, 23.601290952344122, 244.02463793444417, 1282.6165260773723, 2844.236833439171],
};
const middle = {
  numerator: [
    2.1531153547440383e-8, 0.5641884969886701, 8.883149794388377, 66.11919063714163, 298.6351381974001,
    881.952221241769, 1712.0476126340707, 2051.0783778260716, 1230.3393547979972,
  ],
  denominator: [
    1, 15.744926110709835, 117.6939508913125, 537.1811018620099, 1621.3895745666903, 3290.7992357334597,
    4362.619090143247, 3439.3676741437216, 1230.3393548037495,
  ],
};
const large = {
  numerator: [
    0.016315387137302097, 0.30532663496123236, 0.36034489994980445, 0.12578172611122926, 0.016083785148742275,
    0.0006587491615298378,
  ],
  denominator: [
    1, 2.568520192289822, 1.8729528499234673, 0.5279051029514285, 0.06051834131244132, 0.0023352049762686918,
  ],
};

function polynomial(coefficients: readonly number[], x: Value): Value {
  const [head, ...rest] = coefficients as readonly [number, ...number[]];
  return rest.reduce((sum: Value, coefficient) => sum.mul(x).add(coefficient), scalar(head, x.dtype));
}

function ratio(
  form: { readonly numerator: readonly number[]; readonly denominator: readonly number[] },
  x: Value,
): Value {
  return polynomial(form.numerator, x).div(polynomial(form.denominator, x));
}

/** The error function in operators that runtimes have in float64. */
export function erfInFloat64(x: Value): Value {
  const magnitude = x.abs();
  // Each branch sees only arguments for which it neither overflows nor divides by zero.
  const near = magnitude.minimum(0.5);
  const mid = magnitude.maximum(0.4).minimum(4);
  const far = magnitude.maximum(4).minimum(6);
  const nearValue = near.mul(ratio(small, near.square()));
  const midValue = ratio(middle, mid).mul(mid.square().neg().exp()).neg().add(1);
  const inverse = far.square().reciprocal();
  const tail = inverse
    .mul(ratio(large, inverse))
    .neg()
    .add(1 / Math.sqrt(Math.PI));
  const farValue = tail.div(far).mul(far.square().neg().exp()).neg().add(1);
  const positive = where(magnitude.less(0.46875), nearValue, where(magnitude.less(4), midValue, farValue));
  return positive.mul(x.sign());
}
