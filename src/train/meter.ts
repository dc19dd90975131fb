import type { EpochRecord, TrainingState } from "./state.ts";

/** Collects the batch losses and errors of every member into one record per epoch. */
export function epochMeter(state: TrainingState, stepsPerEpoch: number) {
  const lossSums = [...state.lossSums];
  const errorSums = [...state.errorSums];
  const history = [...state.history];
  const addTo = (sums: number[], values: ArrayLike<number>) => {
    for (let m = 0; m < sums.length; m++) sums[m] = (sums[m] as number) + (values[m] as number);
  };
  const takeMeans = (sums: number[]) => {
    const means = sums.map((sum) => sum / stepsPerEpoch);
    sums.fill(0);
    return means;
  };
  return {
    add(losses: ArrayLike<number>, errors: ArrayLike<number> | null): void {
      addTo(lossSums, losses);
      if (errors) addTo(errorSums, errors);
    },
    endEpoch(epoch: number, learningRate: number, hasError: boolean): EpochRecord {
      const loss = takeMeans(lossSums);
      const record = { epoch, learningRate, loss, error: hasError ? takeMeans(errorSums) : null };
      history.push(record);
      return record;
    },
    read: () => ({ history: [...history], lossSums: [...lossSums], errorSums: [...errorSums] }),
  };
}
