/** A function at one point. */
export interface Slope {
  readonly loss: number;
  readonly gradient: Float64Array;
}

/** A function at one point to second order; the Hessian [n, n] is row-major and symmetric. */
export interface LocalCurvature extends Slope {
  readonly hessian: Float64Array;
}

/**
 * A smooth function that is evaluated at many points at once. `members` says for which of several problems each point
 * is, where these differ (each has its own chart, say); by default point i is of member i.
 */
export interface Objective {
  readonly size: number;
  slopes(points: readonly Float64Array[], members?: readonly number[]): Promise<readonly Slope[]>;
  curvatures(points: readonly Float64Array[], members?: readonly number[]): Promise<readonly LocalCurvature[]>;
  /** With the Gauss-Newton matrix for the Hessian. */
  gaussNewton?(points: readonly Float64Array[], members?: readonly number[]): Promise<readonly LocalCurvature[]>;
}
